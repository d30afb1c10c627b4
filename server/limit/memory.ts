/** Limits in this process's memory: one gateway, nothing else to install. */

import { RateLimiterMemory } from "rate-limiter-flexible";
import { LruCache } from "../base/lru.ts";
import { blocked, type FailureCounter, type Limiter, MINUTE_MS, type Verdict } from "./limiter.ts";
import { countIn } from "./window.ts";

/** Keys in use at a time; one that was pushed out begins a new minute. */
const MAX_KEYS = 100_000;

interface Minute {
  used: number;
  /** Monotonic milliseconds. */
  endMs: number;
}

/** Counts at once, where a library's promise would cost a call more than all of the counting. */
export class MemoryLimits implements Limiter {
  readonly degraded = false;
  readonly #minutes = new LruCache<string, Minute>(MAX_KEYS);

  /** `monotonic` tells milliseconds. */
  constructor(private readonly monotonic: () => number = () => performance.now()) {}

  take(keyId: string, rpm: number): Verdict {
    if (rpm <= 0) return blocked();
    // Whole ones: a fraction's rounding made a minute a millisecond too long.
    const nowMs = Math.floor(this.monotonic());
    const minute = this.#minuteOf(keyId, nowMs);
    const allowed = minute.used < rpm;
    if (allowed) minute.used++;
    const resetMs = minute.endMs - nowMs;
    return {
      allowed,
      limit: rpm,
      // A key whose limit was lowered may have used more.
      remaining: Math.max(0, rpm - minute.used),
      resetMs,
      retryAfterMs: allowed ? 0 : resetMs,
    };
  }

  /** A counter of its own for each name. */
  failures(name: string, windowMs: number): FailureCounter {
    return countIn(failuresInMemory(name, windowMs));
  }

  async close(): Promise<void> {}

  #minuteOf(keyId: string, nowMs: number): Minute {
    const current = this.#minutes.get(keyId);
    if (current !== undefined && nowMs < current.endMs) return current;
    const minute = { used: 0, endMs: nowMs + MINUTE_MS };
    this.#minutes.set(keyId, minute);
    return minute;
  }
}

/** A counter's records vanish by themselves when their window is over. */
export function failuresInMemory(name: string, windowMs: number): RateLimiterMemory {
  return new RateLimiterMemory({
    keyPrefix: `failures:${name}`,
    points: Number.MAX_SAFE_INTEGER,
    duration: windowMs / 1000,
  });
}
