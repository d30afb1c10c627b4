/** How an OpenAI answer ended and what it cost, in Claude's words. */

import type Anthropic from "@anthropic-ai/sdk";

/** Every field may be missing, and every count null. */
export interface SeenUsage {
  prompt_tokens?: number | null;
  completion_tokens?: number | null;
  prompt_tokens_details?: {
    cached_tokens?: number | null;
    cache_write_tokens?: number | null;
  } | null;
  completion_tokens_details?: { reasoning_tokens?: number | null } | null;
}

export interface SeenEnd {
  finish_reason?: string | null;
  /** vLLM's: the stop sequence that ended the answer. */
  stop_reason?: unknown;
}

export type Outcome = Pick<Anthropic.Message, "stop_reason" | "stop_sequence" | "stop_details">;

const stopReasons: ReadonlyMap<string | null | undefined, Anthropic.StopReason> = new Map([
  ["stop", "end_turn"],
  ["length", "max_tokens"],
  ["tool_calls", "tool_use"],
  ["function_call", "tool_use"],
  ["content_filter", "refusal"],
]);

/** `refusal`: what the model said instead of an answer, if it refused. */
export function outcomeOf(
  { finish_reason: reason, stop_reason: matched }: SeenEnd,
  calledTools: boolean,
  refusal: string,
  stops: readonly string[],
): Outcome {
  const plain = { stop_sequence: null, stop_details: null };
  const said = stopReasons.get(reason) ?? "end_turn";
  if (refusal !== "" || said === "refusal") {
    const explanation = refusal || null;
    const stop_details = { type: "refusal" as const, category: null, explanation };
    return { ...plain, stop_reason: "refusal", stop_details };
  }
  if (said === "max_tokens") return { ...plain, stop_reason: said };
  // Servers say "stop" after calls, and have been seen to say "tool_calls" without any.
  if (calledTools) return { ...plain, stop_reason: "tool_use" };
  if (typeof matched === "string" && stops.includes(matched)) {
    return { ...plain, stop_reason: "stop_sequence", stop_sequence: matched };
  }
  return { ...plain, stop_reason: "end_turn" };
}

/** OpenAI counts what came from a cache as part of the prompt; Claude counts it apart. */
export function usageOf(usage: SeenUsage | null | undefined): Anthropic.Usage {
  const { prompt_tokens_details: prompt, completion_tokens_details: completion } = usage ?? {};
  const read = countOf(prompt?.cached_tokens);
  const written = countOf(prompt?.cache_write_tokens);
  return {
    input_tokens: Math.max(0, countOf(usage?.prompt_tokens) - read - written),
    output_tokens: countOf(usage?.completion_tokens),
    cache_read_input_tokens: read,
    cache_creation_input_tokens: written,
    cache_creation: null,
    output_tokens_details: completion
      ? { thinking_tokens: countOf(completion.reasoning_tokens) }
      : null,
    server_tool_use: null,
    service_tier: null,
    inference_geo: null,
    speed: null,
  };
}

function countOf(count: unknown): number {
  return Number.isSafeInteger(count) && Number(count) > 0 ? Number(count) : 0;
}
