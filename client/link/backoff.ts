/** How long to wait before dialling again: full jitter, slower with each failure. */

/** The first wait is at most this long. */
const BACKOFF_FIRST_MS = 1_000;
/** No wait is longer than this. */
export const BACKOFF_LAST_MS = 60_000;
/** A connection that was open for this long clears the failures before it. */
const STABLE_AFTER_MS = 60_000;

/** Counts failures in a row, and draws the wait after each. */
export class Backoff {
  #failures = 0;

  constructor(private readonly random: () => number) {}

  /**
   * The wait after a connection that was open for `livedMs` (0: it never was), in milliseconds.
   * `slowest` takes the longest ceiling at once: dialling cannot help until the owner acts.
   */
  afterMs(livedMs: number, slowest = false): number {
    if (livedMs >= STABLE_AFTER_MS) this.#failures = 0;
    const ceilingMs = slowest
      ? BACKOFF_LAST_MS
      : Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(this.#failures, 20));
    this.#failures++;
    return Math.round(this.random() * ceilingMs);
  }

  /** A random part of the time that a leaving gateway allows. Does not count as a failure. */
  withinMs(limitMs: number): number {
    return Math.round(this.random() * Math.min(limitMs, BACKOFF_LAST_MS));
  }
}
