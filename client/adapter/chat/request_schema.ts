/** Parses a chat completion request once: every field that is read has its type afterwards. */

import { z } from "zod";
import { badRequest, invalidShape } from "../bad_request.ts";
import { parseKeeping, type Path, rawObject } from "../raw_json.ts";

const json = z.record(z.string(), z.unknown());

/** Arguments are text; some clients send them as an object. */
export const argumentsText = z.union([z.string(), rawObject.transform(({ text }) => text)])
  .nullish();

const cacheHints = {
  cache_control: z.looseObject({ type: z.literal("ephemeral"), ttl: z.string().optional() })
    .nullish(),
  prompt_cache_breakpoint: z.looseObject({ ttl: z.string().nullish() }).nullish(),
};

const part = z.looseObject({
  type: z.string(),
  text: z.string().nullish(),
  refusal: z.string().nullish(),
  image_url: z.union([z.string(), z.looseObject({ url: z.string() })]).nullish(),
  file: z.looseObject({
    file_data: z.string().nullish(),
    file_id: z.string().nullish(),
    filename: z.string().nullish(),
  }).nullish(),
  ...cacheHints,
});

const content = z.union([z.string(), z.array(part)]).nullish();

const toolCall = z.looseObject({
  id: z.string().nullish(),
  type: z.string().nullish(),
  function: z.looseObject({ name: z.string(), arguments: argumentsText }).nullish(),
  custom: z.looseObject({ name: z.string(), input: z.string().nullish() }).nullish(),
});

const message = z.looseObject({
  role: z.enum(["developer", "system", "user", "assistant", "tool", "function"]),
  content,
  name: z.string().nullish(),
  refusal: z.string().nullish(),
  tool_calls: z.array(toolCall).nullish(),
  tool_call_id: z.string().nullish(),
  function_call: z.looseObject({ name: z.string(), arguments: argumentsText }).nullish(),
  reasoning_content: z.string().nullish(),
  /** The name of some servers. */
  reasoning: z.string().nullish(),
  thinking_blocks: z.array(z.looseObject({ type: z.string() })).nullish(),
  ...cacheHints,
});

const tool = z.looseObject({
  type: z.string(),
  function: z.looseObject({
    name: z.string().min(1),
    description: z.string().nullish(),
    parameters: rawObject.nullish(),
    strict: z.boolean().nullish(),
  }).nullish(),
  custom: z.looseObject({
    name: z.string().min(1),
    description: z.string().nullish(),
    format: z.looseObject({ type: z.string() }).nullish(),
  }).nullish(),
  ...cacheHints,
});

const named = z.looseObject({
  type: z.string().nullish(),
  name: z.string().nullish(),
  function: z.looseObject({ name: z.string() }).nullish(),
  custom: z.looseObject({ name: z.string() }).nullish(),
});

const namedChoice = named.extend({
  allowed_tools: z.looseObject({ mode: z.string().nullish(), tools: z.array(named) }).nullish(),
});

const legacyFunction = z.looseObject({
  name: z.string().min(1),
  description: z.string().nullish(),
  parameters: rawObject.nullish(),
});

const chatRequest = z.looseObject({
  model: z.string().nullish(),
  messages: z.array(message).min(1),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.int().min(0).nullish(),
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  n: z.int().min(1).nullish(),
  logprobs: z.boolean().nullish(),
  web_search_options: json.nullish(),
  modalities: z.array(z.string()).nullish(),
  user: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  tools: z.array(tool).nullish(),
  functions: z.array(legacyFunction).nullish(),
  tool_choice: z.union([z.enum(["none", "auto", "required"]), namedChoice]).nullish(),
  function_call: z.union([z.enum(["none", "auto"]), namedChoice]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: z.looseObject({
    type: z.string(),
    json_schema: z.looseObject({
      name: z.string().nullish(),
      description: z.string().nullish(),
      schema: rawObject.nullish(),
      strict: z.boolean().nullish(),
    }).nullish(),
  }).nullish(),
  reasoning_effort: z.enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"]).nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  thinking: z.looseObject({ type: z.string(), budget_tokens: z.number().optional() }).nullish(),
  output_config: json.nullish(),
  service_tier: z.string().nullish(),
  verbosity: z.string().nullish(),
  cache_control: cacheHints.cache_control,
});

export type ChatRequest = z.infer<typeof chatRequest>;
export type ChatMessage = ChatRequest["messages"][number];
export type ChatPart = z.infer<typeof part>;
export type CacheHints = Pick<ChatPart, "cache_control" | "prompt_cache_breakpoint">;

/** Kept as text, so that numbers and key order survive. */
const kept: readonly Path[] = [
  ["tools", "*", "function", "parameters"],
  ["functions", "*", "parameters"],
  ["response_format", "json_schema", "schema"],
  ["messages", "*", "tool_calls", "*", "function", "arguments"],
  ["messages", "*", "function_call", "arguments"],
];

/** Reads a body. Throws a 400 that names the first invalid field. */
export function parseChatRequest(bodyText: string): ChatRequest {
  const body = parseKeeping(bodyText, kept);
  const { success, data, error } = chatRequest.safeParse(body);
  if (success) return data;
  if (hasKey(body, "input") && !hasKey(body, "messages")) {
    throw badRequest(
      "messages",
      "messages is missing: a body with input belongs to /v1/responses, not to /v1/chat/completions",
      "missing_required_parameter",
    );
  }
  throw invalidShape(error);
}

function hasKey(body: unknown, key: string): boolean {
  return typeof body === "object" && body !== null && key in body;
}
