/** OpenAI's answers as the Claude adapter builds them, following its package's types: an extra or a missing field fails. */

import type OpenAI from "openai";
import { z } from "zod";
import type { Thoughts } from "../adapter/chat/shapes.ts";

const count = z.int().min(0);
const usage = z.strictObject({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  prompt_tokens_details: z.strictObject({ cached_tokens: count, cache_write_tokens: count }),
  completion_tokens_details: z.strictObject({ reasoning_tokens: count }),
});

/** Signed thinking with its model. No part of OpenAI's shapes: clients send it back unread. */
const sealed = { signed_for: z.string() };
const thinkingBlocks = z.array(z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("thinking"),
    thinking: z.string(),
    signature: z.string().min(1),
    ...sealed,
  }),
  z.strictObject({ type: z.literal("redacted_thinking"), data: z.string().min(1), ...sealed }),
])).min(1);

const thoughts = {
  reasoning_content: z.string().min(1).optional(),
  thinking_blocks: thinkingBlocks.optional(),
};

const toolId = z.string().regex(/^[a-zA-Z0-9_-]+$/);
const finishReason = z.enum(["stop", "length", "tool_calls", "content_filter"]);
const head = { id: z.string().startsWith("chatcmpl-"), created: z.int(), model: z.string() };

/** A tool call begins with its id and name; later deltas have its index only. */
const callDelta = z.union([
  z.strictObject({
    index: count,
    id: toolId,
    type: z.literal("function"),
    function: z.strictObject({ name: z.string(), arguments: z.literal("") }),
  }),
  z.strictObject({
    index: count,
    id: toolId,
    type: z.literal("custom"),
    custom: z.strictObject({ name: z.string(), input: z.literal("") }),
  }),
  z.strictObject({ index: count, function: z.strictObject({ arguments: z.string().min(1) }) }),
  z.strictObject({ index: count, custom: z.strictObject({ input: z.string() }) }),
]);

/** One chunk of a stream. */
export const chunkShape = z.strictObject({
  ...head,
  object: z.literal("chat.completion.chunk"),
  choices: z.array(z.strictObject({
    index: z.literal(0),
    delta: z.strictObject({
      role: z.literal("assistant").optional(),
      content: z.string().optional(),
      refusal: z.string().min(1).optional(),
      ...thoughts,
      tool_calls: z.array(callDelta).length(1).optional(),
    }),
    logprobs: z.null(),
    finish_reason: finishReason.nullable(),
  })).max(1),
  usage: usage.nullable().optional(),
});

/** A whole answer. */
export const completionShape = z.strictObject({
  ...head,
  object: z.literal("chat.completion"),
  choices: z.tuple([z.strictObject({
    index: z.literal(0),
    message: z.strictObject({
      role: z.literal("assistant"),
      content: z.string().nullable(),
      refusal: z.string().nullable(),
      ...thoughts,
      annotations: z.array(z.strictObject({
        type: z.literal("url_citation"),
        url_citation: z.strictObject({
          start_index: count,
          end_index: count,
          title: z.string(),
          url: z.string(),
        }),
      })).min(1).optional(),
      tool_calls: z.array(z.discriminatedUnion("type", [
        z.strictObject({
          id: toolId,
          type: z.literal("function"),
          function: z.strictObject({ name: z.string(), arguments: z.string() }),
        }),
        z.strictObject({
          id: toolId,
          type: z.literal("custom"),
          custom: z.strictObject({ name: z.string(), input: z.string() }),
        }),
      ])).min(1).optional(),
    }),
    logprobs: z.null(),
    finish_reason: finishReason,
  })]),
  usage,
});

/** What zod infers of an optional member may be undefined; JSON leaves such a member out. */
export type AsJson<T> = T extends object ? { [K in keyof T]: AsJson<Exclude<T[K], undefined>> } : T;

// The shapes are assignable to the package's own types and add nothing to them.
type Chunk = z.infer<typeof chunkShape>;
type Completion = z.infer<typeof completionShape>;
type Delta = OpenAI.ChatCompletionChunk.Choice.Delta & Thoughts;
type Message = OpenAI.ChatCompletionMessage & Thoughts;
true satisfies AsJson<Chunk> extends OpenAI.ChatCompletionChunk ? true : false;
true satisfies AsJson<Completion> extends OpenAI.ChatCompletion ? true : false;
true satisfies Exclude<keyof Chunk["choices"][0]["delta"], keyof Delta> extends never ? true
  : false;
true satisfies Exclude<keyof Completion["choices"][0]["message"], keyof Message> extends never
  ? true
  : false;
