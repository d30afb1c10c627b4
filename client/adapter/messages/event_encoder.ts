/** OpenAI's stream of chunks → Claude's events, one chunk at a time. */

import type Anthropic from "@anthropic-ai/sdk";
import { toolId } from "../tool_id.ts";
import { BlockEncoder, type ContentEvent } from "./block_encoder.ts";
import { outcomeOf, type SeenEnd, type SeenUsage, usageOf } from "./outcome.ts";

export interface AnswerTerms {
  /** The model's name as the answer shall carry it. */
  model: string;
  /** The sequences that the caller wanted the answer to stop at. */
  stops: readonly string[];
  /** Unguessable, for what the provider gave no id. */
  newId(): string;
}

/** A chunk as far as it is read here. Providers leave out and null what they like. */
export interface SeenChunk {
  id?: string | null;
  choices?: (SeenEnd & { index?: number | null; delta?: SeenDelta | null })[] | null;
  usage?: SeenUsage | null;
}

interface SeenDelta {
  content?: string | null;
  refusal?: string | null;
  reasoning_content?: string | null;
  tool_calls?: SeenCall[] | null;
}

interface SeenCall {
  index?: number | null;
  id?: string | null;
  function?: { name?: string | null; arguments?: string | null } | null;
}

export class EventEncoder {
  readonly #content = new BlockEncoder();
  #hasBegun = false;
  #end: SeenEnd = {};
  #refusal = "";
  #usage: SeenUsage | null = null;

  constructor(private readonly terms: AnswerTerms) {}

  /** The events that one chunk becomes. */
  encode(chunk: SeenChunk): Anthropic.RawMessageStreamEvent[] {
    this.#usage = chunk.usage ?? this.#usage;
    // Several answers to one question are nothing that Claude's callers can ask for.
    const choice = chunk.choices?.find(({ index }) => (index ?? 0) === 0);
    if (choice?.finish_reason) this.#end = choice;
    return [...this.#begin(chunk), ...this.#tell(choice?.delta ?? {})];
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

  #begin({ id }: SeenChunk): Anthropic.RawMessageStreamEvent[] {
    if (this.#hasBegun) return [];
    this.#hasBegun = true;
    return [{ type: "message_start", message: emptyMessage(id, this.terms) }];
  }

  #tell(delta: SeenDelta): Anthropic.RawMessageStreamEvent[] {
    const { reasoning_content: thought, content, refusal, tool_calls: calls } = delta;
    this.#refusal += refusal ?? "";
    return [
      ...this.#content.say("thinking", thought ?? ""),
      ...this.#content.say("text", content ?? ""),
      ...this.#content.say("text", refusal ?? ""),
      ...(calls ?? []).flatMap((call, i) => this.#call(call, i)),
    ];
  }

  #call({ index, id, function: called }: SeenCall, position: number): ContentEvent[] {
    const at = index ?? position;
    const newId = this.#content.hasCall(at) ? "" : `toolu_${this.terms.newId()}`;
    const { name, arguments: text } = called ?? {};
    return this.#content.call(at, id ? toolId(id) : newId, name ?? "", text ?? "");
  }
}

/** A message before its first word. */
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
