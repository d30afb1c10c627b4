/** An answer that is given whole: kept until it is complete, and counted against the node that sends it. */

import type { Node } from "../node/node.ts";

/** So many of the largest answers are kept of one node at a time. */
const LARGEST_PER_NODE = 2;

/** Pieces smaller than this are copied together: a million of them would take many times their size. */
const SMALL_BYTES = 4 * 1024;
const BLOCK_BYTES = 64 * 1024;

const NO_BLOCK = new Uint8Array();

export class GatheredAnswer {
  #parts: (string | Uint8Array)[] = [];
  /** Where small pieces go, and how much of it is used. */
  #block: Uint8Array = NO_BLOCK;
  #used = 0;
  #bytes = 0;

  constructor(private readonly node: Node, private readonly maxBytes: number) {}

  /** Keeps one more piece; false: it would be too much of this answer, or of its node's together. */
  add(piece: string | Uint8Array): boolean {
    const { node, maxBytes } = this;
    const fits = this.#bytes + piece.length <= maxBytes &&
      node.keptBytes + piece.length <= maxBytes * LARGEST_PER_NODE;
    if (!fits) return false;
    const isCrumb = this.#bytes > 0 && piece.length < SMALL_BYTES;
    if (isCrumb && typeof piece !== "string") this.#copy(piece);
    else this.#keep(piece);
    this.#bytes += piece.length;
    node.keptBytes += piece.length;
    return true;
  }

  /** All of it. */
  whole(): string | Uint8Array {
    this.#closeBlock();
    const [first = ""] = this.#parts;
    return this.#parts.length <= 1 ? first : Buffer.concat(
      this.#parts.map((part) => typeof part === "string" ? Buffer.from(part) : part),
    );
  }

  /** Nothing is kept of it any more, whoever still knows it. Harmless when called again. */
  letGo(): void {
    this.node.keptBytes -= this.#bytes;
    this.#bytes = 0;
    this.#parts = [];
    this.#block = NO_BLOCK;
    this.#used = 0;
  }

  #keep(piece: string | Uint8Array): void {
    this.#closeBlock();
    this.#parts.push(piece);
  }

  #copy(piece: Uint8Array): void {
    if (this.#used + piece.length > this.#block.length) {
      this.#closeBlock();
      this.#block = new Uint8Array(BLOCK_BYTES);
    }
    this.#block.set(piece, this.#used);
    this.#used += piece.length;
  }

  #closeBlock(): void {
    if (this.#used === 0) return;
    this.#parts.push(this.#block.subarray(0, this.#used));
    this.#block = this.#block.subarray(this.#used);
    this.#used = 0;
  }
}
