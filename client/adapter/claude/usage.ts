/** Gathers usage from Claude's events. */

import type { TokenUsage } from "../bridge/answer_event.ts";
import type { ClaudeUsage } from "./wire.ts";

/** Claude's counts are cumulative: a later one replaces an earlier one; null does not. */
export function merged(
  earlier: ClaudeUsage,
  later: ClaudeUsage | null | undefined,
): ClaudeUsage {
  const known = Object.entries(later ?? {}).filter(([, count]) => count !== null);
  return { ...earlier, ...Object.fromEntries(known) };
}

/** Claude counts cached tokens apart from the rest of the prompt. */
export function usageOf(usage: ClaudeUsage): TokenUsage {
  const cachedTokens = usage.cache_read_input_tokens ?? 0;
  const cacheWriteTokens = usage.cache_creation_input_tokens ?? 0;
  return {
    promptTokens: (usage.input_tokens ?? 0) + cachedTokens + cacheWriteTokens,
    completionTokens: usage.output_tokens ?? 0,
    cachedTokens,
    cacheWriteTokens,
    reasoningTokens: usage.output_tokens_details?.thinking_tokens ?? 0,
  };
}
