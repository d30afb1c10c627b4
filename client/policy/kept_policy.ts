/** Keeps on disk what of a policy outlasts a restart of the node. */

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import type { KeptPolicy } from "./gate.ts";

const shape = z.object({
  usage: z.object({ atMs: z.number(), tokens: z.record(z.string(), z.number()) }),
  ownerPause: z.object({ untilMs: z.number().nullable() }).nullable(),
});

/** What was kept; empty where nothing was, or where it cannot be read. */
export function readKept(path: string): KeptPolicy {
  try {
    return shape.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return {};
  }
}

/** Replaces what was kept. A disk that takes nothing costs the memory of it, never a call. */
export function writeKept(path: string, kept: KeptPolicy): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.new`, JSON.stringify(kept), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  } catch {
    // Counting goes on in memory.
  }
}
