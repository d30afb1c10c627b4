/** Tool call ids that Claude and its clients accept. */

import { shortHash } from "./short_hash.ts";

const ALLOWED = /^[a-zA-Z0-9_-]+$/;

/**
 * Returns the id unchanged if Claude accepts it, else a sanitised one. Equal ids map to equal ids and
 * different ones to different ones, so a result still matches its call.
 */
export function toolId(id: string): string {
  if (ALLOWED.test(id)) return id;
  return `${id.replaceAll(/[^a-zA-Z0-9_-]/g, "_")}_${shortHash(id)}`;
}
