/** How many of the slots that a node claims it has earned: few at first, and more with every round of good answers. */

import { LruCache } from "../base/lru.ts";

/** What a node has that nothing is known of. */
export const FIRST_SLOTS = 2;

/** Nodes beyond these start over, those first that neither answered nor failed for longest. */
const MAX_NODES = 50_000;

/** In each whole week away a node loses half of what it has earned, down to what a new node has. */
const HALF_LIFE_MS = 7 * 24 * 60 * 60_000;

/** What was stored of a node. */
export interface StoredSlots {
  slots: number;
  /** How long the node has been away since. */
  awayMs: number;
}

interface Record {
  readonly slots: number;
  /** Good answers since the number of slots changed. */
  readonly answered: number;
}

/** Kept by node key, so that a node which connects again has what it had. */
export class EarnedSlots {
  readonly #records = new LruCache<string, Record>(MAX_NODES);

  of(nodeKey: string): number {
    return this.#records.peek(nodeKey)?.slots ?? FIRST_SLOTS;
  }

  has(nodeKey: string): boolean {
    return this.#records.has(nodeKey);
  }

  /** The node has answered well: once it has done so as often as it has slots, it has twice as many, up to its claim. */
  answered(nodeKey: string, claim: number): void {
    const { slots, answered } = this.#records.get(nodeKey) ?? { slots: FIRST_SLOTS, answered: 0 };
    if (slots >= claim) return;
    const isEarned = answered + 1 >= slots;
    this.#records.set(
      nodeKey,
      isEarned
        ? { slots: Math.min(slots * 2, claim), answered: 0 }
        : { slots, answered: answered + 1 },
    );
  }

  /** The node was at fault: it loses half. */
  failed(nodeKey: string): void {
    this.set(nodeKey, Math.max(1, Math.floor(this.of(nodeKey) / 2)));
  }

  /** The node is here for the first time since this process started. */
  restore(nodeKey: string, { slots, awayMs }: StoredSlots): void {
    const halvings = Math.max(0, Math.floor(awayMs / HALF_LIFE_MS));
    const left = Math.floor(slots / 2 ** halvings);
    this.set(nodeKey, Math.max(left, Math.min(slots, FIRST_SLOTS)));
  }

  /** Another gateway, which the node is connected to, says how many it has earned. */
  set(nodeKey: string, slots: number): void {
    this.#records.set(nodeKey, { slots, answered: 0 });
  }
}
