/** Timers of the same delay in one queue: they ring in the order they were set, so one of the runtime's own serves them all. */

/** What the runtime has to offer. */
export interface NativeTimers {
  /** Milliseconds that never jump. */
  monotonic(): number;
  setTimeout(task: () => void, delayMs: number): { ref(): unknown; unref(): unknown };
}

interface Timer {
  /** Monotonic milliseconds. */
  readonly atMs: number;
  readonly task: () => void;
}

/** Different delays at a time. */
const MAX_QUEUES = 100;

export class TimerQueues {
  readonly #queues = new Map<number, TimerQueue>();

  constructor(private readonly native: NativeTimers) {}

  /** Runs `task` once after `delayMs`; the returned function calls it off. Null: too many other delays are waited for. */
  after(delayMs: number, task: () => void): (() => void) | null {
    let queue = this.#queues.get(delayMs);
    if (queue === undefined) {
      if (this.#queues.size >= MAX_QUEUES) return null;
      queue = new TimerQueue(delayMs, this.native, () => this.#queues.delete(delayMs));
      this.#queues.set(delayMs, queue);
    }
    return queue.add(task);
  }
}

class TimerQueue {
  /** In the order in which they are due. */
  readonly #timers = new Set<Timer>();
  #bell: ReturnType<NativeTimers["setTimeout"]> | null = null;

  /** `onIdle` hears that the bell has rung and nobody waits any more. */
  constructor(
    private readonly delayMs: number,
    private readonly native: NativeTimers,
    private readonly onIdle: () => void,
  ) {}

  add(task: () => void): () => void {
    const timer = { atMs: this.native.monotonic() + this.delayMs, task };
    this.#timers.add(timer);
    if (this.#bell === null) this.#ringAfter(this.delayMs);
    else if (this.#timers.size === 1) this.#bell.ref();
    return () => {
      // The bell stays, and may ring for nobody: to take it down for each call would cost what is saved.
      if (this.#timers.delete(timer) && this.#timers.size === 0) this.#bell?.unref();
    };
  }

  #ringAfter(delayMs: number): void {
    this.#bell = this.native.setTimeout(() => this.#ring(), delayMs);
  }

  #ring(): void {
    this.#bell = null;
    const nowMs = this.native.monotonic();
    for (const timer of this.#timers) {
      if (timer.atMs > nowMs) {
        if (this.#bell === null) this.#ringAfter(Math.ceil(timer.atMs - nowMs));
        return;
      }
      this.#timers.delete(timer);
      timer.task();
    }
    if (this.#bell === null) this.onIdle();
  }
}
