/** Lifts the runtime's limit of concurrent requests where a node may need more. */

import type { Log } from "../world.ts";

/** Bun's `fetch` runs this many requests at a time; more wait silently. */
const BUN_DEFAULT = 256;
const VARIABLE = "BUN_CONFIG_MAX_HTTP_REQUESTS";

type Process = Pick<NodeJS.Process, "argv" | "env" | "execPath" | "execve">;

/**
 * Bun reads its limit before any of our code runs, so the program replaces itself, once and in the
 * same process, with the limit in its environment. Returns if that is not needed or not possible.
 */
export function raiseConnectionLimit(maxParallel: number, process: Process, log: Log): void {
  const limit = Number(process.env[VARIABLE] ?? BUN_DEFAULT);
  if (maxParallel <= limit) return;
  if (process.execve === undefined) {
    log.warn(
      {},
      `max_parallel is over ${limit}: start with ${VARIABLE}=${maxParallel} in the environment`,
    );
    return;
  }
  const script = Bun.isStandaloneExecutable ? [] : [Bun.main];
  const args = [process.execPath, ...script, ...process.argv.slice(2)];
  process.execve(process.execPath, args, { ...process.env, [VARIABLE]: String(maxParallel) });
}
