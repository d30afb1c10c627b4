/** The notices of every package in this program, which the build lays beside its code. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Its path inside the executable; null: run from source, where each package has its own. */
export const licensesFile: string | null = typeof Bun === "object" && Bun.isStandaloneExecutable
  ? join(import.meta.dir, "licenses.txt")
  : null;

/** What `--licenses` prints. */
export function licenses(): string {
  if (licensesFile !== null) return readFileSync(licensesFile, "utf8").trimEnd();
  return "This program runs from source: each package in node_modules/ has its licence beside it.";
}
