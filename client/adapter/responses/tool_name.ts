/** Names of tools in namespaces, for dialects that have none: one name that contains both. */

import { shortHash } from "../short_hash.ts";

/** The most that every provider takes. */
const MAX_CHARS = 64;
const SEPARATOR = "__";

/** Returns the tool's name in other dialects: its own, or that of its namespace and its own. */
export function flatToolName(namespace: string | null | undefined, name: string): string {
  if (!namespace) return name;
  const flat = namespace.endsWith(SEPARATOR) ? namespace + name : namespace + SEPARATOR + name;
  if (flat.length <= MAX_CHARS) return flat;
  const hash = shortHash(flat);
  return `${flat.slice(0, MAX_CHARS - hash.length - 1)}_${hash}`;
}
