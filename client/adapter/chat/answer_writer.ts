/** Neutral events → the chunks of a chat completion; or one whole completion. */

import type {
  Answer,
  AnswerEvent,
  AnswerPart,
  Ending,
  EndReason,
  TokenUsage,
} from "../bridge/answer_event.ts";
import type {
  Annotation,
  ChatChunk,
  ChatCompletion,
  Delta,
  FinishReason,
  ToolCall,
  ToolCallDelta,
  Usage,
} from "./shapes.ts";

export interface ChatTerms {
  /** The model's name in the answer. */
  model: string;
  /** Seconds since 1970. */
  created: number;
  includeUsage: boolean;
  /** Whether the chunks carry signed thinking, for callers that send it back. */
  wantsThinking: boolean;
  /** Generates an unguessable id where the provider sent none. */
  newId(): string;
}

const finishReasons: Readonly<Record<EndReason, FinishReason>> = Object.freeze({
  stop: "stop",
  length: "length",
  calls: "tool_calls",
  refusal: "content_filter",
});

/** A refusal in the model's own words is a finished answer in this dialect. */
function finishReason({ reason }: Ending, hasRefused: boolean): FinishReason {
  return reason === "refusal" && hasRefused ? "stop" : finishReasons[reason];
}

export class ChatAnswerWriter {
  #id = "";
  #usage: TokenUsage | null = null;
  #hasRefused = false;
  readonly #customCalls = new Set<number>();
  readonly #thinking: object[] = [];

  constructor(private readonly terms: ChatTerms) {}

  /** The chunks that one event becomes. */
  write(event: AnswerEvent): ChatChunk[] {
    switch (event.type) {
      case "start":
        this.#id = idOf(event.id, this.terms);
        return [this.#chunk({ role: "assistant", content: "" })];
      case "text":
        return [this.#chunk({ content: event.text })];
      case "refusal":
        this.#hasRefused = true;
        return [this.#chunk({ refusal: event.text })];
      case "reasoning":
        return [this.#chunk({ reasoning_content: event.text })];
      case "call":
        if (event.isCustom) this.#customCalls.add(event.call);
        return [this.#chunk({ tool_calls: [opener(event, this.terms)] })];
      case "arguments":
        return [this.#chunk({ tool_calls: [this.#argumentsDelta(event.call, event.text)] })];
      case "thinking":
        this.#thinking.push(event.block);
        return [];
      case "citation":
        // Annotations are part of whole answers only.
        return [];
      case "usage":
        this.#usage = event.usage;
        return [];
      case "end":
        return this.#end(event);
    }
  }

  #argumentsDelta(index: number, text: string): ToolCallDelta {
    return this.#customCalls.has(index)
      ? { index, custom: { input: text } }
      : { index, function: { arguments: text } };
  }

  #end(end: Ending): ChatChunk[] {
    const { reason, explanation } = end;
    const last: Delta[] = [];
    if (reason === "refusal" && explanation) last.push({ refusal: explanation });
    if (this.terms.wantsThinking && this.#thinking.length > 0) {
      last.push({ thinking_blocks: this.#thinking });
    }
    const usage = this.terms.includeUsage
      ? [{ ...this.#chunk({}), choices: [], usage: usageOf(this.#usage) }]
      : [];
    return [
      ...last.map((delta) => this.#chunk(delta)),
      this.#chunk({}, finishReason(end, this.#hasRefused)),
      ...usage,
    ];
  }

  #chunk(delta: Delta, finish_reason: FinishReason | null = null): ChatChunk {
    return {
      id: this.#id,
      object: "chat.completion.chunk",
      created: this.terms.created,
      model: this.terms.model,
      choices: [{ index: 0, delta, logprobs: null, finish_reason }],
      ...(this.terms.includeUsage ? { usage: null } : {}),
    };
  }
}

/** One whole completion. */
export function chatCompletion(answer: Answer, terms: ChatTerms): ChatCompletion {
  const { parts, thinking, citations, usage, end } = answer;
  const joined = (type: "text" | "refusal" | "reasoning") =>
    parts.map((part) => part.type === type ? part.text : "").join("");
  const explanation = end.reason === "refusal" ? end.explanation ?? "" : "";
  const reasoning = joined("reasoning");
  const refusal = joined("refusal");
  const calls = parts.flatMap((part) => part.type === "call" ? callOf(part, terms) : []);
  return {
    id: idOf(answer.id, terms),
    object: "chat.completion",
    created: terms.created,
    model: terms.model,
    choices: [{
      index: 0,
      message: {
        role: "assistant",
        content: joined("text") || null,
        refusal: refusal + explanation || null,
        ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
        ...(thinking.length === 0 ? {} : { thinking_blocks: thinking }),
        ...(citations.length === 0 ? {} : { annotations: citations.map(annotation) }),
        ...(calls.length === 0 ? {} : { tool_calls: calls }),
      },
      logprobs: null,
      finish_reason: finishReason(end, refusal !== ""),
    }],
    usage: usageOf(usage),
  };
}

function idOf(id: string | null, { newId }: ChatTerms): string {
  return id?.startsWith("chatcmpl-") ? id : `chatcmpl-${id ?? newId()}`;
}

function callIdOf(id: string, { newId }: ChatTerms): string {
  return id || `call_${newId()}`;
}

function opener(
  event: Extract<AnswerEvent, { type: "call" }>,
  terms: ChatTerms,
): ToolCallDelta {
  const { call: index, name, isCustom } = event;
  const id = callIdOf(event.id, terms);
  return isCustom
    ? { index, id, type: "custom", custom: { name, input: "" } }
    : { index, id, type: "function", function: { name, arguments: "" } };
}

function callOf(
  { id: given, name, isCustom, argumentsText }: Extract<AnswerPart, { type: "call" }>,
  terms: ChatTerms,
): ToolCall {
  const id = callIdOf(given, terms);
  return isCustom
    ? { id, type: "custom", custom: { name, input: argumentsText } }
    : { id, type: "function", function: { name, arguments: argumentsText } };
}

function annotation({ url, title, start, end }: Answer["citations"][number]): Annotation {
  return {
    type: "url_citation",
    url_citation: { url, title, start_index: start, end_index: end },
  };
}

function usageOf(usage: TokenUsage | null): Usage {
  const prompt = usage?.promptTokens ?? 0;
  const completion = usage?.completionTokens ?? 0;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: {
      cached_tokens: usage?.cachedTokens ?? 0,
      cache_write_tokens: usage?.cacheWriteTokens ?? 0,
    },
    completion_tokens_details: { reasoning_tokens: usage?.reasoningTokens ?? 0 },
  };
}
