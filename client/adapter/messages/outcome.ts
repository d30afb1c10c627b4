/** An OpenAI answer's finish reason and usage → Claude's. */

import type Anthropic from "@anthropic-ai/sdk";

/** Every field may be missing, and every count null. */
export interface ChatUsage {
  prompt_tokens?: number | null;
  completion_tokens?: number | null;
  prompt_tokens_details?: {
    cached_tokens?: number | null;
    cache_write_tokens?: number | null;
  } | null;
  completion_tokens_details?: { reasoning_tokens?: number | null } | null;
}

export interface ChatEnd {
  finish_reason?: string | null;
  /** Sent by vLLM: the stop sequence that ended the answer. */
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

/** `refusal`: the model's refusal text, or empty. */
export function outcomeOf(
  { finish_reason: reason, stop_reason: matched }: ChatEnd,
  calledTools: boolean,
  refusal: string,
  stops: readonly string[],
): Outcome {
  const plain = { stop_sequence: null, stop_details: null };
  const mapped = stopReasons.get(reason) ?? "end_turn";
  if (refusal !== "" || mapped === "refusal") {
    const explanation = refusal || null;
    const stop_details = { type: "refusal" as const, category: null, explanation };
    return { ...plain, stop_reason: "refusal", stop_details };
  }
  if (mapped === "max_tokens") return { ...plain, stop_reason: mapped };
  // Some servers send "stop" after calls; some send "tool_calls" without any.
  if (calledTools) return { ...plain, stop_reason: "tool_use" };
  if (typeof matched === "string" && stops.includes(matched)) {
    return { ...plain, stop_reason: "stop_sequence", stop_sequence: matched };
  }
  return { ...plain, stop_reason: "end_turn" };
}

/** OpenAI counts cached tokens as part of the prompt; Claude counts them apart. */
export function usageOf(usage: ChatUsage | null | undefined): Anthropic.Usage {
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
