/** Runs a system's own tool for a probe. */

import { execFile } from "node:child_process";

const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;
const ANSWER_WITHIN_MS = 1_500;

/** What the command printed; null: it is not there, has failed or takes too long. Never rejects. */
export function output(command: string, ...args: string[]): Promise<string | null> {
  const options = { timeout: ANSWER_WITHIN_MS, maxBuffer: MAX_OUTPUT_BYTES, windowsHide: true };
  return new Promise((resolve) => {
    try {
      execFile(command, args, options, (error, stdout) => resolve(error ? null : stdout));
    } catch {
      resolve(null);
    }
  });
}
