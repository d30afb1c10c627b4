/** Where the repository lies, whatever folder a task was started from. */

import { join } from "node:path";

export const root: string = join(import.meta.dir, "..");

/** A path inside the repository. */
export function at(...parts: string[]): string {
  return join(root, ...parts);
}
