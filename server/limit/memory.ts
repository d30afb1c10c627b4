/** Rate limits in this process's memory, for a single gateway and while Redis is away. */

import { type Clock, MINUTE_MS } from "../base/clock.ts";
import { LruCache } from "../base/lru.ts";
import { blocked, type FailureCounter, type Limiter, type Verdict } from "./limiter.ts";
import { MemoryMeters } from "./memory_meters.ts";

/** Keys, and subjects of failures, counted at a time; an evicted one starts a new window. */
const MAX_KEYS = 100_000;

/** A minute of a key's calls, or the longer window of a subject's failures. */
interface Window {
  used: number;
  /** Monotonic milliseconds. */
  endMs: number;
}

type Windows = LruCache<string, Window>;

/** Counts synchronously: a promise, as the library returns, would cost a call more than the counting. */
export class MemoryLimits implements Limiter {
  readonly trouble = null;
  readonly meters = new MemoryMeters();
  readonly #minutes: Windows = new LruCache(MAX_KEYS);

  constructor(private readonly clock: Pick<Clock, "monotonic">) {}

  take(keyId: string, rpm: number): Verdict {
    if (rpm <= 0) return blocked();
    // Whole milliseconds: rounding of fractions made a minute a millisecond too long.
    const nowMs = Math.floor(this.clock.monotonic());
    const minute = windowOf(this.#minutes, keyId, MINUTE_MS, nowMs);
    const allowed = minute.used < rpm;
    if (allowed) minute.used++;
    const resetMs = minute.endMs - nowMs;
    return {
      allowed,
      limit: rpm,
      // A key may have used more before its limit was lowered.
      remaining: Math.max(0, rpm - minute.used),
      resetMs,
      retryAfterMs: allowed ? 0 : resetMs,
    };
  }

  giveBack(keyId: string): void {
    const minute = this.#minutes.get(keyId);
    if (minute !== undefined && minute.used > 0) minute.used--;
  }

  /** A separate counter for each name. */
  failures(_name: string, windowMs: number): FailureCounter {
    const windows: Windows = new LruCache(MAX_KEYS);
    return {
      add: (subject) => {
        const nowMs = Math.floor(this.clock.monotonic());
        const window = windowOf(windows, subject, windowMs, nowMs);
        return Promise.resolve({ failures: ++window.used, resetMs: window.endMs - nowMs });
      },
      clear: (subject) => Promise.resolve(void windows.delete(subject)),
    };
  }

  async close(): Promise<void> {}
}

function windowOf(windows: Windows, subject: string, windowMs: number, nowMs: number): Window {
  const current = windows.get(subject);
  if (current !== undefined && nowMs < current.endMs) return current;
  const window = { used: 0, endMs: nowMs + windowMs };
  windows.set(subject, window);
  return window;
}
