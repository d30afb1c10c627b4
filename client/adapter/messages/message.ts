/** A whole chat completion → Claude's message. */

import type Anthropic from "@anthropic-ai/sdk";
import { UpstreamFailure } from "../adapter.ts";
import { toolId } from "../tool_id.ts";
import { inputOf } from "../tool_input.ts";
import { type AnswerTerms, emptyMessage } from "./event_encoder.ts";
import { outcomeOf, type SeenEnd, type SeenUsage, usageOf } from "./outcome.ts";

/** A completion as far as it is read here. */
export interface SeenCompletion {
  id?: string | null;
  choices?: (SeenEnd & { message?: SeenMessage | null })[] | null;
  usage?: SeenUsage | null;
}

interface SeenMessage {
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

/** Throws an UpstreamFailure where there is no answer to translate. */
export function messageOf(completion: SeenCompletion, terms: AnswerTerms): Anthropic.Message {
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

function contentOf(message: SeenMessage, { newId }: AnswerTerms): Anthropic.ContentBlock[] {
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
