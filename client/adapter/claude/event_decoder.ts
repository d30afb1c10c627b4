/** Claude's stream events → OpenAI's chunks, one event at a time. */

import type { Annotation, ChatChunk, Delta, FinishReason, Usage } from "../chat.ts";
import { ContentDecoder, type ContentTerms } from "./content_decoder.ts";
import { marked } from "./thinking_blocks.ts";
import { merged, usageOf } from "./usage.ts";
import type { Block, ClaudeEvent, ClaudeUsage } from "./wire.ts";

export interface DecoderOptions extends ContentTerms {
  /** The model's name in the answer. */
  model: string;
  /** The provider's name for the model. */
  localModel: string;
  /** Seconds since 1970. */
  created: number;
  includeUsage: boolean;
  /** Whether the chunks carry signed thinking, for callers that send it back. */
  includeThinking: boolean;
}

const finishReasons: ReadonlyMap<string | null, FinishReason> = new Map([
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["pause_turn", "stop"],
  ["tool_use", "tool_calls"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["refusal", "content_filter"],
]);

export class EventDecoder {
  readonly #content: ContentDecoder;
  #id = "chatcmpl-claude";
  #hasBegun = false;
  #isComplete = false;
  #stopReason: string | null = null;
  #refusal: string | null = null;
  #usage: ClaudeUsage = {};

  constructor(private readonly options: DecoderOptions) {
    this.#content = new ContentDecoder(options);
  }

  /** The upstream's usage so far. */
  get usage(): Usage {
    return usageOf(this.#usage);
  }

  /** The signed thinking so far, which callers send back. */
  get thinkingBlocks(): Block[] {
    return marked(this.#content.thoughts, this.options.localModel);
  }

  /** The citations of the text so far. */
  get annotations(): Annotation[] {
    return this.#content.annotations;
  }

  /** Returns the chunks of one event: none, one or several. `error` events are handled before. */
  decode(event: ClaudeEvent): ChatChunk[] {
    const chunks = this.#handlers.get(event.type)?.(event) ?? [];
    // Some proxies lose or delay the first event; the role must come first all the same.
    return chunks.length > 0 ? [...this.#role(), ...chunks] : chunks;
  }

  readonly #handlers: ReadonlyMap<string, (event: ClaudeEvent) => ChatChunk[]> = new Map([
    ["message_start", (event: ClaudeEvent) => this.#begin(event)],
    ["content_block_start", (event: ClaudeEvent) => this.#chunks(this.#content.begin(event))],
    ["content_block_delta", (event: ClaudeEvent) => this.#chunks(this.#content.more(event))],
    ["content_block_stop", (event: ClaudeEvent) => this.#chunks(this.#content.end(event))],
    ["message_delta", (event: ClaudeEvent) => this.#noteEnd(event)],
    ["message_stop", () => this.#end()],
  ]);

  #begin({ message }: ClaudeEvent): ChatChunk[] {
    this.#usage = merged(this.#usage, message?.usage);
    // A second start event must neither begin a second answer nor change the id.
    if (!this.#hasBegun && message?.id) this.#id = `chatcmpl-${message.id}`;
    return this.#role();
  }

  #role(): ChatChunk[] {
    if (this.#hasBegun) return [];
    this.#hasBegun = true;
    return [this.#chunk({ role: "assistant", content: "" })];
  }

  #noteEnd({ delta = {}, usage }: ClaudeEvent): ChatChunk[] {
    this.#stopReason = delta.stop_reason ?? this.#stopReason;
    this.#refusal = delta.stop_details?.explanation ?? this.#refusal;
    this.#usage = merged(this.#usage, usage);
    return [];
  }

  #end(): ChatChunk[] {
    if (this.#isComplete) return [];
    this.#isComplete = true;
    const last = this.#content.endAll();
    const reason = this.#finishReason();
    if (reason === "content_filter" && this.#refusal) last.push({ refusal: this.#refusal });
    const { thinkingBlocks: thinking_blocks } = this;
    if (this.options.includeThinking && thinking_blocks.length > 0) last.push({ thinking_blocks });
    const usage = this.options.includeUsage
      ? [{ ...this.#chunk({}), choices: [], usage: this.usage }]
      : [];
    return [...this.#chunks(last), this.#chunk({}, reason), ...usage];
  }

  #finishReason(): FinishReason {
    const reason = finishReasons.get(this.#stopReason) ?? "stop";
    return reason === "tool_calls" && !this.#content.hasCalls ? "stop" : reason;
  }

  #chunks(deltas: readonly Delta[]): ChatChunk[] {
    return deltas.map((delta) => this.#chunk(delta));
  }

  #chunk(delta: Delta, finish_reason: FinishReason | null = null): ChatChunk {
    return {
      id: this.#id,
      object: "chat.completion.chunk",
      created: this.options.created,
      model: this.options.model,
      choices: [{ index: 0, delta, logprobs: null, finish_reason }],
      ...(this.options.includeUsage ? { usage: null } : {}),
    };
  }
}
