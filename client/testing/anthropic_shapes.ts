/** Anthropic's answers, following its SDK's types: an extra or a missing field fails. */

import type Anthropic from "@anthropic-ai/sdk";
import { z } from "zod";

const caller = z.strictObject({ type: z.literal("direct") });
// Without `citations`: the package's type wants null there, which other clients reject.
const text = z.strictObject({ type: z.literal("text"), text: z.string() });
const thinking = z.strictObject({
  type: z.literal("thinking"),
  thinking: z.string(),
  signature: z.string(),
});
const toolUse = z.strictObject({
  type: z.literal("tool_use"),
  id: z.string().regex(/^[a-zA-Z0-9_-]+$/),
  name: z.string(),
  input: z.record(z.string(), z.unknown()),
  caller,
});

const count = z.int().min(0);
const thoughtCount = z.strictObject({ thinking_tokens: count }).nullable();
const deltaUsage = {
  input_tokens: count,
  output_tokens: count,
  cache_read_input_tokens: count,
  cache_creation_input_tokens: count,
  output_tokens_details: thoughtCount,
  server_tool_use: z.null(),
};

const ending = {
  stop_reason: z.enum(["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"]),
  stop_sequence: z.string().nullable(),
  stop_details: z.strictObject({
    type: z.literal("refusal"),
    category: z.null(),
    explanation: z.string().nullable(),
  }).nullable(),
  container: z.null(),
};

/** A whole message. */
export const messageShape = z.strictObject({
  id: z.string().startsWith("msg_"),
  type: z.literal("message"),
  role: z.literal("assistant"),
  model: z.string(),
  content: z.array(z.discriminatedUnion("type", [text, thinking, toolUse])),
  ...ending,
  diagnostics: z.null(),
  usage: z.strictObject({
    ...deltaUsage,
    cache_creation: z.null(),
    service_tier: z.null(),
    inference_geo: z.null(),
    speed: z.null(),
  }),
});

const index = z.int().min(0);

/** One event of a stream. */
export const eventShape = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("message_start"),
    message: messageShape.extend({ content: z.tuple([]), stop_reason: z.null() }),
  }),
  z.strictObject({
    type: z.literal("content_block_start"),
    index,
    content_block: z.discriminatedUnion("type", [text, thinking, toolUse]),
  }),
  z.strictObject({
    type: z.literal("content_block_delta"),
    index,
    delta: z.discriminatedUnion("type", [
      z.strictObject({ type: z.literal("text_delta"), text: z.string().min(1) }),
      z.strictObject({ type: z.literal("thinking_delta"), thinking: z.string().min(1) }),
      z.strictObject({ type: z.literal("input_json_delta"), partial_json: z.string().min(1) }),
    ]),
  }),
  z.strictObject({ type: z.literal("content_block_stop"), index }),
  z.strictObject({
    type: z.literal("message_delta"),
    delta: z.strictObject(ending),
    usage: z.strictObject(deltaUsage),
  }),
  z.strictObject({ type: z.literal("message_stop") }),
]);

// The shapes are assignable to the package's own types, texts without `citations` aside.
type Message = z.infer<typeof messageShape>;
type Event = z.infer<typeof eventShape>;
true satisfies Omit<Message, "content"> extends Omit<Anthropic.Message, "content"> ? true : false;
true satisfies Exclude<Message["content"][number], { type: "text" }> extends Anthropic.ContentBlock
  ? true
  : false;
true satisfies Exclude<Event, { type: "content_block_start" }> extends
  Anthropic.RawMessageStreamEvent ? true : false;
