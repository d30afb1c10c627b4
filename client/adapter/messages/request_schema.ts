/** Parses a request to /v1/messages once: every field that is read has its type afterwards. */

import { z } from "zod";
import { invalidShape } from "../bad_request.ts";
import { parseKeeping, type Path, rawObject } from "../raw_json.ts";

const json = z.record(z.string(), z.unknown());

const source = z.looseObject({
  type: z.string(),
  media_type: z.string().nullish(),
  data: z.string().nullish(),
  url: z.string().nullish(),
  get content() {
    return z.union([z.string(), z.array(block)]).nullish();
  },
});

/** Any content block; each block's translation checks the fields that it requires. */
const block = z.looseObject({
  type: z.string(),
  text: z.string().nullish(),
  /** The URL of a search result; the data of an image or document. */
  get source() {
    return z.union([z.string(), source]).nullish();
  },
  title: z.string().nullish(),
  context: z.string().nullish(),
  /** The output of a tool or a search. */
  get content() {
    return z.union([z.string(), z.array(block), json]).nullish();
  },
  id: z.string().nullish(),
  name: z.string().nullish(),
  input: z.unknown().optional(),
  tool_use_id: z.string().nullish(),
  is_error: z.boolean().nullish(),
  thinking: z.string().nullish(),
});

const turn = z.looseObject({
  role: z.enum(["user", "assistant", "system"]),
  content: z.union([z.string(), z.array(block)]),
});

const tool = z.looseObject({
  type: z.string().nullish(),
  name: z.string().min(1),
  description: z.string().nullish(),
  input_schema: rawObject.nullish(),
  strict: z.boolean().nullish(),
});

const format = z.looseObject({ type: z.string(), schema: rawObject.nullish() }).nullish();

const messagesRequest = z.looseObject({
  model: z.string().nullish(),
  max_tokens: z.int().min(1),
  messages: z.array(turn).min(1),
  system: z.union([z.string(), z.array(block)]).nullish(),
  temperature: z.number().min(0).max(1).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.int().min(0).nullish(),
  stop_sequences: z.array(z.string()).nullish(),
  stream: z.boolean().nullish(),
  tools: z.array(tool).nullish(),
  tool_choice: z.looseObject({
    type: z.enum(["auto", "any", "tool", "none"]),
    name: z.string().nullish(),
    disable_parallel_tool_use: z.boolean().nullish(),
  }).nullish(),
  thinking: z.looseObject({ type: z.string(), budget_tokens: z.number().nullish() }).nullish(),
  output_config: z.looseObject({
    effort: z.enum(["low", "medium", "high", "xhigh", "max"]).nullish(),
    format,
  }).nullish(),
  output_format: format,
  metadata: z.looseObject({ user_id: z.string().nullish() }).nullish(),
  service_tier: z.string().nullish(),
  container: z.unknown().optional(),
  inference_geo: z.unknown().optional(),
  mcp_servers: z.array(z.unknown()).nullish(),
});

export type MessagesRequest = z.infer<typeof messagesRequest>;
export type Block = z.infer<typeof block>;
export type Source = z.infer<typeof source>;

/** Kept as text, so that numbers and key order survive. */
const kept: readonly Path[] = [
  ["tools", "*", "input_schema"],
  ["output_config", "format", "schema"],
  ["output_format", "schema"],
  ["messages", "*", "content", "*", "input"],
];

/** Reads a body. Throws a 400 that names the first invalid field. */
export function parseMessagesRequest(bodyText: string): MessagesRequest {
  const { success, data, error } = messagesRequest.safeParse(parseKeeping(bodyText, kept));
  if (success) return data;
  throw invalidShape(error);
}
