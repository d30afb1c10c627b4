/** What budgets count, in this process's memory. */

import { LruCache } from "../base/lru.ts";
import type { Meter, MeterBook, Opening, Spent } from "./limiter.ts";

/** Meters counted at a time; an evicted one starts over. */
const MAX_METERS = 200_000;

export class MemoryMeters implements MeterBook {
  readonly #used = new LruCache<string, number>(MAX_METERS);

  open(meters: readonly Meter[]): Opening {
    const used = this.read(meters);
    const full = meters.findIndex(({ limit }, at) => used[at]! >= limit);
    if (full !== -1) return { full, used };
    return {
      full: null,
      used: meters.map(({ name, kind }, at) => {
        if (kind !== "tokens") this.#used.set(name, used[at]! + 1);
        return kind === "tokens" ? used[at]! : used[at]! + 1;
      }),
    };
  }

  read(meters: readonly Meter[]): number[] {
    return meters.map(({ name }) => this.#used.get(name) ?? 0);
  }

  close(meters: readonly Meter[], _callId: string, spent: Spent): void {
    for (const meter of meters) {
      const change = changeAtEnd(meter, spent);
      if (change !== 0) this.add(meter.name, change);
    }
  }

  add(name: string, change: number): void {
    // An evicted meter has forgotten the call that ends.
    this.#used.set(name, Math.max(0, (this.#used.get(name) ?? 0) + change));
  }
}

/** By how much a call's end changes what the meter counts. */
export function changeAtEnd({ kind }: Meter, { tokens, isFree }: Spent): number {
  if (kind === "calls") return -1;
  if (kind === "tokens") return isFree ? 0 : tokens;
  return isFree ? -1 : 0;
}
