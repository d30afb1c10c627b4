/**
 * Usage for the ledger alone: requested in the caller's name, and removed from what the caller gets.
 * In v1 the gateway does both, in v2 the node.
 */

import { withMember, withoutMember } from "./json_text.ts";

/** The members of a streamed chunk that show whether it reports usage. */
export interface UsageChunk {
  usage?: object | null;
  choices?: unknown;
}

/**
 * A streaming request's body, changed to ask for usage. `options` are its `stream_options`, which keep
 * their other members. Only for streams: upstreams reject `stream_options` in other calls.
 */
export function askForUsage(bodyText: string, options: object | null): string {
  return withMember(
    bodyText,
    "stream_options",
    JSON.stringify({ ...options, include_usage: true }),
  );
}

/**
 * A chunk for a caller who did not ask for usage: the empty string for the chunk that only reports
 * usage, and other chunks without `usage: null`. Usage that an upstream reports unasked stays.
 */
export function withoutUsage(chunkText: string, chunk: UsageChunk): string {
  const isOnlyUsage = Array.isArray(chunk.choices) && chunk.choices.length === 0;
  if (isOnlyUsage && chunk.usage) return "";
  return chunk.usage === null ? withoutMember(chunkText, "usage") : chunkText;
}
