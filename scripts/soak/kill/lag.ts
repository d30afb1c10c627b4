/** How late this process comes to its turn: a measure of how busy the machine is. */

const LOOK_EVERY_MS = 5;

export class Lag {
  /** The latest of all turns. */
  worstMs = 0;
  #lookedMs = performance.now();
  readonly #timer = setInterval(() => {
    const nowMs = performance.now();
    this.worstMs = Math.max(this.worstMs, nowMs - this.#lookedMs - LOOK_EVERY_MS);
    this.#lookedMs = nowMs;
  }, LOOK_EVERY_MS);

  stop(): void {
    clearInterval(this.#timer);
  }
}
