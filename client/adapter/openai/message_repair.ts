/**
 * Repairs a chat message, or a delta of one, in place: content in parts becomes text, reasoning gets
 * the name that most clients read, tool arguments given as an object become text.
 */

import { isObject, type Json } from "../json_object.ts";
import { newCallId } from "./tool_calls.ts";
import { parseExact, parseKeeping, type Path, RawJson } from "../raw_json.ts";

/** Returns whether anything changed. `isWhole`: not a delta. Arguments given as an object must be RawJson: see `repairable`. */
export function repairMessage(message: Json, isWhole = false): boolean {
  return [
    flattenContent(message),
    copyReasoning(message),
    writeArguments(message),
    isWhole && giveIds(message),
  ].some(Boolean);
}

/** Mistral sends content as typed parts; clients expect a string. */
function flattenContent(message: Json): boolean {
  const { content } = message;
  if (!Array.isArray(content)) return false;
  const parts = content.filter(isObject);
  message.content = parts.map(textOf).join("");
  const reasoning = parts.map(reasoningOf).join("");
  if (reasoning !== "" && !message.reasoning_content) message.reasoning_content = reasoning;
  return true;
}

function textOf({ type, text }: Json): string {
  return (type === "text" || type === "output_text") && typeof text === "string" ? text : "";
}

/** `thinking` is a text, or a list of text parts. */
function reasoningOf({ type, thinking }: Json): string {
  if (type !== "thinking") return "";
  if (typeof thinking === "string") return thinking;
  return Array.isArray(thinking) ? thinking.filter(isObject).map(textOf).join("") : "";
}

/** vLLM and others send `reasoning`; several clients read only `reasoning_content`. */
function copyReasoning(message: Json): boolean {
  const { reasoning } = message;
  if (typeof reasoning !== "string" || reasoning === "" || message.reasoning_content) return false;
  message.reasoning_content = reasoning;
  return true;
}

function writeArguments({ tool_calls: calls }: Json): boolean {
  if (!Array.isArray(calls)) return false;
  let changed = false;
  for (const call of calls) {
    const called = isObject(call) && isObject(call.function) ? call.function : {};
    if (!(called.arguments instanceof RawJson)) continue;
    called.arguments = called.arguments.text;
    changed = true;
  }
  return changed;
}

/** Without an id no result can name its call. */
function giveIds({ tool_calls: calls }: Json): boolean {
  const without = Array.isArray(calls) ? calls.filter(isObject).filter(({ id }) => !id) : [];
  for (const call of without) call.id = newCallId();
  return without.length > 0;
}

const argumentPaths: readonly Path[] = ["delta", "message"].map((holder) => [
  "choices",
  "*",
  holder,
  "tool_calls",
  "*",
  "function",
  "arguments",
]);

/**
 * The answer or chunk in a form that can be repaired and serialised without loss: arguments objects
 * as RawJson, long numbers exact. `parsed` is the text parsed as usual.
 */
export function repairable(text: string, parsed: Json): Json {
  if (/"arguments"\s*:\s*[{[]/.test(text)) return parseKeeping(text, argumentPaths) as Json;
  return parseExact(text, parsed) as Json;
}
