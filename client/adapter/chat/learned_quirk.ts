/** What a rejection teaches about a provider, so that the call can be repeated without the rejected field. */

import type { UpstreamFailure } from "../adapter.ts";
import type { Quirks } from "./quirks.ts";

interface Rejection {
  message: string;
  param: string;
  quirks: Quirks;
}

type Lesson = (rejection: Rejection) => Partial<Quirks> | null;

const lessons: readonly Lesson[] = [
  // OpenAI: Unsupported parameter: 'max_tokens' … Use 'max_completion_tokens' instead.
  ({ message, quirks }) =>
    quirks.limitName === "max_tokens" && /use '?max_completion_tokens/i.test(message)
      ? { limitName: "max_completion_tokens" }
      : null,
  ({ message, param, quirks }) =>
    quirks.limitName === "max_completion_tokens" &&
      !/max_tokens/.test(message.replaceAll("max_completion_tokens", "")) &&
      (param === "max_completion_tokens" || isUnknown("max_completion_tokens", message))
      ? { limitName: "max_tokens" }
      : null,
  // Templates of Qwen: System message must be at the beginning.
  ({ message, quirks }) =>
    !quirks.systemFirst &&
      /system (message|role|prompt)\b.*\b(beginning|first|start)\b/i.test(message)
      ? { systemFirst: true }
      : null,
  contextLesson,
  effortLesson,
  // Mistral: Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9.
  ({ message, quirks }) => {
    const chars = /\bcall id\b.*\blength of (\d+)/i.exec(message)?.[1];
    return quirks.callIdChars === null && chars !== undefined
      ? { callIdChars: Number(chars) }
      : null;
  },
  ({ message, quirks: { reasoningField } }) =>
    reasoningField !== null && isUnknown(reasoningField, message) ? { reasoningField: null } : null,
  ({ message, param, quirks }) => {
    const most = /\bstop\b.*\b(?:at most|maximum of|up to|max)\D{0,12}(\d+)/i.exec(message)?.[1];
    const isStop = /^stop/.test(param) || most !== undefined;
    return isStop && quirks.maxStops === null && most !== undefined
      ? { maxStops: Number(most) }
      : null;
  },
  ({ message, param, quirks }) => {
    const field = OPTIONAL.find((name) =>
      !quirks.omit.includes(name) &&
      // In /v1/responses, verbosity is a member of `text`.
      (param === name || param === `text.${name}` || isUnknown(name, message))
    );
    return field === undefined ? null : { omit: [...quirks.omit, field] };
  },
];

/** Fields that an answer is valid without. */
const OPTIONAL: readonly string[] = [
  "top_k",
  "user",
  "service_tier",
  "verbosity",
  "parallel_tool_calls",
  "stream_options",
  "temperature",
  "top_p",
];

/** The quirk that a rejection reveals; null if it reveals none that is not known already. */
export function quirkIn(
  { code, message, error }: UpstreamFailure,
  quirks: Quirks,
): Partial<Quirks> | null {
  if (code !== 400 && code !== 422) return null;
  const rejection = { message: error?.message ?? message, param: error?.param ?? "", quirks };
  for (const lesson of lessons) {
    const learned = lesson(rejection);
    if (learned !== null) return learned;
  }
  return null;
}

/** vLLM: maximum context length is 8192 tokens and your request has 7 input tokens (32000 > 8192 - 7). */
function contextLesson({ message, quirks }: Rejection): Partial<Quirks> | null {
  const length = /maximum context length (?:is|of) (\d+)/i.exec(message)?.[1];
  const prompt =
    /(\d+) (?:input tokens|in the (?:messages|prompt)|tokens from the input)/i.exec(message)?.[1] ??
      /(?:has|contains) (\d+)\b/i.exec(message)?.[1];
  if (length === undefined || prompt === undefined) return null;
  const [contextLength, promptTokens] = [Number(length), Number(prompt)];
  const isNew = quirks.contextLength !== contextLength || quirks.promptTokens !== promptTokens;
  return isNew && promptTokens < contextLength ? { contextLength, promptTokens } : null;
}

/** OpenAI: Supported values are: 'low', 'medium', and 'high'. Ollama: "…" does not support thinking. */
function effortLesson({ message, param, quirks }: Rejection): Partial<Quirks> | null {
  const isEffort = param === "reasoning_effort" || param === "reasoning.effort" ||
    /reasoning[_ ]effort|does not support (?:thinking|reasoning)/i.test(message);
  if (!isEffort) return null;
  const listed = /supported (?:values|options)\b(.*)/i.exec(message)?.[1] ??
    /\b(?:one of|must be|should be|expected)\b(.*)/i.exec(message)?.[1] ?? "";
  const efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
    .filter((effort) => new RegExp(`\\b${effort}\\b`).test(listed));
  return JSON.stringify(quirks.efforts) === JSON.stringify(efforts) ? null : { efforts };
}

function isUnknown(field: string, message: string): boolean {
  return new RegExp(`\\b${field}\\b`).test(message) &&
    /unsupported|not supported|unknown|unrecogni[sz]ed|unexpected|extra (?:inputs|fields)|not permitted|not allowed|does not support/i
      .test(message);
}
