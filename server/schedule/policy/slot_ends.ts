/** How soon slots of fast nodes become free, as far as the expected ends of their running calls say. */

/** Steps of the cost: 1.1 to the power of 255 ms is as good as never. */
const STEPS = 256;

const POWERS = Float64Array.from({ length: STEPS }, (_, exponent) => 1.1 ** exponent);

/**
 * Running calls by the step of their nodes' cost. How long an answer will still be is as good as
 * unknown, however long it is already: so a call that is expected to take `ms` is taken to end within
 * any moment with the same probability, one in `ms` per millisecond, and those of several calls add up.
 */
export class SlotEnds {
  /** Ends per millisecond. */
  readonly #rates = new Float64Array(STEPS);
  readonly #counts = new Uint32Array(STEPS);
  #size = 0;
  /** No call runs on a node of a lower step. */
  #lowest = STEPS;

  /** How many calls run. */
  get size(): number {
    return this.#size;
  }

  /** A call has begun that is expected to take so long. Returns the step under which it is kept. */
  add(step: number, ms: number): number {
    const kept = Math.min(STEPS - 1, Math.max(0, step));
    this.#rates[kept]! += 1 / Math.max(1, ms);
    this.#counts[kept]!++;
    this.#size++;
    if (kept < this.#lowest) this.#lowest = kept;
    return kept;
  }

  /** A call that was added with these has ended. */
  remove(kept: number, ms: number): void {
    this.#rates[kept]! -= 1 / Math.max(1, ms);
    this.#size--;
    if (--this.#counts[kept]! > 0) return;
    this.#rates[kept] = 0;
    while (this.#lowest < STEPS && this.#counts[this.#lowest] === 0) this.#lowest++;
  }

  /** Whether calls run on nodes of lower steps than this one. */
  hasBelow(step: number): boolean {
    return step > this.#lowest;
  }

  /**
   * The best that a call can expect which waits for a node of a lower step than this one, where its
   * answer would cost `costMs`; null: no call runs on such a node. `ahead` calls get their slots
   * before it; a millisecond of waiting costs `waitCost`.
   */
  best(
    step: number,
    costMs: number,
    ahead: number,
    waitCost: number,
  ): { waitMs: number; runMs: number } | null {
    if (step <= this.#lowest) return null;
    const end = Math.min(step, STEPS);
    let rate = 0;
    let bestMs = Infinity;
    let waitMs = 0;
    let runMs = 0;
    for (let lower = this.#lowest; lower < end; lower++) {
      if (this.#counts[lower] === 0) continue;
      rate += this.#rates[lower]!;
      const wait = (ahead + 1) / rate;
      const run = costMs / POWERS[end - lower]!;
      if (wait * waitCost + run >= bestMs) continue;
      bestMs = wait * waitCost + run;
      waitMs = wait;
      runMs = run;
    }
    return { waitMs, runMs };
  }
}
