/** Parses a request to /v1/responses once: every field that is read has its type afterwards. */

import { z } from "zod";
import { invalidShape } from "../bad_request.ts";
import { argumentsText } from "../chat/request_schema.ts";
import { parseKeeping, type Path, rawObject } from "../raw_json.ts";

const part = z.looseObject({
  type: z.string(),
  text: z.string().nullish(),
  refusal: z.string().nullish(),
  image_url: z.string().nullish(),
  detail: z.string().nullish(),
  file_data: z.string().nullish(),
  filename: z.string().nullish(),
});

const content = z.union([z.string(), z.array(part)]);

/** Any input item; each item's translation checks the fields that it requires. */
const item = z.looseObject({
  type: z.string().nullish(),
  role: z.enum(["user", "assistant", "system", "developer"]).nullish(),
  content: content.nullish(),
  call_id: z.string().nullish(),
  name: z.string().nullish(),
  namespace: z.string().nullish(),
  arguments: argumentsText,
  input: z.string().nullish(),
  output: content.nullish(),
  summary: z.array(part).nullish(),
  encrypted_content: z.string().nullish(),
});

const callable = z.looseObject({
  type: z.string(),
  name: z.string().min(1).nullish(),
  description: z.string().nullish(),
  parameters: rawObject.nullish(),
  strict: z.boolean().nullish(),
  format: z.looseObject({
    type: z.string(),
    syntax: z.string().nullish(),
    definition: z.string().nullish(),
  }).nullish(),
});

/** A tool, or a namespace of tools. */
const tool = callable.extend({ tools: z.array(callable).nullish() });

const named = z.looseObject({
  type: z.string(),
  name: z.string().nullish(),
  namespace: z.string().nullish(),
});

const responsesRequest = z.looseObject({
  model: z.string().nullish(),
  input: z.union([z.string(), z.array(item)]).nullish(),
  instructions: z.string().nullish(),
  max_output_tokens: z.int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_logprobs: z.int().min(0).nullish(),
  /** Other names are of items that no provider here writes. */
  include: z.array(z.string()).nullish(),
  tools: z.array(tool).nullish(),
  tool_choice: z.union([
    z.enum(["none", "auto", "required"]),
    named.extend({ mode: z.string().nullish(), tools: z.array(named).nullish() }),
  ]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: z.looseObject({
    format: z.looseObject({
      type: z.string(),
      name: z.string().nullish(),
      description: z.string().nullish(),
      schema: rawObject.nullish(),
      strict: z.boolean().nullish(),
    }).nullish(),
    verbosity: z.string().nullish(),
  }).nullish(),
  reasoning: z.looseObject({
    effort: z.enum(["none", "minimal", "low", "medium", "high", "xhigh", "max"]).nullish(),
  }).nullish(),
  user: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  service_tier: z.string().nullish(),
  previous_response_id: z.string().nullish(),
  conversation: z.unknown().optional(),
  background: z.boolean().nullish(),
  prompt: z.unknown().optional(),
});

export type ResponsesRequest = z.infer<typeof responsesRequest>;
export type RequestTool = z.infer<typeof tool>;
export type InputItem = z.infer<typeof item>;
export type InputPart = z.infer<typeof part>;

/** Kept as text, so that numbers and key order survive. */
const kept: readonly Path[] = [
  ["tools", "*", "parameters"],
  ["tools", "*", "tools", "*", "parameters"],
  ["text", "format", "schema"],
  ["input", "*", "arguments"],
];

/** Reads a body. Throws a 400 that names the first invalid field. */
export function parseResponsesRequest(bodyText: string): ResponsesRequest {
  const { success, data, error } = responsesRequest.safeParse(parseKeeping(bodyText, kept));
  if (success) return data;
  throw invalidShape(error);
}
