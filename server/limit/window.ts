/** rate-limiter-flexible's answers, told as ours. */

import { type RateLimiterAbstract, RateLimiterRes } from "rate-limiter-flexible";
import type { FailureCounter, Verdict } from "./limiter.ts";
import { MINUTE_MS } from "./limiter.ts";

/** Takes one of `rpm` calls from a limiter that was made for just that many. */
export async function takeFrom(
  limiter: RateLimiterAbstract,
  keyId: string,
  rpm: number,
): Promise<Verdict> {
  try {
    return verdict(await limiter.consume(keyId), rpm, true);
  } catch (refusal) {
    // The library refuses by throwing its answer.
    if (refusal instanceof RateLimiterRes) return verdict(refusal, rpm, false);
    throw refusal;
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

/** A limiter that refuses nothing, used as a counter. */
export function countIn(limiter: RateLimiterAbstract): FailureCounter {
  const told = (answer: RateLimiterRes | null) => ({
    failures: answer?.consumedPoints ?? 0,
    resetMs: Math.max(answer?.msBeforeNext ?? 0, 0),
  });
  return {
    count: async (who) => told(await limiter.get(who)),
    add: async (who) => told(await limiter.penalty(who)),
    clear: async (who) => void await limiter.delete(who),
  };
}
