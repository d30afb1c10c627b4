/** How many files and sockets a process of ours may have open, and has. */

import { readdirSync } from "node:fs";

/** Throws, saying what to do, where this machine allows fewer. */
export function needDescriptors(count: number): void {
  const { stdout } = Bun.spawnSync(["sh", "-c", "ulimit -H -n"]);
  const allowed = stdout.toString().trim();
  if (allowed === "unlimited" || Number(allowed) >= count) return;
  throw new Error(
    `Cannot open ${count} sockets in one process: this shell allows ${allowed}; ` +
      `run \`ulimit -n ${count}\` as root before, or ask for fewer with --runs`,
  );
}

/** Stands before a program's words and lets it open as many as this machine allows. */
export const withAllDescriptors: readonly string[] = [
  "sh",
  "-c",
  `ulimit -S -n "$(ulimit -H -n)"; exec "$@"`,
  "sh",
];

/** What the process has open now. */
export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
