/** Gathers a stream of chunks into one chat completion, for callers that requested no stream. */

import type {
  Annotation,
  ChatChunk,
  ChatCompletion,
  FinishReason,
  ToolCall,
  Usage,
} from "../chat.ts";

/** The parts of a completion that its chunks do not carry. */
export interface Gathered {
  usage: Usage;
  annotations: Annotation[];
  /** Signed thinking, which callers send back with a tool's result. */
  thinkingBlocks: object[];
}

/** Gathers all chunks of one answer; at least one. */
export function gather(chunks: readonly ChatChunk[], gathered: Gathered): ChatCompletion {
  const { usage, annotations, thinkingBlocks } = gathered;
  const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta));
  const joined = (pick: (delta: typeof deltas[number]) => string | null | undefined) =>
    deltas.map((delta) => pick(delta) ?? "").join("") || null;
  const reasoning = joined((delta) => delta.reasoning_content);
  const calls = toolCalls(chunks);
  const { id, created, model } = chunks[0]!;
  return {
    id,
    object: "chat.completion",
    created,
    model,
    choices: [{
      index: 0,
      message: {
        role: "assistant",
        content: joined((delta) => delta.content),
        refusal: joined((delta) => delta.refusal),
        ...(reasoning === null ? {} : { reasoning_content: reasoning }),
        ...(thinkingBlocks.length === 0 ? {} : { thinking_blocks: thinkingBlocks }),
        ...(annotations.length === 0 ? {} : { annotations }),
        ...(calls.length === 0 ? {} : { tool_calls: calls }),
      },
      logprobs: null,
      finish_reason: finishReason(chunks),
    }],
    usage,
  };
}

function toolCalls(chunks: readonly ChatChunk[]): ToolCall[] {
  const calls: ToolCall[] = [];
  for (const { choices } of chunks) {
    for (const delta of choices[0]?.delta.tool_calls ?? []) {
      const call = calls[delta.index];
      if (delta.type === "function" && delta.id !== undefined) {
        calls[delta.index] = {
          id: delta.id,
          type: "function",
          function: { name: delta.function?.name ?? "", arguments: "" },
        };
      } else if (delta.type === "custom" && delta.id !== undefined) {
        calls[delta.index] = {
          id: delta.id,
          type: "custom",
          custom: { name: delta.custom?.name ?? "", input: "" },
        };
      } else if (call?.type === "function") {
        call.function.arguments += delta.function?.arguments ?? "";
      } else if (call?.type === "custom") {
        call.custom.input += delta.custom?.input ?? "";
      }
    }
  }
  return calls;
}

function finishReason(chunks: readonly ChatChunk[]): FinishReason {
  const reasons = chunks.flatMap(({ choices }) => choices.map((choice) => choice.finish_reason));
  return reasons.findLast((reason) => reason !== null) ?? "stop";
}
