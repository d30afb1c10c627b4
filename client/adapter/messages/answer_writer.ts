/** Neutral events → the events of a Claude message; or one whole message. */

import type Anthropic from "@anthropic-ai/sdk";
import type { Answer, AnswerEvent, Ending, TokenUsage } from "../bridge/answer_event.ts";
import {
  type Block,
  type BlockEvent,
  BlockSequencer,
  type ContentEvent,
} from "../bridge/block_sequencer.ts";
import { RawJson } from "../raw_json.ts";
import { toolId } from "../tool_id.ts";
import { toolInput } from "../tool_input.ts";

export interface MessageTerms {
  /** The model's name in the answer. */
  model: string;
  /** Generates an unguessable id where the provider sent none. */
  newId(): string;
}

/** Input is RawJson: serialise with `toJsonText`. */
export type MessageEvent = Anthropic.RawMessageStreamEvent;

export class MessageAnswerWriter {
  readonly #blocks = new BlockSequencer(isNoObject);
  #refusal = "";
  #usage: TokenUsage | null = null;

  constructor(private readonly terms: MessageTerms) {}

  /** The events that one event becomes. */
  write(event: AnswerEvent): MessageEvent[] {
    switch (event.type) {
      case "start":
        return [{ type: "message_start", message: emptyMessage(event.id, this.terms) }];
      case "refusal":
        this.#refusal += event.text;
        return this.#append({ type: "text", text: event.text });
      case "call":
        return this.#append({ ...event, id: idOf(event.id, this.terms) });
      case "text":
      case "reasoning":
      case "arguments":
        return this.#append(event);
      case "usage":
        this.#usage = event.usage;
        return [];
      case "end":
        return this.#end(event);
      default:
        // Signed thinking comes from Claude only, whose messages are relayed. Its citations quote a source,
        // which those of other dialects do not.
        return [];
    }
  }

  #append(event: ContentEvent): MessageEvent[] {
    return this.#blocks.append(event).flatMap(blockEvents);
  }

  #end(end: Ending): MessageEvent[] {
    const last = this.#blocks.end().flatMap(blockEvents);
    const { input_tokens, output_tokens, ...rest } = usageOf(this.#usage);
    const { cache_read_input_tokens, cache_creation_input_tokens } = rest;
    const { output_tokens_details, server_tool_use } = rest;
    return [
      ...last,
      {
        type: "message_delta",
        delta: { container: null, ...outcomeOf(end, this.#refusal) },
        usage: {
          input_tokens,
          output_tokens,
          cache_read_input_tokens,
          cache_creation_input_tokens,
          output_tokens_details,
          server_tool_use,
        },
      },
      { type: "message_stop" },
    ];
  }
}

/** One whole message. */
export function messageOf(answer: Answer, terms: MessageTerms): Anthropic.Message {
  const content = answer.parts.map((part): Anthropic.ContentBlock => {
    switch (part.type) {
      case "reasoning":
        return { type: "thinking", thinking: part.text, signature: "" };
      case "text":
      case "refusal":
        return textBlock(part.text);
      case "call":
        return toolUse(idOf(part.id, terms), part.name, toolInput(part.argumentsText));
    }
  });
  const refusal = answer.parts.map((part) => part.type === "refusal" ? part.text : "").join("");
  return {
    ...emptyMessage(answer.id, terms),
    content,
    ...outcomeOf(answer.end, refusal),
    usage: usageOf(answer.usage),
  };
}

/** Input that is no object is emitted at the block's end, because it must be wrapped first. */
function isNoObject({ kind, text }: Block): boolean {
  return kind === "call" && !text.trimStart().startsWith("{");
}

function blockEvents(event: BlockEvent): MessageEvent[] {
  const { index, block } = event;
  switch (event.type) {
    case "open":
      return [{ type: "content_block_start", index, content_block: emptyBlock(block) }];
    case "delta":
      return [{ type: "content_block_delta", index, delta: deltaOf(block, event.text) }];
    case "close": {
      const wrapped = event.rest.trim() === "" ? "" : toolInput(event.rest).text;
      const stop: MessageEvent = { type: "content_block_stop", index };
      return wrapped === ""
        ? [stop]
        : [{ type: "content_block_delta", index, delta: deltaOf(block, wrapped) }, stop];
    }
  }
}

function deltaOf({ kind }: Block, text: string): Anthropic.RawContentBlockDelta {
  if (kind === "call") return { type: "input_json_delta", partial_json: text };
  return kind === "reasoning"
    ? { type: "thinking_delta", thinking: text }
    : { type: "text_delta", text };
}

function emptyBlock({ kind, id, name }: Block): Anthropic.ContentBlock {
  if (kind === "call") return toolUse(id, name, new RawJson("{}"));
  return kind === "reasoning" ? { type: "thinking", thinking: "", signature: "" } : textBlock("");
}

/** Without `citations`: the package's type wants null there, which other clients reject. */
function textBlock(text: string): Anthropic.TextBlock {
  return { type: "text", text } as Anthropic.TextBlock;
}

function toolUse(id: string, name: string, input: RawJson): Anthropic.ToolUseBlock {
  return { type: "tool_use", id, name, input, caller: { type: "direct" } };
}

function idOf(id: string, { newId }: MessageTerms): string {
  return id === "" ? `toolu_${newId()}` : toolId(id);
}

/** The message in `message_start`, without content. */
function emptyMessage(id: string | null, { model, newId }: MessageTerms): Anthropic.Message {
  return {
    id: `msg_${id?.replace(/^(chatcmpl-|resp_|msg_)/, "") || newId()}`,
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

type Outcome = Pick<Anthropic.Message, "stop_reason" | "stop_sequence" | "stop_details">;

/** `refusal`: the model's refusal text, or empty. */
function outcomeOf({ reason, stopSequence, explanation }: Ending, refusal: string): Outcome {
  const plain = { stop_sequence: null, stop_details: null };
  switch (reason) {
    case "refusal":
      return {
        ...plain,
        stop_reason: "refusal",
        stop_details: {
          type: "refusal",
          category: null,
          explanation: refusal || explanation,
        },
      };
    case "length":
      return { ...plain, stop_reason: "max_tokens" };
    case "calls":
      return { ...plain, stop_reason: "tool_use" };
    case "stop":
      return stopSequence === null
        ? { ...plain, stop_reason: "end_turn" }
        : { ...plain, stop_reason: "stop_sequence", stop_sequence: stopSequence };
  }
}

/** OpenAI counts cached tokens as part of the prompt; Claude counts them apart. */
function usageOf(usage: TokenUsage | null): Anthropic.Usage {
  const { promptTokens = 0, completionTokens = 0, cachedTokens = 0, cacheWriteTokens = 0 } =
    usage ?? {};
  const reasoningTokens = usage?.reasoningTokens ?? null;
  return {
    input_tokens: Math.max(0, promptTokens - cachedTokens - cacheWriteTokens),
    output_tokens: completionTokens,
    cache_read_input_tokens: cachedTokens,
    cache_creation_input_tokens: cacheWriteTokens,
    cache_creation: null,
    output_tokens_details: reasoningTokens === null ? null : { thinking_tokens: reasoningTokens },
    server_tool_use: null,
    service_tier: null,
    inference_geo: null,
    speed: null,
  };
}
