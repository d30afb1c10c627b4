/** Rate limits in this process's memory, for a single gateway and while Redis is away. */

import { RateLimiterMemory } from "rate-limiter-flexible";
import type { Clock } from "../base/clock.ts";
import { LruCache } from "../base/lru.ts";
import { blocked, type FailureCounter, type Limiter, MINUTE_MS, type Verdict } from "./limiter.ts";
import { MemoryMeters } from "./memory_meters.ts";
import { countIn } from "./window.ts";

/** Keys counted at a time; an evicted key starts a new minute. */
const MAX_KEYS = 100_000;

interface Minute {
  used: number;
  /** Monotonic milliseconds. */
  endMs: number;
}

/** Counts synchronously: a promise, as the library returns, would cost a call more than the counting. */
export class MemoryLimits implements Limiter {
  readonly trouble = null;
  readonly meters = new MemoryMeters();
  readonly #minutes = new LruCache<string, Minute>(MAX_KEYS);

  constructor(private readonly clock: Pick<Clock, "monotonic">) {}

  take(keyId: string, rpm: number): Verdict {
    if (rpm <= 0) return blocked();
    // Whole milliseconds: rounding of fractions made a minute a millisecond too long.
    const nowMs = Math.floor(this.clock.monotonic());
    const minute = this.#minuteOf(keyId, nowMs);
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

/** A limiter that limits nothing, as a counter; the library removes each count at the end of its window. */
export function failuresInMemory(name: string, windowMs: number): RateLimiterMemory {
  return new RateLimiterMemory({
    keyPrefix: `failures:${name}`,
    points: Number.MAX_SAFE_INTEGER,
    duration: windowMs / 1000,
  });
}
