/** Resident memory of a process with all its descendants. */

import { readFileSync } from "node:fs";
import { tree } from "./cpu.ts";

/** In KiB. Pages that several of the processes share are counted for each. */
export function residentKib(root: number): number {
  return tree(root).reduce((sum, { pid }) => sum + resident(pid), 0);
}

/** The lowest of several looks, after `settleMs`: what is needed, not what happens to lie about. */
export async function settledKib(root: number, settleMs: number): Promise<number> {
  await Bun.sleep(settleMs);
  const looks: number[] = [];
  for (let i = 0; i < 5; i++) {
    looks.push(residentKib(root));
    await Bun.sleep(200);
  }
  return Math.min(...looks);
}

function resident(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0);
  } catch {
    // It ended between being listed and being read.
    return 0;
  }
}
