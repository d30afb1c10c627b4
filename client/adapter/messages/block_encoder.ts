/**
 * Encodes content as Claude's blocks, of which only one may be open at a time. OpenAI's streams may
 * interleave several, so the deltas of later blocks are queued.
 */

import type Anthropic from "@anthropic-ai/sdk";
import { UpstreamFailure } from "../adapter.ts";
import { inputOf } from "../tool_input.ts";

export type ContentEvent =
  | Anthropic.RawContentBlockStartEvent
  | Anthropic.RawContentBlockDeltaEvent
  | Anthropic.RawContentBlockStopEvent;

/** The most characters that may be queued. */
const MAX_QUEUED_CHARS = 4 * 1024 * 1024;

interface QueuedBlock {
  kind: "text" | "thinking" | "tool";
  id: string;
  name: string;
  /** All content received so far. */
  text: string;
  /** The length of the part already emitted. */
  emittedChars: number;
  isOpen: boolean;
}

export class BlockEncoder {
  /** The first block is emitted as it grows; the others wait. */
  readonly #queue: QueuedBlock[] = [];
  /** The tool calls, by their index in OpenAI's stream. */
  readonly #tools = new Map<number, QueuedBlock>();
  #index = 0;

  /** Whether any tool was called. */
  get calledTools(): boolean {
    return this.#tools.size > 0;
  }

  /** Appends text or thinking. */
  append(kind: "text" | "thinking", text: string): ContentEvent[] {
    if (text === "") return [];
    const last = this.#queue.at(-1);
    const block = last?.kind === kind ? last : this.#enqueue(kind, "", "");
    block.text += text;
    return this.#advance();
  }

  /** Whether a tool call has begun at `index`. */
  hasCall(index: number): boolean {
    return this.#tools.has(index);
  }

  /** Appends to the tool call at `index`; a new id there begins a new call. */
  appendCall(index: number, id: string, name: string, argumentsText: string): ContentEvent[] {
    let block = this.#tools.get(index);
    if (block === undefined || (id !== "" && block.id !== id)) {
      block = this.#enqueue("tool", id, name);
      this.#tools.set(index, block);
    }
    block.text += argumentsText;
    return this.#advance();
  }

  /** Closes all blocks at the end of the answer. */
  end(): ContentEvent[] {
    return this.#advance(true);
  }

  #enqueue(kind: QueuedBlock["kind"], id: string, name: string): QueuedBlock {
    const block = { kind, id, name, text: "", emittedChars: 0, isOpen: false };
    this.#queue.push(block);
    return block;
  }

  #advance(isEnd = false): ContentEvent[] {
    const events: ContentEvent[] = [];
    for (let block = this.#queue[0]; block !== undefined; block = this.#queue[0]) {
      if (!block.isOpen) events.push(this.#start(block));
      events.push(...this.#emit(block));
      const isOver = isEnd || (this.#queue.length > 1 && isComplete(block));
      if (!isOver) break;
      events.push(...this.#stop(block));
    }
    this.#checkQueueSize();
    return events;
  }

  #start(block: QueuedBlock): ContentEvent {
    block.isOpen = true;
    return { type: "content_block_start", index: this.#index, content_block: emptyBlock(block) };
  }

  /** Input that is no object is emitted at the block's end, because it must be wrapped first. */
  #emit(block: QueuedBlock): ContentEvent[] {
    const fresh = block.text.slice(block.emittedChars);
    if (fresh === "" || (block.kind === "tool" && !block.text.trimStart().startsWith("{"))) {
      return [];
    }
    block.emittedChars = block.text.length;
    return [this.#delta(block, fresh)];
  }

  #stop(block: QueuedBlock): ContentEvent[] {
    this.#queue.shift();
    const wrapped = block.kind === "tool" && block.emittedChars === 0 && block.text.trim() !== ""
      ? [this.#delta(block, JSON.stringify(inputOf(block.text)))]
      : [];
    return [...wrapped, { type: "content_block_stop", index: this.#index++ }];
  }

  #delta({ kind }: QueuedBlock, text: string): ContentEvent {
    return { type: "content_block_delta", index: this.#index, delta: deltas[kind](text) };
  }

  #checkQueueSize(): void {
    const chars = this.#queue.reduce(
      (sum, block) => sum + block.text.length - block.emittedChars,
      0,
    );
    if (chars <= MAX_QUEUED_CHARS) return;
    throw new UpstreamFailure(502, "The provider mixes tool calls that are too large to be sorted");
  }
}

const deltas: Readonly<
  Record<QueuedBlock["kind"], (text: string) => Anthropic.RawContentBlockDelta>
> = Object.freeze({
  text: (text) => ({ type: "text_delta", text }),
  thinking: (thinking) => ({ type: "thinking_delta", thinking }),
  tool: (partial_json) => ({ type: "input_json_delta", partial_json }),
});

function emptyBlock(
  { kind, id, name }: QueuedBlock,
): Anthropic.RawContentBlockStartEvent["content_block"] {
  switch (kind) {
    case "text":
      return { type: "text", text: "", citations: null };
    case "thinking":
      return { type: "thinking", thinking: "", signature: "" };
    case "tool":
      return { type: "tool_use", id, name, input: {}, caller: { type: "direct" } };
  }
}

/** Text is complete when another block follows; a tool's input when it is whole JSON. */
function isComplete({ kind, text }: QueuedBlock): boolean {
  if (kind !== "tool") return true;
  if (!text.trimEnd().endsWith("}")) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
