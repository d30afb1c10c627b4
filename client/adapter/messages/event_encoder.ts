/** OpenAI's stream of chunks → Claude's events, one chunk at a time. */

import type Anthropic from "@anthropic-ai/sdk";
import { toolId } from "../tool_id.ts";
import { BlockEncoder, type ContentEvent } from "./block_encoder.ts";
import { type ChatEnd, type ChatUsage, outcomeOf, usageOf } from "./outcome.ts";

export interface AnswerTerms {
  /** The model's name in the answer. */
  model: string;
  /** The stop sequences that the caller requested. */
  stops: readonly string[];
  /** Generates an unguessable id where the provider sent none. */
  newId(): string;
}

/** The members of a chunk that are read; providers omit or null any of them. */
export interface ChatChunk {
  id?: string | null;
  choices?: (ChatEnd & { index?: number | null; delta?: ChatDelta | null })[] | null;
  usage?: ChatUsage | null;
}

interface ChatDelta {
  content?: string | null;
  refusal?: string | null;
  reasoning_content?: string | null;
  tool_calls?: ChatCall[] | null;
}

interface ChatCall {
  index?: number | null;
  id?: string | null;
  function?: { name?: string | null; arguments?: string | null } | null;
}

export class EventEncoder {
  readonly #content = new BlockEncoder();
  #hasBegun = false;
  #end: ChatEnd = {};
  #refusal = "";
  #usage: ChatUsage | null = null;

  constructor(private readonly terms: AnswerTerms) {}

  /** The events that one chunk becomes. */
  encode(chunk: ChatChunk): Anthropic.RawMessageStreamEvent[] {
    this.#usage = chunk.usage ?? this.#usage;
    // The Messages API has no `n`: only the first choice counts.
    const choice = chunk.choices?.find(({ index }) => (index ?? 0) === 0);
    if (choice?.finish_reason) this.#end = choice;
    return [...this.#begin(chunk), ...this.#append(choice?.delta ?? {})];
  }

  /** The events that end a complete answer. */
  end(): Anthropic.RawMessageStreamEvent[] {
    const { stops } = this.terms;
    const last = this.#content.end();
    const outcome = outcomeOf(this.#end, this.#content.calledTools, this.#refusal, stops);
    return [
      ...last,
      {
        type: "message_delta",
        delta: { container: null, ...outcome },
        usage: deltaUsage(usageOf(this.#usage)),
      },
      { type: "message_stop" },
    ];
  }

  #begin({ id }: ChatChunk): Anthropic.RawMessageStreamEvent[] {
    if (this.#hasBegun) return [];
    this.#hasBegun = true;
    return [{ type: "message_start", message: emptyMessage(id, this.terms) }];
  }

  #append(delta: ChatDelta): Anthropic.RawMessageStreamEvent[] {
    const { reasoning_content: reasoning, content, refusal, tool_calls: calls } = delta;
    this.#refusal += refusal ?? "";
    return [
      ...this.#content.append("thinking", reasoning ?? ""),
      ...this.#content.append("text", content ?? ""),
      ...this.#content.append("text", refusal ?? ""),
      ...(calls ?? []).flatMap((call, i) => this.#call(call, i)),
    ];
  }

  #call({ index, id, function: called }: ChatCall, position: number): ContentEvent[] {
    const at = index ?? position;
    const newId = this.#content.hasCall(at) ? "" : `toolu_${this.terms.newId()}`;
    const { name, arguments: text } = called ?? {};
    return this.#content.appendCall(at, id ? toolId(id) : newId, name ?? "", text ?? "");
  }
}

/** The message in `message_start`, without content. */
export function emptyMessage(
  id: string | null | undefined,
  { model, newId }: AnswerTerms,
): Anthropic.Message {
  return {
    id: `msg_${id?.replace(/^chatcmpl-/, "") || newId()}`,
    type: "message",
    role: "assistant",
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage: usageOf(null),
  };
}

function deltaUsage(usage: Anthropic.Usage): Anthropic.MessageDeltaUsage {
  const { input_tokens, output_tokens, output_tokens_details, server_tool_use } = usage;
  const { cache_read_input_tokens, cache_creation_input_tokens } = usage;
  return {
    input_tokens,
    output_tokens,
    cache_read_input_tokens,
    cache_creation_input_tokens,
    output_tokens_details,
    server_tool_use,
  };
}
