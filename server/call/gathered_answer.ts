/** Collects an answer that is given whole until it is complete; its bytes count against the node that sends it. */

import { errorIn, owned } from "../../protocol/mod.ts";
import { type AttemptFailure, errorInAnswer } from "../node/attempt.ts";
import type { Node } from "../node/node.ts";
import type { Call } from "../schedule/call.ts";
import type { AnswerSink } from "./answer_writer.ts";

/** How many of the largest answers are kept of one node at a time. */
const LARGEST_PER_NODE = 2;

/** Smaller pieces are copied into blocks: as objects of their own, a million would take many times their size. */
const SMALL_BYTES = 4 * 1024;
const BLOCK_BYTES = 64 * 1024;

const NO_BLOCK = new Uint8Array();

/** What is parsed in a few milliseconds. */
const MAX_PARSED_BYTES = 512 * 1024;

const NO_JSON: AttemptFailure = {
  kind: "no answer",
  reason: "it is no JSON, or is cut off",
};

export class GatheredAnswer implements AnswerSink {
  #parts: (string | Uint8Array)[] = [];
  /** Where small pieces are copied to, and how much of it is used. */
  #block: Uint8Array = NO_BLOCK;
  #usedBytes = 0;
  #bytes = 0;
  /** Whether the answer is complete and says itself that it has failed; known after `flaw`. */
  hasFailed = false;

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

  /**
   * Why what was given is no whole answer; null: it is one. Text is of wire v1, which has read it. Of a
   * very long answer only the ends are looked at, because to parse it would hold up other calls.
   */
  flaw(): AttemptFailure | null {
    const answer = this.whole();
    if (typeof answer === "string") return null;
    const text = Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength);
    if (text.length > MAX_PARSED_BYTES) return isBraced(text) ? null : NO_JSON;
    try {
      const json = JSON.parse(text.toString()) as Record<string, unknown> | null;
      if (typeof json !== "object" || json === null) return NO_JSON;
      const error = errorIn(json);
      // A response that has failed is an answer: its status says so.
      if (json.object === "response") this.hasFailed = json.status === "failed";
      else if (error !== null) return errorInAnswer(text.toString(), error);
      return null;
    } catch {
      return NO_JSON;
    }
  }

  /** The complete answer. */
  whole(): string | Uint8Array {
    this.#closeBlock();
    if (this.#parts.length > 1) {
      const parts = this.#parts.map((part) => typeof part === "string" ? Buffer.from(part) : part);
      this.#parts = [Buffer.concat(parts)];
    }
    return this.#parts[0] ?? "";
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
    this.#parts.push(typeof piece === "string" ? piece : owned(piece));
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

/** Whether the text begins and ends as an object does, white space around it aside. */
function isBraced(text: Buffer): boolean {
  let [start, end] = [0, text.length - 1];
  while (start < end && isSpace(text[start])) start++;
  while (end > start && isSpace(text[end])) end--;
  return text[start] === 0x7b && text[end] === 0x7d;
}

/** JSON's white space. */
function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
