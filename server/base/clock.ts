/** Time as every part gets it: passed in, so that a test can control it. */

import { TimerQueues } from "./timer_queues.ts";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

export interface Clock {
  /** UTC milliseconds, for times that are stored or shown. */
  now(): number;
  /** Milliseconds that never jump, for durations and liveness. */
  monotonic(): number;
  /** Runs `task` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, task: () => void): () => void;
}

const MAX_DELAY_MS = 0x7fffffff;

const queues = new TimerQueues({ monotonic: () => performance.now(), setTimeout });

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, task) {
    // The limits of calls are settings in whole seconds, so all calls wait for the same few delays.
    const isShared = delayMs > 0 && delayMs <= MAX_DELAY_MS && delayMs % 1000 === 0;
    return (isShared ? queues.after(delayMs, task) : null) ?? nativeAfter(delayMs, task);
  },
};

function nativeAfter(delayMs: number, task: () => void): () => void {
  const timer = setTimeout(task, Math.min(delayMs, MAX_DELAY_MS));
  return () => clearTimeout(timer);
}
