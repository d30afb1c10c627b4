/** A whole chat completion → Claude's message. */

import type Anthropic from "@anthropic-ai/sdk";
import { UpstreamFailure } from "../adapter.ts";
import { toolId } from "../tool_id.ts";
import { inputOf } from "../tool_input.ts";
import { type AnswerTerms, emptyMessage } from "./event_encoder.ts";
import { type ChatEnd, type ChatUsage, outcomeOf, usageOf } from "./outcome.ts";

/** The members of a chat completion that are read. */
export interface ChatCompletion {
  id?: string | null;
  choices?: (ChatEnd & { message?: ChatAnswer | null })[] | null;
  usage?: ChatUsage | null;
}

interface ChatAnswer {
  content?: string | null;
  refusal?: string | null;
  reasoning_content?: string | null;
  reasoning?: string | null;
  tool_calls?:
    | {
      id?: string | null;
      function?: { name?: string | null; arguments?: string | null } | null;
    }[]
    | null;
}

/** Throws an UpstreamFailure for anything but a chat completion. */
export function messageOf(completion: ChatCompletion, terms: AnswerTerms): Anthropic.Message {
  const choice = completion.choices?.[0];
  if (!choice?.message) {
    throw new UpstreamFailure(502, "The provider sent something that is not a chat completion");
  }
  const content = contentOf(choice.message, terms);
  const calledTools = content.some(({ type }) => type === "tool_use");
  return {
    ...emptyMessage(completion.id, terms),
    content,
    ...outcomeOf(choice, calledTools, choice.message.refusal ?? "", terms.stops),
    usage: usageOf(completion.usage),
  };
}

function contentOf(message: ChatAnswer, { newId }: AnswerTerms): Anthropic.ContentBlock[] {
  const thinking = message.reasoning_content ?? message.reasoning ?? "";
  const text = (message.content ?? "") + (message.refusal ?? "");
  return [
    ...(thinking === "" ? [] : [{ type: "thinking" as const, thinking, signature: "" }]),
    ...(text === "" ? [] : [{ type: "text" as const, text, citations: null }]),
    ...(message.tool_calls ?? []).map(({ id, function: called }) => ({
      type: "tool_use" as const,
      id: id ? toolId(id) : `toolu_${newId()}`,
      name: called?.name ?? "",
      input: inputOf(called?.arguments),
      caller: { type: "direct" as const },
    })),
  ];
}
