/** Until when a node gets no calls, and why. Kept by identity, so reconnecting does not clear it. */

import type { Clock } from "../clock.ts";

export interface Penalty {
  /** UTC milliseconds. */
  until: number;
  /** What happened, in words that anyone may read. */
  reason: string;
}

/** More identities than this are never remembered; the oldest are forgotten first. */
const MAX_PENALTIES = 50_000;

export class PenaltyBook {
  readonly #penalties = new Map<string, Penalty>();

  constructor(private readonly clock: Clock, private readonly penaltyMs: number) {}

  /** Keeps calls away from the node for the configured time from now. */
  punish(identity: string, reason: string): Penalty {
    const penalty = { until: this.clock.now() + this.penaltyMs, reason };
    this.#penalties.delete(identity);
    this.#penalties.set(identity, penalty);
    if (this.#penalties.size > MAX_PENALTIES) this.#forgetOldest();
    return penalty;
  }

  /** The penalty that is in force, or null. */
  of(identity: string): Penalty | null {
    const penalty = this.#penalties.get(identity);
    if (penalty === undefined) return null;
    if (penalty.until > this.clock.now()) return penalty;
    this.#penalties.delete(identity);
    return null;
  }

  #forgetOldest(): void {
    const oldest = this.#penalties.keys().next().value;
    if (oldest !== undefined) this.#penalties.delete(oldest);
  }
}
