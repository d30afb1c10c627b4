/** Responses and their events as nodes build them, following the package's types: an extra or a missing field fails. */

import type OpenAI from "openai";
import { z } from "zod";
import type { AsJson } from "./openai_shapes.ts";

const id = (prefix: string) => z.string().startsWith(`${prefix}_`);
const status = z.enum(["in_progress", "completed", "incomplete"]);
const count = z.int().min(0);

const citation = z.strictObject({
  type: z.literal("url_citation"),
  url: z.string(),
  title: z.string(),
  start_index: count,
  end_index: count,
});
const text = z.strictObject({
  type: z.literal("output_text"),
  text: z.string(),
  annotations: z.array(citation),
  logprobs: z.tuple([]),
});
const refusal = z.strictObject({ type: z.literal("refusal"), refusal: z.string() });
const part = z.discriminatedUnion("type", [text, refusal]);
const summary = z.strictObject({ type: z.literal("summary_text"), text: z.string() });

const item = z.discriminatedUnion("type", [
  z.strictObject({
    id: id("msg"),
    type: z.literal("message"),
    status,
    role: z.literal("assistant"),
    content: z.array(part),
  }),
  z.strictObject({
    id: id("rs"),
    type: z.literal("reasoning"),
    summary: z.array(summary),
    encrypted_content: z.string().optional(),
  }),
  z.strictObject({
    id: id("fc"),
    type: z.literal("function_call"),
    status,
    call_id: z.string().min(1),
    name: z.string(),
    arguments: z.string(),
  }),
  z.strictObject({
    id: id("ctc"),
    type: z.literal("custom_tool_call"),
    status,
    call_id: z.string().min(1),
    name: z.string(),
    input: z.string(),
  }),
]);

const usage = z.strictObject({
  input_tokens: count,
  input_tokens_details: z.strictObject({ cached_tokens: count, cache_write_tokens: count }),
  output_tokens: count,
  output_tokens_details: z.strictObject({ reasoning_tokens: count }),
  total_tokens: count,
});

/** A whole response; the members that repeat the request are not looked at. */
export const responseShape = z.looseObject({
  id: id("resp"),
  object: z.literal("response"),
  created_at: z.int(),
  status,
  background: z.literal(false),
  error: z.null(),
  incomplete_details: z.strictObject({
    reason: z.enum(["max_output_tokens", "content_filter"]),
  }).nullable(),
  model: z.string(),
  output: z.array(item),
  previous_response_id: z.null(),
  store: z.literal(false),
  usage: usage.nullable(),
});

const sequence_number = count;
const output_index = count;
const at = { sequence_number, output_index, item_id: z.string() };
const inPart = { ...at, content_index: z.literal(0) };
const inSummary = { ...at, summary_index: z.literal(0) };

/** One event of a stream. */
export const responseEventShape = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.enum([
      "response.created",
      "response.in_progress",
      "response.completed",
      "response.incomplete",
    ]),
    sequence_number,
    response: responseShape,
  }),
  z.strictObject({
    type: z.literal("response.output_item.added"),
    sequence_number,
    output_index,
    item,
  }),
  z.strictObject({
    type: z.literal("response.output_item.done"),
    sequence_number,
    output_index,
    item,
  }),
  z.strictObject({ type: z.literal("response.content_part.added"), ...inPart, part }),
  z.strictObject({ type: z.literal("response.content_part.done"), ...inPart, part }),
  z.strictObject({
    type: z.literal("response.output_text.delta"),
    ...inPart,
    delta: z.string().min(1),
    logprobs: z.tuple([]),
  }),
  z.strictObject({
    type: z.literal("response.output_text.done"),
    ...inPart,
    text: z.string(),
    logprobs: z.tuple([]),
  }),
  z.strictObject({
    type: z.literal("response.refusal.delta"),
    ...inPart,
    delta: z.string().min(1),
  }),
  z.strictObject({ type: z.literal("response.refusal.done"), ...inPart, refusal: z.string() }),
  z.strictObject({
    type: z.literal("response.reasoning_summary_part.added"),
    ...inSummary,
    part: summary,
  }),
  z.strictObject({
    type: z.literal("response.reasoning_summary_part.done"),
    ...inSummary,
    part: summary,
  }),
  z.strictObject({
    type: z.literal("response.reasoning_summary_text.delta"),
    ...inSummary,
    delta: z.string().min(1),
  }),
  z.strictObject({
    type: z.literal("response.reasoning_summary_text.done"),
    ...inSummary,
    text: z.string(),
  }),
  z.strictObject({
    type: z.literal("response.function_call_arguments.delta"),
    ...at,
    delta: z.string().min(1),
  }),
  z.strictObject({
    type: z.literal("response.function_call_arguments.done"),
    ...at,
    arguments: z.string(),
  }),
  z.strictObject({
    type: z.literal("response.custom_tool_call_input.delta"),
    ...at,
    delta: z.string().min(1),
  }),
  z.strictObject({
    type: z.literal("response.custom_tool_call_input.done"),
    ...at,
    input: z.string(),
  }),
]);

// The shapes are assignable to the package's own types.
type Event = AsJson<z.infer<typeof responseEventShape>>;
true satisfies AsJson<z.infer<typeof item>> extends OpenAI.Responses.ResponseOutputItem ? true
  : false;
true satisfies Exclude<Event, { response: unknown }> extends OpenAI.Responses.ResponseStreamEvent
  ? true
  : false;
