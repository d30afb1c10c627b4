/** Timers of the same delay in one queue: they fire in the order in which they were set, so one native timer serves them all. */

import { type Linked, LinkedList } from "./linked_list.ts";

/** What the queues need of the runtime. */
export interface NativeTimers {
  /** Milliseconds that never jump. */
  monotonic(): number;
  setTimeout(task: () => void, delayMs: number): { ref(): unknown; unref(): unknown };
}

interface Timer extends Linked<Timer> {
  /** Monotonic milliseconds. */
  readonly atMs: number;
  readonly task: () => void;
  isSet: boolean;
}

/** Distinct delays at a time. */
const MAX_QUEUES = 100;

export class TimerQueues {
  readonly #queues = new Map<number, TimerQueue>();

  constructor(private readonly native: NativeTimers) {}

  /** Runs `task` once after `delayMs`; the returned function cancels it. Null: there are too many distinct delays. */
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
  /** The next one due is the first. */
  readonly #timers = new LinkedList<Timer>();
  #nativeTimer: ReturnType<NativeTimers["setTimeout"]> | null = null;

  /** `onIdle` is called when the native timer has fired and no timer is left. */
  constructor(
    private readonly delayMs: number,
    private readonly native: NativeTimers,
    private readonly onIdle: () => void,
  ) {}

  add(task: () => void): () => void {
    const atMs = this.native.monotonic() + this.delayMs;
    const timer: Timer = { atMs, task, before: null, after: null, isSet: true };
    this.#timers.add(timer);
    if (this.#nativeTimer === null) this.#arm(this.delayMs);
    else if (this.#timers.first === timer) this.#nativeTimer.ref();
    return () => {
      if (!timer.isSet) return;
      this.#remove(timer);
      // The native timer stays armed: clearing it per call would cost what sharing it saves.
      if (this.#timers.first === null) this.#nativeTimer?.unref();
    };
  }

  #remove(timer: Timer): void {
    timer.isSet = false;
    this.#timers.remove(timer);
  }

  #arm(delayMs: number): void {
    this.#nativeTimer = this.native.setTimeout(() => this.#fire(), delayMs);
  }

  #fire(): void {
    this.#nativeTimer = null;
    const nowMs = this.native.monotonic();
    for (let timer; (timer = this.#timers.first) !== null;) {
      if (timer.atMs > nowMs) {
        // A task may have set a timer and thereby armed the native one.
        if (this.#nativeTimer === null) this.#arm(Math.ceil(timer.atMs - nowMs));
        return;
      }
      this.#remove(timer);
      timer.task();
    }
    if (this.#nativeTimer === null) this.onIdle();
  }
}
