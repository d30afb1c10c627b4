/**
 * An answer that is given whole. Its beginning is held, so that another node can take the call over;
 * a small one until it is complete, a large one only up to a limit, from which on its pieces go to the
 * caller as they come. The last brace waits for the node's FINISH and for the check that all of it is
 * JSON, so that no caller can take a part for the whole.
 */

import { errorIn, JsonFault, JsonFeed, owned } from "../../protocol/mod.ts";
import { type AttemptFailure, errorInAnswer } from "../node/attempt.ts";
import type { Node } from "../node/node.ts";
import type { Call } from "../schedule/call.ts";
import type { AnswerSource } from "../node/kept_answer.ts";
import type { AnswerSink, AnswerWriter } from "./answer_writer.ts";

export interface GatherLimits {
  /** The largest answer. One that is larger stops its call. */
  maxAnswerBytes: number;
  /** How much of an answer is held before it goes on to its caller. */
  heldAnswerBytes: number;
  /** How much of answers is held of one node; beyond that they go on to their callers. */
  heldNodeBytes: number;
}

/** Smaller pieces are copied into blocks: as objects of their own, a million would take many times their size. */
const SMALL_BYTES = 4 * 1024;
const BLOCK_BYTES = 64 * 1024;

const NO_BLOCK = new Uint8Array();

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** How much of an answer is held where room is scarce. */
const SCARCE_BYTES = 64 * 1024;

/** What is parsed in a few milliseconds. */
const MAX_PARSED_BYTES = 512 * 1024;

const LAST_BRACE = new TextEncoder().encode("}");

const NO_JSON: AttemptFailure = {
  kind: "no answer",
  reason: "it is no JSON, or is cut off",
};

type Writer = Pick<AnswerWriter, "head" | "data" | "whole" | "end" | "hold">;

export class GatheredAnswer implements AnswerSink {
  #parts: (string | Uint8Array)[] = [];
  /** Where small pieces are copied to, and how much of it is used. */
  #block: Uint8Array = NO_BLOCK;
  #usedBytes = 0;
  /** Of the whole answer until now, and those of it that are held. */
  #bytes = 0;
  #heldBytes = 0;
  /** Checks what has gone on to the caller; null: nothing has. */
  #check: JsonFeed | null = null;
  #isBroken = false;
  /** Whether the answer is complete and says itself that it has failed; known after `flaw`. */
  hasFailed = false;

  constructor(
    private readonly call: Pick<Call, "stop">,
    private readonly node: Node,
    private readonly limits: GatherLimits,
    private readonly writer: Writer,
  ) {}

  /** Whether the caller has a part of the answer, so that no other node can give it. */
  get hasBegun(): boolean {
    return this.#check !== null;
  }

  head(node: Node, headers: Readonly<Record<string, string>>): void {
    this.writer.head(node, headers);
  }

  data(piece: string | Uint8Array, source: AnswerSource): boolean {
    const { maxAnswerBytes, heldAnswerBytes, heldNodeBytes } = this.limits;
    const { length } = piece;
    if (this.#bytes + length > maxAnswerBytes) {
      this.call.stop("answer_too_large");
      return false;
    }
    const room = this.writer.hold(length);
    if (room !== "enough" && room !== "scarce") {
      this.call.stop(room);
      return false;
    }
    this.#bytes += length;
    if (this.#check !== null) return this.#pass(this.#check, bytesOf(piece), length, source);
    this.#keep(piece);
    const mayHold = room === "enough" ? heldAnswerBytes : Math.min(heldAnswerBytes, SCARCE_BYTES);
    const isHeld = this.#heldBytes <= mayHold && this.node.keptBytes <= heldNodeBytes;
    return isHeld || this.#begin(source);
  }

  /**
   * Why what was given is no whole answer; null: it is one. Text is of wire v1, which has read it.
   * Beyond a size only its form is checked, because to parse it would hold up other calls.
   */
  flaw(): AttemptFailure | null {
    if (this.#check !== null) {
      return this.#isBroken || this.#check.closingAt === null ? NO_JSON : null;
    }
    const answer = this.#joined();
    if (typeof answer === "string") return null;
    if (answer.length > MAX_PARSED_BYTES) return isObject(answer) ? null : NO_JSON;
    const text = decoder.decode(answer);
    try {
      const json = JSON.parse(text) as Record<string, unknown> | null;
      if (typeof json !== "object" || json === null) return NO_JSON;
      const error = errorIn(json);
      // A response that has failed is an answer: its status says so.
      if (json.object === "response") this.hasFailed = json.status === "failed";
      else if (error !== null) return errorInAnswer(text, error);
      return null;
    } catch {
      return NO_JSON;
    }
  }

  /** Gives the caller what it has not got yet of an answer without a flaw. */
  end(): void {
    if (this.#check === null) {
      const counted = this.#heldBytes;
      const whole = this.#take();
      this.writer.hold(whole.length - counted);
      return this.writer.whole(whole);
    }
    this.writer.hold(LAST_BRACE.length);
    this.writer.data(LAST_BRACE, NO_SOURCE);
    this.writer.end();
  }

  /** Frees all that is held. Harmless when called again. */
  discard(): void {
    this.writer.hold(-this.#heldBytes);
    this.#take();
    this.#bytes = 0;
  }

  /** The beginning goes to the caller, and what follows behind it. */
  #begin(source: AnswerSource): boolean {
    const length = this.#heldBytes;
    this.#check = new JsonFeed();
    return this.#pass(this.#check, bytesOf(this.#take()), length, source);
  }

  /** Passes a piece on, of which `length` bytes are counted. What stands behind a break is dropped. */
  #pass(check: JsonFeed, bytes: Uint8Array, length: number, source: AnswerSource): boolean {
    const passed = this.#isBroken ? NO_BLOCK : this.#checked(check, bytes);
    this.writer.hold(passed.length - length);
    return passed.length === 0 || this.writer.data(passed, source);
  }

  /** What of the piece may go to the caller: not the last brace, and nothing of a piece that breaks the JSON. */
  #checked(check: JsonFeed, bytes: Uint8Array): Uint8Array {
    const { bytesRead, closingAt: closedBefore } = check;
    if (!this.#feed(check, bytes) || closedBefore !== null) return NO_BLOCK;
    const { closingAt } = check;
    return closingAt === null ? bytes : bytes.subarray(0, closingAt - bytesRead);
  }

  #feed(check: JsonFeed, bytes: Uint8Array): boolean {
    try {
      check.feed(bytes);
    } catch (error) {
      if (!(error instanceof JsonFault)) throw error;
      this.#isBroken = true;
    }
    return !this.#isBroken;
  }

  #keep(piece: string | Uint8Array): void {
    const isSmall = this.#heldBytes > 0 && piece.length < SMALL_BYTES;
    if (isSmall && typeof piece !== "string") this.#copy(piece);
    else {
      this.#closeBlock();
      this.#parts.push(typeof piece === "string" ? piece : owned(piece));
    }
    this.#heldBytes += piece.length;
    this.node.keep(piece.length);
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

  /** What is held, as one piece. */
  #joined(): string | Uint8Array {
    this.#closeBlock();
    if (this.#parts.length > 1) this.#parts = [Buffer.concat(this.#parts.map(bytesOf))];
    return this.#parts[0] ?? "";
  }

  /** What was held, and is the receiver's to count from now on. */
  #take(): string | Uint8Array {
    const taken = this.#joined();
    this.node.keep(-this.#heldBytes);
    this.#heldBytes = 0;
    this.#parts = [];
    this.#block = NO_BLOCK;
    return taken;
  }
}

const NO_SOURCE: AnswerSource = { drained: () => {} };

function bytesOf(piece: string | Uint8Array): Uint8Array {
  return typeof piece === "string" ? Buffer.from(piece) : piece;
}

function isObject(bytes: Uint8Array): boolean {
  const check = new JsonFeed();
  try {
    check.feed(bytes);
  } catch {
    return false;
  }
  return check.closingAt !== null;
}
