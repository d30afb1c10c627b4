/** Calls many streams at their pace with one timer: a timer for each would cost more than what is measured. */

/** Called at its time; false: that was the last time. */
export type Beat = () => boolean;

interface Entry {
  atMs: number;
  paceMs: number;
  beat: Beat;
}

/** Longest pace that fits. */
const SLOTS = 4096;

export class Pacer {
  readonly #slots: Entry[][] = Array.from({ length: SLOTS }, () => []);
  #size = 0;
  #doneMs = 0;
  #timer: Timer | null = null;

  /** Calls `beat` every `paceMs` (1 to 4,000) from now on. Times do not drift when a call is late. */
  add(paceMs: number, beat: Beat): void {
    if (this.#size++ === 0) {
      this.#doneMs = now();
      this.#timer = setInterval(() => this.#tick(), 1);
    }
    this.#place({ atMs: now() + paceMs, paceMs, beat });
  }

  #place(entry: Entry): void {
    // One that is late already comes in the next tick.
    entry.atMs = Math.max(entry.atMs, this.#doneMs + 1);
    this.#slots[entry.atMs % SLOTS]?.push(entry);
  }

  #tick(): void {
    const endMs = now();
    while (this.#doneMs < endMs) {
      const slot = ++this.#doneMs % SLOTS;
      const due = this.#slots[slot] ?? [];
      this.#slots[slot] = [];
      for (const entry of due) this.#run(entry);
    }
    if (this.#size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #run(entry: Entry): void {
    if (!entry.beat()) {
      this.#size--;
      return;
    }
    entry.atMs += entry.paceMs;
    this.#place(entry);
  }
}

function now(): number {
  return Math.floor(performance.now());
}
