/** Estimates the tokens of a request, for providers that cannot count them. */

import type { ModelRequest, Part } from "./model_request.ts";

/** Tokenizers differ: an estimate had better be too high than too low. */
const SAFETY_FACTOR = 1.1;

/** What a chat template adds around each message. */
const TOKENS_PER_MESSAGE = 4;

/** About what a large image costs at Anthropic, and more than most others ask for. */
const TOKENS_PER_IMAGE = 1_600;

/** A PDF's text and page images, by the characters of its base64. */
const CHARS_PER_FILE_TOKEN = 20;

/** A word costs the square of its length, and Chinese or base64 can be one word. */
const CHARS_AT_ONCE = 256;

/** The event loop is free again after so long. */
const BUSY_MS = 10;

/** Words whose tokens are remembered, each of up to `CHARS_AT_ONCE`; the package's own default is ten times that. */
const MAX_CACHED_WORDS = 10_000;

/** Rejects once the signal aborts. */
export async function estimateTokens(request: ModelRequest, signal: AbortSignal): Promise<number> {
  const { countTokens, setMergeCacheSize } = await import("gpt-tokenizer/encoding/o200k_base");
  setMergeCacheSize(MAX_CACHED_WORDS);
  const { system, turns, tools } = request;
  const parts = [...system, ...turns.flatMap((turn) => turn.parts)];
  const definitions = tools.map(({ name, description, schema }) =>
    `${name} ${description ?? ""} ${schema?.text ?? ""}`
  );
  let tokens = (turns.length + 2) * TOKENS_PER_MESSAGE;
  tokens += parts.reduce((sum, part) => sum + mediaTokens(part), 0);
  let freeMs = performance.now();
  for (const text of [...parts.flatMap(textsOf), ...definitions]) {
    for (let at = 0; at < text.length; at += CHARS_AT_ONCE) {
      tokens += countTokens(text.slice(at, at + CHARS_AT_ONCE));
      if (performance.now() - freeMs < BUSY_MS) continue;
      await new Promise((resolve) => setTimeout(resolve));
      signal.throwIfAborted();
      freeMs = performance.now();
    }
  }
  return Math.ceil(tokens * SAFETY_FACTOR);
}

function textsOf(part: Part): string[] {
  switch (part.type) {
    case "text":
    case "refusal":
    case "thinking":
      return [part.text];
    case "call":
      return [part.name, part.argumentsText];
    case "result":
      return part.parts.flatMap(textsOf);
    default:
      return [];
  }
}

function mediaTokens(part: Part): number {
  switch (part.type) {
    case "image":
      return TOKENS_PER_IMAGE;
    case "file":
      return Math.ceil(part.data.length / CHARS_PER_FILE_TOKEN);
    case "result":
      return part.parts.reduce((sum, inner) => sum + mediaTokens(inner), 0);
    default:
      return 0;
  }
}
