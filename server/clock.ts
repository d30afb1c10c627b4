/** Time, passed in, so that a test can hold it still. */

export interface Clock {
  /** UTC milliseconds: for what is stored and shown. */
  now(): number;
  /** Milliseconds that never jump: for durations and liveness. */
  monotonic(): number;
  /** Runs `task` once after `delayMs`; the returned function calls it off. */
  after(delayMs: number, task: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, Math.min(delayMs, 0x7fffffff));
    return () => clearTimeout(timer);
  },
};
