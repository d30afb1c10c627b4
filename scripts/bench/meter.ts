/** What a piece of work cost: processor time of the programs watched, and of everybody else. */

import { machineCpu, processes, treeCpuMs } from "./cpu.ts";

export interface Cost {
  seconds: number;
  /** By the names of those watched. */
  cpuMs: Record<string, number>;
  /**
   * Cores that other programs on this machine kept busy meanwhile, on average, and cores that other
   * virtual machines took.
   */
  foreignCores: number;
}

/** Does `work` and says what it cost; `watched` are process ids by name, each counted with its descendants. */
export async function metered<T>(
  watched: Readonly<Record<string, number>>,
  work: () => Promise<T>,
): Promise<Cost & { result: T }> {
  const before = look(watched);
  const result = await work();
  const after = look(watched);
  const elapsedMs = after.atMs - before.atMs;
  const foreignMs = after.foreignMs - before.foreignMs;
  return {
    result,
    seconds: elapsedMs / 1000,
    cpuMs: Object.fromEntries(
      Object.entries(after.cpuMs).map(([name, ms]) => [name, ms - (before.cpuMs[name] ?? 0)]),
    ),
    // The machine's count is taken by sampling, ours is exact: the difference may fall below zero.
    foreignCores: Math.max(0, foreignMs / elapsedMs),
  };
}

function look(watched: Readonly<Record<string, number>>) {
  const all = processes();
  const { busyMs, stolenMs } = machineCpu();
  return {
    atMs: performance.now(),
    cpuMs: Object.fromEntries(
      Object.entries(watched).map(([name, pid]) => [name, treeCpuMs(pid, all)]),
    ),
    // Everything that the benchmark started descends from this process.
    foreignMs: busyMs + stolenMs - treeCpuMs(process.pid, all),
  };
}
