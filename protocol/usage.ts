/**
 * Usage that only the books need: asked for in the caller's name, and kept out of what the caller
 * sees. In v1 the gateway does both, in v2 the node.
 */

import { withMember, withoutMember } from "./json_text.ts";

/** The part of a streamed chunk that tells whether it speaks of usage. */
export interface UsageChunk {
  usage?: object | null;
  choices?: unknown;
}

/**
 * A streaming request's body that asks for usage, whatever else its `stream_options` (given as
 * `options`) say. Only for streams: upstreams refuse `stream_options` on other calls.
 */
export function askForUsage(bodyText: string, options: object | null): string {
  return withMember(
    bodyText,
    "stream_options",
    JSON.stringify({ ...options, include_usage: true }),
  );
}

/**
 * A chunk as a caller gets it who did not ask for usage: the empty string for the chunk that only
 * tells usage, no `usage: null` in the others. Usage that an upstream tells unasked stays.
 */
export function withoutUsage(chunkText: string, chunk: UsageChunk): string {
  const isOnlyUsage = Array.isArray(chunk.choices) && chunk.choices.length === 0;
  if (isOnlyUsage && chunk.usage) return "";
  return chunk.usage === null ? withoutMember(chunkText, "usage") : chunkText;
}
