/** A clock for simulations: time passes from one event to the next. */

import type { Clock } from "../../../server/base/clock.ts";

interface Event {
  atMs: number;
  order: number;
  task: (() => void) | null;
}

/** A binary heap of events; cancelled ones are skipped when they are due. */
export class EventClock implements Clock {
  readonly #heap: Event[] = [];
  #nowMs = 0;
  #order = 0;

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  after(delayMs: number, task: () => void): () => void {
    const event: Event = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, task };
    this.#push(event);
    return () => {
      event.task = null;
    };
  }

  /** Runs events until there are none, or `isOver` says so. Promises settle in between. */
  async run(isOver: () => boolean): Promise<void> {
    for (let event; !isOver() && (event = this.#pop()) !== undefined;) {
      if (event.task === null) continue;
      this.#nowMs = event.atMs;
      event.task();
      await null;
      await null;
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let i = heap.push(event) - 1;
    for (let parent; i > 0 && isBefore(event, heap[parent = (i - 1) >> 1]!); i = parent) {
      heap[i] = heap[parent]!;
    }
    heap[i] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const [first, last] = [heap[0], heap.pop()];
    if (last === undefined || heap.length === 0) return last;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
