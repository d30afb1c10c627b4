/** Collects an answer that is given whole until it is complete; its bytes count against the node that sends it. */

import type { Node } from "../node/node.ts";
import type { Call } from "../schedule/call.ts";
import type { AnswerSink } from "./answer_writer.ts";

/** How many of the largest answers are kept of one node at a time. */
const LARGEST_PER_NODE = 2;

/** Smaller pieces are copied into blocks: as objects of their own, a million would take many times their size. */
const SMALL_BYTES = 4 * 1024;
const BLOCK_BYTES = 64 * 1024;

const NO_BLOCK = new Uint8Array();

export class GatheredAnswer implements AnswerSink {
  #parts: (string | Uint8Array)[] = [];
  /** Where small pieces are copied to, and how much of it is used. */
  #block: Uint8Array = NO_BLOCK;
  #usedBytes = 0;
  #bytes = 0;

  /** An answer larger than `maxBytes` stops the call. `head` is passed on to `writer`. */
  constructor(
    private readonly call: Pick<Call, "stop">,
    private readonly node: Node,
    private readonly maxBytes: number,
    private readonly writer: Pick<AnswerSink, "head">,
  ) {}

  head(node: Node, headers: Readonly<Record<string, string>>): void {
    this.writer.head(node, headers);
  }

  data(piece: string | Uint8Array): boolean {
    const { node, maxBytes } = this;
    const fits = this.#bytes + piece.length <= maxBytes &&
      node.keptBytes + piece.length <= maxBytes * LARGEST_PER_NODE;
    if (!fits) {
      this.call.stop("answer_too_large");
      return false;
    }
    const isSmall = this.#bytes > 0 && piece.length < SMALL_BYTES;
    if (isSmall && typeof piece !== "string") this.#copy(piece);
    else this.#keep(piece);
    this.#bytes += piece.length;
    node.keep(piece.length);
    return true;
  }

  /** The complete answer. */
  whole(): string | Uint8Array {
    this.#closeBlock();
    const [first = ""] = this.#parts;
    return this.#parts.length <= 1 ? first : Buffer.concat(
      this.#parts.map((part) => typeof part === "string" ? Buffer.from(part) : part),
    );
  }

  /** Frees all that was kept. Harmless when called again. */
  discard(): void {
    this.node.keep(-this.#bytes);
    this.#bytes = 0;
    this.#parts = [];
    this.#block = NO_BLOCK;
    this.#usedBytes = 0;
  }

  #keep(piece: string | Uint8Array): void {
    this.#closeBlock();
    this.#parts.push(piece);
  }

  #copy(piece: Uint8Array): void {
    if (this.#usedBytes + piece.length > this.#block.length) {
      this.#closeBlock();
      this.#block = new Uint8Array(BLOCK_BYTES);
    }
    this.#block.set(piece, this.#usedBytes);
    this.#usedBytes += piece.length;
  }

  #closeBlock(): void {
    if (this.#usedBytes === 0) return;
    this.#parts.push(this.#block.subarray(0, this.#usedBytes));
    this.#block = this.#block.subarray(this.#usedBytes);
    this.#usedBytes = 0;
  }
}
