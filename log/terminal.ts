/** The terminal that a program was started from, and whether it has been closed since. */

import { closeSync, openSync } from "node:fs";

/**
 * Called at a program's start, returns what tells at a SIGHUP whether the terminal was closed: a
 * program that was started by a service manager, or that is asked to reload, still has what it had.
 */
export function watchTerminal(): () => boolean {
  const hadTerminal = hasTerminal();
  return () => hadTerminal && !hasTerminal();
}

/** Whether the program has a controlling terminal, which `/dev/tty` stands for. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}
