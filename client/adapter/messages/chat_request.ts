/** A request to /v1/messages → the body of an OpenAI chat completion. */

import type OpenAI from "openai";
import { unsupported } from "../bad_request.ts";
import { shortHash } from "../short_hash.ts";
import { type ChatMessage, conversationOf } from "./conversation.ts";
import type { MessagesRequest } from "./messages_request.ts";
import { toolsOf } from "./tools.ts";

/** What providers of OpenAI's dialect differ in. */
export interface ProviderQuirks {
  /** The name under which the provider takes the limit of an answer. */
  limitName: "max_tokens" | "max_completion_tokens";
  /** Whether it takes thinking back, as `reasoning_content`. */
  echoThinking: boolean;
}

/** OpenAI itself refuses what every other server expects. */
export function mannersOf(host: string): ProviderQuirks {
  return /(^|\.)(openai\.com|openai\.azure\.com)$/.test(host)
    ? { limitName: "max_completion_tokens", echoThinking: false }
    : { limitName: "max_tokens", echoThinking: true };
}

export type ChatBody =
  & Omit<OpenAI.ChatCompletionCreateParams, "messages">
  & { messages: ChatMessage[]; top_k?: number };

/** Throws a 400 that names the field which OpenAI has no word for. */
export function chatRequest(
  request: MessagesRequest,
  model: string,
  manners: ProviderQuirks,
): ChatBody {
  refuseUntranslatable(request);
  const { max_tokens, stop_sequences: stops, temperature, top_p, top_k } = request;
  return {
    model,
    messages: conversationOf(request, manners.echoThinking),
    [manners.limitName]: max_tokens,
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

/** Fields that would change what is done, not just how well: left out in silence they would be missed. */
function refuseUntranslatable(request: MessagesRequest): void {
  const { container, inference_geo: place, mcp_servers: servers } = request;
  const asked = { container, inference_geo: place, mcp_servers: servers?.length ? servers : null };
  for (const [param, value] of Object.entries(asked)) {
    if (value === undefined || value === null) continue;
    throw unsupported(
      param,
      `${param} is for Anthropic's own servers; this model's provider speaks OpenAI's dialect`,
    );
  }
}

/** OpenAI takes no longer ids, and Anthropic's own clients send some. */
const MAX_USER_CHARS = 64;

function userOf(id: string): string {
  return id.length <= MAX_USER_CHARS ? id : shortHash(id);
}

/** From here on a budget of tokens means this effort. */
const efforts: readonly [budgetTokens: number, effort: "low" | "medium" | "high"][] = [
  [16_384, "high"],
  [4_096, "medium"],
  [0, "low"],
];

/**
 * How hard to think, where the caller said it. Not to think at all cannot be asked for: only some
 * models know how, and the others refuse the whole call.
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

/** OpenAI holds an answer to a schema only if every object in it is closed and complete. */
function isStrict(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  const { type, properties, required, additionalProperties } = value as Record<string, unknown>;
  const names = Object.keys((properties ?? {}) as object);
  const isClosed = type !== "object" ||
    (additionalProperties === false && Array.isArray(required) &&
      names.every((name) => required.includes(name)));
  return isClosed && Object.values(value).every(isStrict);
}
