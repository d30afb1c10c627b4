/** Processor time, as Linux counts it: of a process with all its descendants, and of the whole machine. */

import { readdirSync, readFileSync } from "node:fs";

/** One process's line in the kernel's books. */
export interface ProcessTimes {
  pid: number;
  parent: number;
  /** Used by itself and by descendants that have ended and were waited for. */
  cpuMs: number;
}

/** The kernel tells programs hundredths of a second on every architecture, whatever its own tick. */
const TICK_MS = 10;

/** Every process of the machine. */
export function processes(): ProcessTimes[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      return parseProcess(readFileSync(`/proc/${pid}/stat`, "utf8"));
    } catch {
      // It ended between being listed and being read.
      return [];
    }
  });
}

/** What the process `root` and all its descendants have used so far. */
export function treeCpuMs(root: number, all: readonly ProcessTimes[] = processes()): number {
  return tree(root, all).reduce((sum, one) => sum + one.cpuMs, 0);
}

/** The process `root` and all its descendants. */
export function tree(root: number, all: readonly ProcessTimes[] = processes()): ProcessTimes[] {
  const children = Map.groupBy(all, (one) => one.parent);
  const found = all.filter((one) => one.pid === root);
  for (const { pid } of found) found.push(...children.get(pid) ?? []);
  return found;
}

/** Used by all cores together, and stolen from them by other virtual machines. */
export function machineCpu(stat = readFileSync("/proc/stat", "utf8")): {
  busyMs: number;
  stolenMs: number;
} {
  const [user, nice, system, _idle, _iowait, irq, softirq, steal] = (stat.split("\n", 1)[0] ?? "")
    .trim().split(/\s+/).slice(1).map((ticks) => Number(ticks) * TICK_MS);
  const busyMs = [user, nice, system, irq, softirq].reduce<number>((a, b) => a + (b ?? 0), 0);
  return { busyMs, stolenMs: steal ?? 0 };
}

/** `pid (name) state ppid …`: the name may hold anything, even parentheses and spaces. */
export function parseProcess(line: string): ProcessTimes {
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  const field = (number: number) => Number(fields[number - 3]);
  const ticks = field(14) + field(15) + field(16) + field(17);
  return { pid: Number.parseInt(line), parent: field(4), cpuMs: ticks * TICK_MS };
}
