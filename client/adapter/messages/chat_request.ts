/** A request to /v1/messages → the body of an OpenAI chat completion. */

import type OpenAI from "openai";
import { unsupported } from "../bad_request.ts";
import { shortHash } from "../short_hash.ts";
import { type ChatMessage, conversationOf } from "./conversation.ts";
import type { MessagesRequest } from "./messages_request.ts";
import { toolsOf } from "./tools.ts";

/** How a provider deviates from the usual OpenAI dialect. */
export interface ProviderQuirks {
  /** The parameter that limits the answer's tokens. */
  limitName: "max_tokens" | "max_completion_tokens";
  /** Whether the provider accepts past reasoning, as `reasoning_content`. */
  echoThinking: boolean;
}

/** OpenAI itself rejects what every other server expects. */
export function quirksOf(host: string): ProviderQuirks {
  return /(^|\.)(openai\.com|openai\.azure\.com)$/.test(host)
    ? { limitName: "max_completion_tokens", echoThinking: false }
    : { limitName: "max_tokens", echoThinking: true };
}

export type ChatBody =
  & Omit<OpenAI.ChatCompletionCreateParams, "messages">
  & { messages: ChatMessage[]; top_k?: number };

/** Throws a 400 that names a field without an equivalent in OpenAI's dialect. */
export function chatRequest(
  request: MessagesRequest,
  model: string,
  quirks: ProviderQuirks,
): ChatBody {
  rejectUntranslatable(request);
  const { max_tokens, stop_sequences: stops, temperature, top_p, top_k } = request;
  return {
    model,
    messages: conversationOf(request, quirks.echoThinking),
    [quirks.limitName]: max_tokens,
    ...(request.stream ? { stream: true, stream_options: { include_usage: true } } : {}),
    ...(stops?.length ? { stop: stops } : {}),
    ...(typeof temperature === "number" ? { temperature } : {}),
    ...(typeof top_p === "number" ? { top_p } : {}),
    ...(typeof top_k === "number" ? { top_k } : {}),
    ...toolsOf(request),
    ...effort(request),
    ...format(request),
    ...(request.metadata?.user_id ? { user: userOf(request.metadata.user_id) } : {}),
    ...(request.service_tier === "standard_only" ? { service_tier: "default" } : {}),
  };
}

/** Rejects fields that change what the call does; dropping them silently would mislead the caller. */
function rejectUntranslatable(request: MessagesRequest): void {
  const { container, inference_geo: place, mcp_servers: servers } = request;
  const fields = { container, inference_geo: place, mcp_servers: servers?.length ? servers : null };
  for (const [param, value] of Object.entries(fields)) {
    if (value === undefined || value === null) continue;
    throw unsupported(
      param,
      `${param} is for Anthropic's own servers; this model's provider speaks OpenAI's dialect`,
    );
  }
}

/** OpenAI rejects longer ids; Anthropic's clients send some. */
const MAX_USER_CHARS = 64;

function userOf(id: string): string {
  return id.length <= MAX_USER_CHARS ? id : shortHash(id);
}

/** The least thinking budget that each effort stands for. */
const efforts: readonly [budgetTokens: number, effort: "low" | "medium" | "high"][] = [
  [16_384, "high"],
  [4_096, "medium"],
  [0, "low"],
];

/**
 * The requested reasoning effort. "No thinking" is left out: only some models support it, and the
 * others reject the whole call.
 */
function effort(
  { thinking, output_config: output }: MessagesRequest,
): Pick<ChatBody, "reasoning_effort"> {
  if (output?.effort) return { reasoning_effort: output.effort };
  if (thinking?.type !== "enabled") return {};
  const budget = thinking.budget_tokens ?? 0;
  return { reasoning_effort: efforts.find(([from]) => budget >= from)?.[1] ?? "low" };
}

function format({ output_config: output }: MessagesRequest): Pick<ChatBody, "response_format"> {
  const { type, schema } = output?.format ?? {};
  if (!type) return {};
  if (type !== "json_schema" || !schema) {
    throw unsupported("output_config.format", "The format of an answer must be a json_schema");
  }
  const strict = isStrict(schema) ? { strict: true } : {};
  return { response_format: { type, json_schema: { name: "answer", schema, ...strict } } };
}

/** OpenAI's strict mode requires every object in a schema to be closed and all its properties required. */
function isStrict(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  const { type, properties, required, additionalProperties } = value as Record<string, unknown>;
  const names = Object.keys((properties ?? {}) as object);
  const isClosed = type !== "object" ||
    (additionalProperties === false && Array.isArray(required) &&
      names.every((name) => required.includes(name)));
  return isClosed && Object.values(value).every(isStrict);
}
