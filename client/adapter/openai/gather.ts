/** Gathers a stream's events into the whole answer, for upstreams that stream although no stream was requested. */

import { isObject, type Json, notAnAnswer } from "../json_object.ts";

/** Gathers the chunks of a chat completion. */
export function gatherChat(chunks: readonly Json[]): Json {
  return gatherChunks(chunks, "chat.completion", (choices) => ({
    message: merged({ role: "assistant", content: null }, choices.map(({ delta }) => delta)),
  }));
}

/** Gathers the chunks of a text completion. */
export function gatherText(chunks: readonly Json[]): Json {
  return gatherChunks(chunks, "text_completion", (choices) => ({
    text: choices.map(({ text }) => typeof text === "string" ? text : "").join(""),
  }));
}

/** The response in the last event of its stream. */
export function lastResponse(events: readonly Json[]): Json {
  const response = events.at(-1)?.response;
  if (!isObject(response)) throw notAnAnswer();
  return response;
}

function gatherChunks(
  chunks: readonly Json[],
  object: string,
  contentOf: (choices: readonly Json[]) => Json,
): Json {
  const all = chunks.flatMap(({ choices }) => Array.isArray(choices) ? choices as Json[] : []);
  const byIndex = Map.groupBy(all, ({ index }) => Number(index));
  const choices = [...byIndex].sort(([a], [b]) => a - b).map(([index, own]) => ({
    index,
    ...contentOf(own),
    logprobs: merged(null, own.map(({ logprobs }) => logprobs)),
    finish_reason: own.findLast(({ finish_reason }) => finish_reason)?.finish_reason ?? "stop",
  }));
  const { choices: _, ...head } = Object.assign({}, ...chunks.map(withoutNulls)) as Json;
  return { ...head, object, choices };
}

/** Members of a later chunk replace earlier ones, but null replaces nothing. */
function withoutNulls(chunk: Json): Json {
  return Object.fromEntries(Object.entries(chunk).filter(([, value]) => value !== null));
}

/** Merges partial objects: texts and lists are joined, tool calls by their index. */
function merged<T extends Json | null>(start: T, parts: readonly unknown[]): T | Json {
  let whole: T | Json = start;
  for (const part of parts.filter(isObject)) {
    const target: Json = { ...whole };
    for (const [key, value] of Object.entries(part)) target[key] = joined(key, target[key], value);
    whole = target;
  }
  return whole;
}

/** Members that are repeated, not continued. */
const CONSTANT: ReadonlySet<string> = new Set(["role", "id", "type", "name", "index"]);

function joined(key: string, before: unknown, value: unknown): unknown {
  if (value === null || value === undefined) return before ?? null;
  if (key === "tool_calls" && Array.isArray(value)) return joinedCalls(before, value);
  if (typeof value === "string" && typeof before === "string" && !CONSTANT.has(key)) {
    return before + value;
  }
  if (Array.isArray(value) && Array.isArray(before)) return [...before, ...value];
  return isObject(value) && isObject(before) ? merged(before, [value]) : value;
}

function joinedCalls(before: unknown, deltas: readonly unknown[]): Json[] {
  const calls = Array.isArray(before) ? [...before as Json[]] : [];
  for (const { index, ...delta } of deltas.filter(isObject)) {
    calls[Number(index)] = merged(calls[Number(index)] ?? {}, [delta]);
  }
  return calls;
}
