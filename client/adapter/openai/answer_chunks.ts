/** Expands a whole answer into stream chunks, for upstreams that ignore `stream: true`. */

import { type Json, notAnAnswer } from "../json_object.ts";

interface Choice extends Json {
  index?: number;
  message?: Message;
  logprobs?: unknown;
  finish_reason?: unknown;
}

interface Message extends Json {
  tool_calls?: object[];
}

/** The chunks of a chat completion: content, finish reason, usage. */
export function chatChunks(answer: Json, includeUsage: boolean): string[] {
  const choices = choicesOf(answer);
  const content = choices.map(({ index, message = {}, logprobs = null }) => ({
    index,
    delta: deltaOf(message),
    logprobs,
    finish_reason: null,
  }));
  const finish = choices.map(({ index, finish_reason }) => ({
    index,
    delta: {},
    logprobs: null,
    finish_reason: finish_reason ?? "stop",
  }));
  return chunksOf(answer, "chat.completion.chunk", [content, finish], includeUsage);
}

/** The chunks of a text completion: its text, usage. */
export function completionChunks(answer: Json, includeUsage: boolean): string[] {
  const choices = choicesOf(answer).map((choice) => ({
    ...choice,
    finish_reason: choice.finish_reason ?? "stop",
  }));
  return chunksOf(answer, "text_completion", [choices], includeUsage);
}

function chunksOf(
  { choices: _, usage, ...head }: Json,
  object: string,
  steps: object[][],
  includeUsage: boolean,
): string[] {
  const chunks: Json[] = steps.map((choices) => ({ ...head, object, choices }));
  if (includeUsage && usage) chunks.push({ ...head, object, choices: [], usage });
  return chunks.map((chunk) => JSON.stringify(chunk));
}

/** The choices; one without an index gets its position. */
function choicesOf({ choices }: Json): Choice[] {
  if (!Array.isArray(choices)) throw notAnAnswer();
  return choices.map((choice: Choice, place) => {
    if (typeof choice !== "object" || choice === null) throw notAnAnswer();
    return { ...choice, index: choice.index ?? place };
  });
}

function deltaOf({ tool_calls, ...message }: Message): object {
  const delta = { ...message, role: "assistant" };
  if (!tool_calls?.length) return delta;
  return { ...delta, tool_calls: tool_calls.map((call, index) => ({ index, ...call })) };
}
