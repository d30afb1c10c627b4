/** Penalties that hold at every gateway: published when they are given, and kept in Redis for gateways that join later. */

import type { Log } from "../base/log.ts";
import { LruCache } from "../base/lru.ts";
import type { Penalty, PenaltyBook } from "../node/penalty.ts";
import type { Bus, Message, PenaltyNotice } from "./bus.ts";

export interface SharedPenaltiesParts {
  bus: Pick<Bus, "publish" | "writePenalty" | "erasePenalty" | "readPenalties">;
  log: Log;
  /** This gateway's id. */
  id: string;
  book: PenaltyBook;
  /** Redis' clock, in UTC milliseconds. */
  sharedNowMs: () => number;
}

/** Messages kept for later while Redis is away. */
const MAX_UNSENT = 1_000;

/** Nodes and models whose last change is remembered. */
const MAX_REMEMBERED = 50_000;

/** How far two gateways' views of Redis' clock may differ. */
const MAX_AHEAD_MS = 60_000;

type PenaltyMessage = Extract<Message, { is: "penalty" | "pardon" }>;

export class SharedPenalties {
  /** By node and model, the latest message that was not published yet. */
  readonly #unsent = new Map<string, PenaltyMessage>();
  /** By node and model, when the penalty was last given or ended: what is older is not adopted. */
  readonly #changedMs = new LruCache<string, number>(MAX_REMEMBERED);
  #isRetrying = false;

  constructor(private readonly parts: SharedPenaltiesParts) {
    const { book, id } = parts;
    book.onPenalty.subscribe((nodeKey, penalty, remainingMs) =>
      void this.#publish(this.#message(nodeKey, penalty, remainingMs))
    );
    book.onClear.subscribe((nodeKey, model) =>
      void this.#publish({
        is: "pardon",
        from: id,
        identity: nodeKey,
        model,
        at: this.parts.sharedNowMs(),
      })
    );
  }

  receive(message: PenaltyMessage): void {
    if (message.is === "penalty") return this.#adopt(message.penalty);
    if (this.#isNew(message)) this.parts.book.clearRemote(message.identity, message.model);
  }

  /** Adopts all penalties in Redis. Never rejects. */
  async read(): Promise<void> {
    const { bus, sharedNowMs } = this.parts;
    try {
      for (const notice of await bus.readPenalties(sharedNowMs())) this.#adopt(notice);
    } catch (error) {
      this.#logFailure(error);
    }
  }

  /** Publishes what could not be published before. */
  async retryUnsent(): Promise<void> {
    if (this.#isRetrying) return;
    this.#isRetrying = true;
    for (const key of [...this.#unsent.keys()]) {
      // A newer message may have been published in the meantime.
      const message = this.#unsent.get(key);
      if (message !== undefined) await this.#publish(message);
    }
    this.#isRetrying = false;
  }

  #adopt(notice: PenaltyNotice): void {
    if (!this.#isNew(notice)) return;
    const { identity, model, code, reason, faults } = notice;
    const remainingMs = remainingOf(notice, this.parts.sharedNowMs());
    this.parts.book.adopt(identity, { model, code, reason, faults }, remainingMs);
  }

  /** Whether it happened after everything that is known of the penalty; remembers it then. */
  #isNew({ identity, model, at }: { identity: string; model: string | null; at: number }): boolean {
    const key = keyOf(identity, model);
    const changedMs = this.#changedMs.get(key) ?? -Infinity;
    // Redis' clock may be set back: what lies ahead of it then would hide all that follows.
    const isAhead = changedMs > this.parts.sharedNowMs() + MAX_AHEAD_MS;
    if (at <= changedMs && !isAhead) return false;
    this.#changedMs.set(key, at);
    return true;
  }

  #message(identity: string, penalty: Penalty, remainingMs: number): PenaltyMessage {
    const { model, code, reason, faults } = penalty;
    const at = this.parts.sharedNowMs();
    const until = Math.round(at + remainingMs);
    const notice = { model, code, reason, faults, identity, remainingMs, until, at };
    return { is: "penalty", from: this.parts.id, penalty: notice };
  }

  /** Never rejects: a message that cannot be published is kept for `retryUnsent`. */
  async #publish(message: PenaltyMessage): Promise<void> {
    const { bus } = this.parts;
    const about = message.is === "penalty" ? message.penalty : message;
    const { identity, model } = about;
    const key = keyOf(identity, model);
    this.#isNew(about);
    // Replaces an older message, which must not be published after this one.
    const hasRoom = this.#unsent.size < MAX_UNSENT || this.#unsent.has(key);
    if (hasRoom) this.#unsent.set(key, message);
    try {
      if (message.is === "penalty") await bus.writePenalty(message.penalty);
      else await bus.erasePenalty(identity, model);
      await bus.publish(message);
      if (this.#unsent.get(key) === message) this.#unsent.delete(key);
    } catch (error) {
      this.#logFailure(error);
    }
  }

  /** Quiet, because the failed heartbeat is logged as a warning. */
  #logFailure(error: unknown): void {
    this.parts.log.debug({ cause: String(error) }, "cluster: cannot share a penalty");
  }
}

function keyOf(identity: string, model: string | null): string {
  return JSON.stringify([identity, model]);
}

/** What is left of the penalty: of its length, what has not passed by Redis' clock since it was given. */
function remainingOf({ remainingMs, until, at }: PenaltyNotice, nowMs: number): number {
  // Gateways of earlier versions send the end alone.
  return remainingMs === undefined ? until - nowMs : remainingMs - Math.max(0, nowMs - at);
}
