/** Ids of tool calls that Claude and its clients accept. */

import { shortHash } from "./short_hash.ts";

const ALLOWED = /^[a-zA-Z0-9_-]+$/;

/**
 * The same id where Claude takes it; otherwise one that only this id becomes, so that a call and
 * its result still find each other.
 */
export function toolId(id: string): string {
  if (ALLOWED.test(id)) return id;
  return `${id.replaceAll(/[^a-zA-Z0-9_-]/g, "_")}_${shortHash(id)}`;
}
