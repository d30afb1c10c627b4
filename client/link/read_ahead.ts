/** How far a node reads ahead of its gateway, in all answers of one link together. */

import type { ReadAheadBudget } from "../../protocol/mod.ts";

/** By default: enough for 128 answers that keep the largest window whole. */
export const READ_AHEAD_BYTES = 16 * 1024 * 1024;

export class ReadAhead implements ReadAheadBudget {
  #takenBytes = 0;

  /** `budgetBytes` is asked each time, because the owner may change it. */
  constructor(private readonly budgetBytes: () => number) {}

  get freeBytes(): number {
    return this.budgetBytes() - this.#takenBytes;
  }

  take(bytes: number): void {
    this.#takenBytes += bytes;
  }
}
