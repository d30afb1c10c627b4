/** Time, passed in, so that a test can hold it still. */

import { TimerQueues } from "./timer_queues.ts";

export interface Clock {
  /** UTC milliseconds: for what is stored and shown. */
  now(): number;
  /** Milliseconds that never jump: for durations and liveness. */
  monotonic(): number;
  /** Runs `task` once after `delayMs`; the returned function calls it off. */
  after(delayMs: number, task: () => void): () => void;
}

const MAX_DELAY_MS = 0x7fffffff;

const queues = new TimerQueues({ monotonic: () => performance.now(), setTimeout });

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, task) {
    // What calls wait for is set in whole seconds, the same for all of them.
    const isCommon = delayMs > 0 && delayMs <= MAX_DELAY_MS && delayMs % 1000 === 0;
    return (isCommon ? queues.after(delayMs, task) : null) ?? alone(delayMs, task);
  },
};

function alone(delayMs: number, task: () => void): () => void {
  const timer = setTimeout(task, Math.min(delayMs, MAX_DELAY_MS));
  return () => clearTimeout(timer);
}
