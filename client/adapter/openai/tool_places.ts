/** Numbers the tool calls of one choice from 0 without gaps: SDK helpers reject other numbers, or none. */

import type { Json } from "../json_object.ts";

export class ToolPlaces {
  /** Keyed by the upstream's index, else by the call's id. */
  readonly #places = new Map<unknown, number>();
  #last = 0;

  /** Whether no tool was called. */
  get isEmpty(): boolean {
    return this.#places.size === 0;
  }

  /** Corrects the indexes in a delta's `tool_calls`. Returns whether any was wrong. */
  mend(calls: unknown): boolean {
    if (!Array.isArray(calls)) return false;
    let mended = false;
    for (const call of calls as (Json | null)[]) {
      if (typeof call !== "object" || call === null) continue;
      const place = this.#placeOf(call);
      mended ||= call.index !== place;
      call.index = place;
    }
    return mended;
  }

  /** A delta without index and id continues the last call. */
  #placeOf({ index, id }: Json): number {
    const key = index ?? id;
    if (key !== undefined && key !== null) {
      this.#last = this.#places.get(key) ?? this.#places.size;
      this.#places.set(key, this.#last);
    }
    return this.#last;
  }
}
