/** Translates chat requests for a Claude model, for tests. */

import { UpstreamFailure } from "../adapter/adapter.ts";
import { readChatRequest } from "../adapter/chat/request_reader.ts";
import { factsOf, type ModelFacts, unknownModel } from "../adapter/claude/model_facts.ts";
import { claudeRequest } from "../adapter/claude/request.ts";
import { ThinkingMemory } from "../adapter/claude/thinking_memory.ts";
import type { ClaudeRequest } from "../adapter/claude/wire.ts";
import { toJsonText } from "../adapter/raw_json.ts";

/** A model that accepts sampling parameters and a thinking budget. */
export const OLD = "claude-sonnet-4-5";
/** A model that rejects sampling parameters and takes an effort. */
export const NEW = "claude-opus-5";

export const hello = [{ role: "user", content: "hi" }];

/** Translates a chat request: a greeting with the given changes. */
export function claude(body: object, model = OLD): ClaudeRequest {
  const facts = factsOf(model) ?? unknownModel;
  return translated(JSON.stringify({ messages: hello, ...body }), model, facts);
}

/** The body that Claude receives for a chat request. */
export function translated(bodyText: string, model: string, facts: ModelFacts): ClaudeRequest {
  const { body } = claudeRequest(readChatRequest(bodyText), model, facts, new ThinkingMemory());
  return JSON.parse(toJsonText(body));
}

/** The rejection of a chat request. Throws if it is translated. */
export function rejection(body: object): { code: number; param: unknown } {
  try {
    claude(body);
  } catch (failure) {
    if (!(failure instanceof UpstreamFailure)) throw failure;
    return { code: failure.code, param: failure.error?.param };
  }
  throw new Error("It was translated");
}

/** Translates messages into turns. */
export function turns(...messages: object[]) {
  return claude({ messages }).messages;
}

/** An assistant message that calls the tool `f` with each of the ids. */
export function calling(...ids: string[]) {
  return {
    role: "assistant",
    content: null,
    tool_calls: ids.map((id) => toolCall(id)),
  };
}

export function toolCall(id: string, name = "f", args = "{}") {
  return { id, type: "function", function: { name, arguments: args } };
}

/** The tool message with a call's result. */
export function result(id: string, content: unknown = "r") {
  return { role: "tool", tool_call_id: id, content };
}
