/**
 * Usage for the ledger alone: requested in the caller's name, and removed from what the caller gets.
 * In v1 the gateway does both, in v2 the node.
 */

import { withMember, withoutMember } from "./json_text.ts";

/** The members of a streamed chunk that show whether it reports usage. */
export interface UsageChunk {
  usage?: object | null;
  choices?: unknown;
  object?: unknown;
}

/**
 * A streaming request's body, changed to ask for usage. `options` are its `stream_options`, which keep
 * their other members. Only for streams: upstreams reject `stream_options` in other calls.
 */
export function askForUsage(bodyText: string, options: object | null): string {
  return withMember(bodyText, "stream_options", usageOptions(options));
}

/** The `stream_options` that ask for usage, as JSON. */
export function usageOptions(options: object | null): string {
  return JSON.stringify({ ...options, include_usage: true });
}

/** The members that say nothing beside usage: they are the same in all chunks of an answer. */
const sharedMembers: ReadonlySet<string> = new Set([
  "id",
  "object",
  "created",
  "model",
  "provider",
  "service_tier",
  "system_fingerprint",
  "obfuscation",
  "choices",
  "usage",
]);

/** Choices that say nothing: a program that never asked for a chunk without choices fails over one. */
const EMPTY_CHAT = '[{"index":0,"delta":{},"finish_reason":null}]';
const EMPTY_TEXT = '[{"index":0,"text":"","finish_reason":null}]';

/**
 * A chunk for a caller who did not ask for usage: the empty string for the chunk that only reports
 * usage, and other chunks without `usage: null`. What else the last chunk carries, such as the timings
 * of llama.cpp, stays; and so does usage that an upstream reports unasked.
 */
export function withoutUsage(chunkText: string, chunk: UsageChunk): string {
  const isAboutUsage = Array.isArray(chunk.choices) && chunk.choices.length === 0;
  if (!isAboutUsage || !chunk.usage) {
    return chunk.usage === null ? withoutMember(chunkText, "usage") : chunkText;
  }
  const saysMore = Object.entries(chunk).some(([name, value]) =>
    !sharedMembers.has(name) && value !== null
  );
  if (!saysMore) return "";
  const choices = chunk.object === "text_completion" ? EMPTY_TEXT : EMPTY_CHAT;
  return withMember(withoutMember(chunkText, "usage"), "choices", choices);
}
