/** The nodes that have stored responses: a call that goes on from a stored response can be served there only. */

import type { Clock } from "../base/clock.ts";
import { Emitter } from "../base/emitter.ts";
import { LruCache } from "../base/lru.ts";

/** Beyond this number, the response used longest ago is forgotten. */
const MAX_RESPONSES = 50_000;

/** A response is forgotten so long after it was stored or last used. */
const FORGET_AFTER_MS = 24 * 60 * 60 * 1000;

interface Stored {
  nodeKey: string;
  /** Monotonic milliseconds. */
  untilMs: number;
}

/** Responses belong to their account: no other account can name them, even knowing their ids. */
export class ResponseAffinity {
  readonly #stored = new LruCache<string, Stored>(MAX_RESPONSES);
  /** A node of a call that ran here has stored a response: the other gateways must know. */
  readonly onStored = new Emitter<[accountId: string, responseId: string, nodeKey: string]>();

  constructor(private readonly clock: Clock) {}

  /** The node has stored the response to a call of the account, which ran at this gateway. */
  keep(accountId: string, responseId: string, nodeKey: string): void {
    this.adopt(accountId, responseId, nodeKey);
    this.onStored.emit(accountId, responseId, nodeKey);
  }

  /** As `keep`, for a call that ran at another gateway. */
  adopt(accountId: string, responseId: string, nodeKey: string): void {
    const untilMs = this.clock.monotonic() + FORGET_AFTER_MS;
    this.#stored.set(cacheKey(accountId, responseId), { nodeKey, untilMs });
  }

  /** The key of the node that has stored the response; null: unknown here, or forgotten. */
  requiredNodeOf(accountId: string, responseId: string): string | null {
    const key = cacheKey(accountId, responseId);
    const stored = this.#stored.get(key);
    if (stored === undefined) return null;
    const nowMs = this.clock.monotonic();
    if (stored.untilMs < nowMs) {
      this.#stored.delete(key);
      return null;
    }
    stored.untilMs = nowMs + FORGET_AFTER_MS;
    return stored.nodeKey;
  }
}

function cacheKey(accountId: string, responseId: string): string {
  return `${accountId} ${responseId}`;
}
