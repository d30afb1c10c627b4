/** Chat requests as a Claude model is asked them, for tests of the translation. */

import { UpstreamFailure } from "../adapter/adapter.ts";
import { readChatRequest } from "../adapter/claude/chat_request.ts";
import { factsOf, unknownModel } from "../adapter/claude/model_facts.ts";
import { translate } from "../adapter/claude/request.ts";
import { ThinkingMemory } from "../adapter/claude/thinking_memory.ts";
import type { ClaudeRequest } from "../adapter/claude/wire.ts";

/** A model that takes sampling and thinks by a budget. */
export const OLD = "claude-sonnet-4-5";
/** A model that takes no sampling and thinks by effort. */
export const NEW = "claude-opus-5";

export const hello = [{ role: "user", content: "hi" }];

/** What a chat becomes; a greeting, except for what is given. */
export function claude(body: object, model = OLD): ClaudeRequest {
  const text = JSON.stringify({ messages: hello, ...body });
  const facts = factsOf(model) ?? unknownModel;
  return translate(readChatRequest(text), model, facts, new ThinkingMemory()).request;
}

/** Why a chat cannot be translated. Throws if it can. */
export function refusal(body: object): { code: number; param: unknown } {
  try {
    claude(body);
  } catch (failure) {
    if (!(failure instanceof UpstreamFailure)) throw failure;
    return { code: failure.code, param: failure.error?.param };
  }
  throw new Error("It was translated");
}

/** The turns that messages become. */
export function turns(...messages: object[]) {
  return claude({ messages }).messages;
}

/** A message that calls the tool `f` under each of the ids. */
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

/** What the call of that id gave. */
export function result(id: string, content: unknown = "r") {
  return { role: "tool", tool_call_id: id, content };
}
