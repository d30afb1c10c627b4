/** Answers that a leaving gateway gives to another one, which keeps them for callers who come back. */

import type { Clock } from "../base/clock.ts";
import type { HandedAnswer } from "../node/kept_answer.ts";

/** An answer goes in parts, one after the other. `rest` is JSON, and comes with the last one. */
export type HandoverMessage =
  | { is: "keep"; transfer: number; bytes: string; rest: string | null }
  | { is: "kept"; transfer: number; isKept: boolean };

interface Coming {
  transfer: number;
  /** Null: they were too many. */
  parts: Buffer[] | null;
  bytes: number;
}

export interface AnswerHandoverParts {
  clock: Clock;
  send: (peer: string, message: HandoverMessage) => void;
}

/** What is taken of one answer. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
const PART_BYTES = 256 * 1024;
const MIN_PART_BYTES = 1024;
/** A gateway of an earlier version does not answer. */
const KEEP_WITHIN_MS = 1_000;

export class AnswerHandover {
  readonly #given = new Map<number, { peer: string; settle: (isKept: boolean | null) => void }>();
  /** What has come of an answer, by peer. A peer gives one at a time. */
  readonly #coming = new Map<string, Coming>();
  #transfers = 0;
  /** Keeps an answer here, if there is room for it. Set by the owner of the answers. Throws where it cannot be read. */
  keep: (answer: HandedAnswer) => boolean = () => false;

  constructor(private readonly parts: AnswerHandoverParts) {}

  /** Resolves with whether the peer keeps the answer; null: it does not say. */
  async give(peer: string, { bytes, rest }: HandedAnswer): Promise<boolean | null> {
    if (bytes.length > MAX_ANSWER_BYTES) return false;
    const transfer = ++this.#transfers;
    const { promise, resolve: settle } = Promise.withResolvers<boolean | null>();
    this.#given.set(transfer, { peer, settle });
    const cancel = this.parts.clock.after(KEEP_WITHIN_MS, () => settle(null));
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < all.length || at === 0; at += PART_BYTES) {
      const part = all.toString("base64", at, at + PART_BYTES);
      const isLast = at + PART_BYTES >= all.length;
      this.parts.send(peer, { is: "keep", transfer, bytes: part, rest: isLast ? rest : null });
    }
    const isKept = await promise;
    cancel();
    this.#given.delete(transfer);
    return isKept;
  }

  receive(peer: string, message: HandoverMessage): void {
    if (message.is === "keep") return this.#take(peer, message);
    const given = this.#given.get(message.transfer);
    if (given?.peer === peer) given.settle(message.isKept === true);
  }

  peerLost(peer: string): void {
    this.#coming.delete(peer);
    for (const given of this.#given.values()) if (given.peer === peer) given.settle(null);
  }

  #take(peer: string, message: Extract<HandoverMessage, { is: "keep" }>): void {
    const { transfer, bytes, rest } = message;
    const known = this.#coming.get(peer);
    const coming = known?.transfer === transfer ? known : { transfer, parts: [], bytes: 0 };
    this.#coming.set(peer, coming);
    const part = Buffer.from(bytes, "base64");
    // Even an empty part takes memory.
    coming.bytes += Math.max(part.length, MIN_PART_BYTES);
    if (coming.bytes > MAX_ANSWER_BYTES) coming.parts = null;
    coming.parts?.push(part);
    if (rest === null) return;
    this.#coming.delete(peer);
    const isKept = coming.parts !== null &&
      this.#keep({ bytes: Buffer.concat(coming.parts), rest });
    this.parts.send(peer, { is: "kept", transfer, isKept });
  }

  #keep(answer: HandedAnswer): boolean {
    try {
      return this.keep(answer);
    } catch {
      // A gateway of another version has other answers.
      return false;
    }
  }
}
