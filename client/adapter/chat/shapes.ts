/** The chat completion shapes that adapters build: OpenAI's, with the extensions of compatible servers. */

import type OpenAI from "openai";

export type FinishReason = Exclude<
  OpenAI.ChatCompletion.Choice["finish_reason"],
  "function_call"
>;

export type Usage = OpenAI.CompletionUsage;
export type ToolCall = OpenAI.ChatCompletionMessageToolCall;
export type ToolCallDelta = OpenAI.ChatCompletionChunk.Choice.Delta.ToolCall;
export type Annotation = OpenAI.ChatCompletionMessage.Annotation;

/** Reasoning as text, under the name that most clients read, and signed for the next request. */
export interface Thoughts {
  reasoning_content?: string;
  thinking_blocks?: object[];
}

export type Delta = OpenAI.ChatCompletionChunk.Choice.Delta & Thoughts;

type ChunkChoice = Omit<OpenAI.ChatCompletionChunk.Choice, "delta" | "finish_reason"> & {
  delta: Delta;
  finish_reason: FinishReason | null;
};

export interface ChatChunk extends OpenAI.ChatCompletionChunk {
  choices: ChunkChoice[];
}

export interface ChatCompletion extends OpenAI.ChatCompletion {
  choices: (OpenAI.ChatCompletion.Choice & { message: OpenAI.ChatCompletionMessage & Thoughts })[];
}
