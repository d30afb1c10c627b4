/** Limits in this process's memory: one gateway, nothing else to install. */

import { LRUCache } from "lru-cache";
import { RateLimiterMemory } from "rate-limiter-flexible";
import { blocked, type FailureCounter, type Limiter, MINUTE_MS, type Verdict } from "./limiter.ts";
import { countIn, takeFrom } from "./window.ts";

/** Different limits in use at a time; keys of one that was pushed out begin a new minute. */
const MAX_RATES = 1000;

export class MemoryLimits implements Limiter {
  readonly degraded = false;
  readonly #byRpm = new LRUCache<number, RateLimiterMemory>({ max: MAX_RATES });

  take(keyId: string, rpm: number): Verdict | Promise<Verdict> {
    return rpm > 0 ? takeFrom(this.limiterFor(rpm), keyId, rpm) : blocked();
  }

  /** A counter of its own for each name. */
  failures(name: string, windowMs: number): FailureCounter {
    return countIn(failuresInMemory(name, windowMs));
  }

  /** The limiter that all keys with this many calls a minute share. */
  limiterFor(rpm: number): RateLimiterMemory {
    let limiter = this.#byRpm.get(rpm);
    if (limiter === undefined) {
      limiter = new RateLimiterMemory({ points: rpm, duration: MINUTE_MS / 1000 });
      this.#byRpm.set(rpm, limiter);
    }
    return limiter;
  }

  async close(): Promise<void> {}
}

/** A counter's records vanish by themselves when their window is over. */
export function failuresInMemory(name: string, windowMs: number): RateLimiterMemory {
  return new RateLimiterMemory({
    keyPrefix: `failures:${name}`,
    points: Number.MAX_SAFE_INTEGER,
    duration: windowMs / 1000,
  });
}
