/** Gathers usage from Claude's events and converts it to OpenAI's. */

import type { Usage } from "../chat.ts";
import type { ClaudeUsage } from "./wire.ts";

/** Claude's counts are cumulative: a later one replaces an earlier one; null does not. */
export function merged(
  earlier: ClaudeUsage,
  later: ClaudeUsage | null | undefined,
): ClaudeUsage {
  const known = Object.entries(later ?? {}).filter(([, count]) => count !== null);
  return { ...earlier, ...Object.fromEntries(known) };
}

/** Claude counts cached tokens apart; OpenAI counts them as part of the prompt. */
export function usageOf(usage: ClaudeUsage): Usage {
  const cached = usage.cache_read_input_tokens ?? 0;
  const written = usage.cache_creation_input_tokens ?? 0;
  const prompt = (usage.input_tokens ?? 0) + cached + written;
  const completion = usage.output_tokens ?? 0;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached, cache_write_tokens: written },
    completion_tokens_details: {
      reasoning_tokens: usage.output_tokens_details?.thinking_tokens ?? 0,
    },
  };
}
