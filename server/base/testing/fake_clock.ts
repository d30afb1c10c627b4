/** A clock whose time passes only when a test says so. */

import type { Clock } from "../clock.ts";

export class FakeClock implements Clock {
  #nowMs = 1_000_000;
  #setBackMs = 0;
  readonly #tasks = new Set<{ atMs: number; task: () => void }>();

  now(): number {
    return 1_700_000_000_000 + this.#nowMs - this.#setBackMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  after(delayMs: number, task: () => void): () => void {
    const entry = { atMs: this.#nowMs + Math.max(0, delayMs), task };
    this.#tasks.add(entry);
    return () => this.#tasks.delete(entry);
  }

  /** Sets the clock of the day back, as an administrator may; durations go on. */
  setBack(ms: number): void {
    this.#setBackMs += ms;
  }

  /** Advances the time and runs the timers that fall due, in order; lets promises settle in between. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      await settle();
      const next = [...this.#tasks].filter((t) =>
        t.atMs <= endMs
      ).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#tasks.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.task();
    }
    this.#nowMs = endMs;
    await settle();
  }

  /** Timers that are set. */
  get pending(): number {
    return this.#tasks.size;
  }
}

/** Lets promises that are ready settle. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
