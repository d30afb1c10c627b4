/**
 * Turns an answer's events into consecutive blocks, for dialects in which only one block may be open
 * at a time. Chat streams may interleave several, so the content of later blocks is queued.
 */

import { UpstreamFailure } from "../adapter.ts";
import type { AnswerEvent } from "./answer_event.ts";

/** The most characters that may be queued. */
const MAX_QUEUED_CHARS = 4 * 1024 * 1024;

export interface Block {
  kind: "text" | "refusal" | "reasoning" | "call";
  /** Of a call; else empty. */
  id: string;
  name: string;
  isCustom: boolean;
  /** All content received so far. */
  text: string;
  /** The provider's own thinking blocks of a reasoning block. */
  signed: Record<string, unknown>[];
}

export type BlockEvent =
  | { type: "open"; index: number; block: Block }
  | { type: "delta"; index: number; block: Block; text: string }
  /** `rest`: the content that was held back. */
  | { type: "close"; index: number; block: Block; rest: string };

interface QueuedBlock extends Block {
  /** The length of the part already emitted. */
  emittedChars: number;
  isOpen: boolean;
}

export type ContentEvent = Extract<
  AnswerEvent,
  { type: "text" | "refusal" | "reasoning" | "thinking" | "call" | "arguments" }
>;

export class BlockSequencer {
  /** The first block is emitted as it grows; the others wait. */
  readonly #queue: QueuedBlock[] = [];
  readonly #calls = new Map<number, QueuedBlock>();
  #index = 0;

  /** `holdsBack`: whether a block's content must wait for its end. */
  constructor(private readonly holdsBack: (block: Block) => boolean = () => false) {}

  /** Whether any tool was called. */
  get calledTools(): boolean {
    return this.#calls.size > 0;
  }

  append(event: ContentEvent): BlockEvent[] {
    if (event.type === "call") {
      const { id, name, isCustom } = event;
      this.#calls.set(event.call, this.#enqueue("call", id, name, isCustom));
    } else if (event.type === "thinking") {
      this.#last("reasoning").signed.push(event.block);
    } else if (event.text === "") {
      return [];
    } else if (event.type === "arguments") {
      this.#calls.get(event.call)!.text += event.text;
    } else {
      this.#last(event.type).text += event.text;
    }
    return this.#advance();
  }

  /** Closes all blocks at the end of the answer. */
  end(): BlockEvent[] {
    return this.#advance(true);
  }

  /** The last block, if it can go on: a signature ends reasoning. */
  #last(kind: Block["kind"]): QueuedBlock {
    const last = this.#queue.at(-1);
    return last?.kind === kind && last.signed.length === 0 ? last : this.#enqueue(kind);
  }

  #enqueue(kind: Block["kind"], id = "", name = "", isCustom = false): QueuedBlock {
    const block = {
      kind,
      id,
      name,
      isCustom,
      text: "",
      signed: [],
      emittedChars: 0,
      isOpen: false,
    };
    this.#queue.push(block);
    return block;
  }

  #advance(isEnd = false): BlockEvent[] {
    const events: BlockEvent[] = [];
    for (let block = this.#queue[0]; block !== undefined; block = this.#queue[0]) {
      const index = this.#index;
      if (!block.isOpen) events.push({ type: "open", index, block });
      block.isOpen = true;
      const text = this.holdsBack(block) ? "" : block.text.slice(block.emittedChars);
      if (text !== "") events.push({ type: "delta", index, block, text });
      block.emittedChars += text.length;
      const isOver = isEnd || (this.#queue.length > 1 && isComplete(block));
      if (!isOver) break;
      const rest = block.text.slice(block.emittedChars);
      events.push({ type: "close", index, block, rest });
      this.#queue.shift();
      this.#index++;
    }
    this.#checkQueueSize();
    return events;
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

/** Text is complete when another block follows; a call's arguments when they are whole JSON. */
function isComplete({ kind, isCustom, text }: Block): boolean {
  if (kind !== "call") return true;
  if (isCustom) return text !== "";
  if (!text.trimEnd().endsWith("}")) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
