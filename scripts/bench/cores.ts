/** Which processor core measures what: what is measured has one to itself, everything else shares the rest. */

import { readFileSync } from "node:fs";
import { run } from "../program.ts";
import { processes, tree } from "./cpu.ts";

/** Lists of cores, as `taskset -c` takes them. */
export interface Cores {
  /** For what is measured: a gateway, or nginx in its place. */
  measured: string;
  /** For upstream, node and load. */
  rest: string;
}

/** Throws where there are fewer than two cores, or no way to pin to them. */
export function chooseCores(): Cores {
  if (process.platform !== "linux" || Bun.which("taskset") === null) {
    throw new Error("Cannot measure: Linux and taskset (package util-linux) are needed");
  }
  const allowed = allowedCores(readFileSync("/proc/self/status", "utf8"));
  const last = allowed.pop();
  if (last === undefined || allowed.length === 0) {
    throw new Error("Cannot measure: two processor cores are needed, one for what is measured");
  }
  return { measured: String(last), rest: allowed.join(",") };
}

/** The command, kept to these cores. It keeps its process id: taskset becomes the command. */
export function pinned(cores: string, command: readonly string[]): string[] {
  return ["taskset", "-c", cores, ...command];
}

/** Keeps this process, its threads and whatever it starts from now on to these cores. */
export async function pinSelf(cores: string): Promise<void> {
  const { code, output } = await run(["taskset", "-a", "-p", "-c", cores, String(process.pid)]);
  if (code !== 0) throw new Error(`Cannot pin to cores ${cores}: ${output}`);
}

/** Keeps a process and its descendants, with all their threads, to these cores from now on. */
export async function pinTree(root: number, cores: string): Promise<void> {
  for (const { pid } of tree(root, processes())) {
    await run(["taskset", "-a", "-p", "-c", cores, String(pid)]);
  }
}

/** From `Cpus_allowed_list: 0-3,8` of a process's status. */
function allowedCores(status: string): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? "";
  return list.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}
