/** The gateway's own answers, following both packages' types: an extra or a missing field fails. */

import type Anthropic from "@anthropic-ai/sdk";
import type OpenAI from "openai";
import { z } from "zod";

/** An error body for OpenAI's clients. */
export const errorShape = z.strictObject({
  error: z.strictObject({
    message: z.string().min(1),
    type: z.string().min(1),
    param: z.string().nullable(),
    code: z.string().nullable(),
  }),
});

/** The last event of a failed stream of responses. */
export const responseErrorShape = z.strictObject({
  type: z.literal("error"),
  code: z.string().nullable(),
  message: z.string().min(1),
  param: z.string().nullable(),
  sequence_number: z.int(),
  // As OpenAI's servers send it; the members beside it are the specification's.
  error: z.strictObject({
    type: z.string().min(1),
    code: z.string(),
    message: z.string().min(1),
    param: z.string().nullable(),
  }),
});

/** An error body for Anthropic's clients. */
export const anthropicErrorShape = z.strictObject({
  type: z.literal("error"),
  error: z.strictObject({
    type: z.enum([
      "invalid_request_error",
      "authentication_error",
      "billing_error",
      "permission_error",
      "not_found_error",
      "rate_limit_error",
      "timeout_error",
      "overloaded_error",
      "api_error",
    ]),
    message: z.string().min(1),
  }),
  request_id: z.string().startsWith("req-"),
});

const endpoints = z.array(z.string().startsWith("/v1/")).min(1);
const modelShape = z.strictObject({
  id: z.string(),
  object: z.literal("model"),
  created: z.int(),
  owned_by: z.string(),
  endpoints,
  context_length: z.int().positive().optional(),
  context_window: z.int().positive().optional(),
  max_model_len: z.int().positive().optional(),
  max_output_tokens: z.int().positive().optional(),
  tools: z.boolean().optional(),
  vision: z.boolean().optional(),
  thinking: z.boolean().optional(),
  loaded: z.boolean().optional(),
});

const anthropicModelShape = z.strictObject({
  type: z.literal("model"),
  id: z.string(),
  display_name: z.string(),
  created_at: z.iso.datetime(),
  capabilities: z.null(),
  max_input_tokens: z.int().positive().nullable(),
  max_tokens: z.int().positive().nullable(),
  lifecycle: z.literal("active"),
  line: z.null(),
  deprecated_at: z.null(),
  retires_at: z.null(),
});

/** The model list or one model, for OpenAI's or Anthropic's clients. */
export const modelsShape = z.union([
  modelShape,
  z.strictObject({ object: z.literal("list"), data: z.array(modelShape) }),
  anthropicModelShape,
  z.strictObject({
    data: z.array(anthropicModelShape),
    has_more: z.boolean(),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
  }),
]);

true satisfies z.infer<typeof modelShape> extends OpenAI.Model ? true : false;
true satisfies z.infer<typeof anthropicModelShape> extends Anthropic.ModelInfo ? true : false;
true satisfies z.infer<typeof errorShape>["error"] extends OpenAI.ErrorObject ? true : false;
true satisfies z.infer<typeof responseErrorShape> extends OpenAI.Responses.ResponseErrorEvent ? true
  : false;
true satisfies z.infer<typeof anthropicErrorShape> extends Anthropic.ErrorResponse ? true : false;
