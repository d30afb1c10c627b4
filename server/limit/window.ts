/** Translates the answers of rate-limiter-flexible. */

import { type RateLimiterAbstract, RateLimiterRes } from "rate-limiter-flexible";
import { MINUTE_MS } from "../base/clock.ts";
import { type FailureCount, type FailureCounter, type Verdict } from "./limiter.ts";

/** Counts one call with a limiter of `rpm` points. */
export async function takeFrom(
  limiter: RateLimiterAbstract,
  keyId: string,
  rpm: number,
): Promise<Verdict> {
  try {
    return verdict(await limiter.consume(keyId), rpm, true);
  } catch (thrown) {
    // The library throws the answer of a call beyond the limit.
    if (thrown instanceof RateLimiterRes) return verdict(thrown, rpm, false);
    throw thrown;
  }
}

function verdict(answer: RateLimiterRes, rpm: number, allowed: boolean): Verdict {
  const resetMs = Math.min(Math.max(answer.msBeforeNext, 0), MINUTE_MS);
  return {
    allowed,
    limit: rpm,
    remaining: allowed ? answer.remainingPoints : 0,
    resetMs,
    retryAfterMs: allowed ? 0 : Math.max(resetMs, 1),
  };
}

/** Uses a limiter that limits nothing as a counter. */
export function countIn(limiter: RateLimiterAbstract): FailureCounter {
  const countOf = (answer: RateLimiterRes): FailureCount => ({
    failures: answer.consumedPoints,
    resetMs: Math.max(answer.msBeforeNext, 0),
  });
  return {
    add: async (subject) => countOf(await limiter.penalty(subject)),
    clear: async (subject) => void await limiter.delete(subject),
  };
}
