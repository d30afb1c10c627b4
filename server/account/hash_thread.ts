/** The program of a thread that hashes passwords, one at a time, after everything else that the machine has to do. */

import { constants, getPriority, setPriority } from "node:os";
import type { Bcrypt } from "./bcrypt.ts";
import type { HashJob, HashResult } from "./hash_threads.ts";

declare const self: Worker;

let library: Promise<{ bcrypt: Bcrypt }> | null = null;

// What is sent before this stands would be lost, so the library, which takes a while, is loaded afterwards.
self.onmessage = async ({ data }: MessageEvent<HashJob>) => {
  library ??= loadLibrary();
  self.postMessage(await resultOf(data, library));
};

async function resultOf(job: HashJob, library: Promise<{ bcrypt: Bcrypt }>): Promise<HashResult> {
  try {
    const { bcrypt } = await library;
    const value = "cost" in job
      ? bcrypt.hashSync(job.password, job.cost)
      : bcrypt.verifySync(job.password, job.hash);
    return { value };
  } catch (error) {
    return { problem: String(error) };
  }
}

async function loadLibrary() {
  const library = await import("./bcrypt.ts");
  yieldToOthers();
  return library;
}

/**
 * Lowers the priority of this thread, which only Linux can do; elsewhere it would be the whole
 * program's. Not before everything is loaded: threads that loading starts, and that all threads of
 * the program share, would inherit it.
 */
function yieldToOthers(): void {
  if (process.platform !== "linux") return;
  try {
    const { PRIORITY_BELOW_NORMAL } = constants.priority;
    // A program whose own priority is as low is not to be overtaken by its passwords.
    if (getPriority() < PRIORITY_BELOW_NORMAL) setPriority(PRIORITY_BELOW_NORMAL);
  } catch {
    // A sandbox may forbid it: then passwords are hashed as fast as everything else is done.
  }
}
