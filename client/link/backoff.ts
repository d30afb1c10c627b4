/** How long to wait before dialling again: full jitter, slower with each failure. */

/** The first wait lies between 0 and this. */
export const BACKOFF_FIRST_MS = 1_000;
/** No wait is longer than this. */
export const BACKOFF_LAST_MS = 60_000;
/** A connection that lived this long clears the failures before it. */
export const STABLE_AFTER_MS = 60_000;

/** Counts failures in a row and says how long to wait after each. */
export class Backoff {
  #failures = 0;

  constructor(private readonly random: () => number) {}

  /**
   * The wait after a connection that lived for `livedMs` (0: it was never made). `slowest` takes
   * the longest ceiling at once: dialling again cannot help until somebody acts.
   */
  afterMs(livedMs: number, slowest = false): number {
    if (livedMs >= STABLE_AFTER_MS) this.#failures = 0;
    const ceilingMs = slowest
      ? BACKOFF_LAST_MS
      : Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(this.#failures, 20));
    this.#failures++;
    return Math.round(this.random() * ceilingMs);
  }

  /** The wait that the other end asked for when it left. It counts as no failure. */
  withinMs(limitMs: number): number {
    return Math.round(this.random() * Math.min(limitMs, BACKOFF_LAST_MS));
  }
}
