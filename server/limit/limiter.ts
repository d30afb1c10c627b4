/** How much a key may use: calls per minute, counted in memory or, for several gateways together, in Redis. */

/** What became of one attempt to use a key. Times are milliseconds from now. */
export interface Verdict {
  allowed: boolean;
  /** Calls per minute. */
  limit: number;
  /** Calls left in this minute. */
  remaining: number;
  /** Until the minute is over and all calls are there again. */
  resetMs: number;
  /** Until the next call can be allowed; 0 when this one was. */
  retryAfterMs: number;
}

/** Counts calls. Never fails: where Redis does not answer, this gateway counts for itself meanwhile. */
export interface Limiter {
  /** Counts one call of a key that may make `rpm` a minute; 0 allows none. */
  take(keyId: string, rpm: number): Verdict | Promise<Verdict>;
  /** Whether Redis is away, so that each gateway counts for itself. */
  readonly degraded: boolean;
  close(): Promise<void>;
}

/** Counts failures, such as wrong passwords, by who caused them. A count is forgotten `windowMs` after its first failure. */
export interface FailureCounter {
  /** Failures counted now, and until they are forgotten in milliseconds. */
  count(who: string): Promise<{ failures: number; resetMs: number }>;
  /** Counts one more. */
  add(who: string): Promise<{ failures: number; resetMs: number }>;
  /** Forgets them, after a success. */
  clear(who: string): Promise<void>;
}

export const MINUTE_MS = 60_000;

/** What a key gets that may make no calls at all: asking again will not help for a while. */
export function blocked(): Verdict {
  return { allowed: false, limit: 0, remaining: 0, resetMs: MINUTE_MS, retryAfterMs: MINUTE_MS };
}
