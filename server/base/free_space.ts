/** The room on the disk of a folder. */

import { statfs } from "node:fs/promises";

/** Below this, ended calls may soon have no place to wait while the database is away. */
export const MIN_FREE_BYTES = 500 * 1024 * 1024;

/** Bytes free for the gateway on the disk of `folder`. Throws where the folder cannot be looked at. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
