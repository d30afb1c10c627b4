/** Which node an answer was stored on: a call that goes on from it can be served there only. */

import type { Clock } from "../base/clock.ts";
import { LruCache } from "../base/lru.ts";

/** Answers beyond this are forgotten, the one used longest ago first. */
const MAX_ANSWERS = 50_000;

/** So long after it was stored or used last, an answer is forgotten. */
const FORGET_AFTER_MS = 24 * 60 * 60 * 1000;

interface Pin {
  /** The node's private identity. */
  identity: string;
  /** Monotonic milliseconds. */
  untilMs: number;
}

/** Answers are their account's own: no other can name them, even knowing their ids. */
export class ResponseAffinity {
  readonly #pins = new LruCache<string, Pin>(MAX_ANSWERS);

  /** Called with what this gateway has seen stored: others should know. */
  onKept: (accountId: string, responseId: string, identity: string) => void = () => {};

  constructor(private readonly clock: Clock) {}

  /** The node has stored an answer to a call of the account. */
  keep(accountId: string, responseId: string, identity: string): void {
    this.adopt(accountId, responseId, identity);
    this.onKept(accountId, responseId, identity);
  }

  /** Another gateway has seen it stored. */
  adopt(accountId: string, responseId: string, identity: string): void {
    const untilMs = this.clock.monotonic() + FORGET_AFTER_MS;
    this.#pins.set(keyOf(accountId, responseId), { identity, untilMs });
  }

  /** The private identity of the node that has stored the answer; null: not known here, or not any more. */
  requiredNodeOf(accountId: string, responseId: string): string | null {
    const key = keyOf(accountId, responseId);
    const pin = this.#pins.get(key);
    if (pin === undefined) return null;
    const nowMs = this.clock.monotonic();
    if (pin.untilMs < nowMs) {
      this.#pins.delete(key);
      return null;
    }
    pin.untilMs = nowMs + FORGET_AFTER_MS;
    return pin.identity;
  }
}

function keyOf(accountId: string, responseId: string): string {
  return `${accountId} ${responseId}`;
}
