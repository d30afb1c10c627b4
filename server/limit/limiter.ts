/** Rate limits of keys: calls per minute, counted in memory or, for several gateways together, in Redis. */

import { MINUTE_MS } from "../base/clock.ts";

/** The result of counting one call. Times are milliseconds from now. */
export interface Verdict {
  allowed: boolean;
  /** Calls per minute. */
  limit: number;
  /** Calls left in this minute. */
  remaining: number;
  /** Until the minute ends and the whole limit is available again. */
  resetMs: number;
  /** Until the next call can be allowed; 0 when this one was. */
  retryAfterMs: number;
}

/** Counts calls. Never fails: while Redis is away, each gateway counts for itself. */
export interface Limiter {
  /** Counts one call of a key that may make `rpm` a minute; 0 allows none. */
  take(keyId: string, rpm: number): Verdict | Promise<Verdict>;
  /** Gives back one call that was counted: it cost nothing. */
  giveBack(keyId: string, rpm: number): void;
  /** Why Redis counts nothing now; null: nothing is known to be wrong. */
  readonly trouble: string | null;
  close(): Promise<void>;
}

/** A counter that calls are held against. */
export interface Meter {
  /** Unique, with the beginning of its time: a later time has another name. */
  name: string;
  /** `requests` and `calls` take one as a call begins; `tokens` are known at its end. */
  kind: "requests" | "tokens" | "calls";
  /** A call begins only while less than this is used. */
  limit: number;
  /** When nothing of this time counts any more, at the latest. UTC milliseconds. */
  endsAt: number;
}

/** The result of opening a call. */
export interface Opening {
  /** The place of the first meter that is used up, in which case nothing was taken; null: there is none. */
  full: number | null;
  /** What each meter has counted, this call included. */
  used: readonly number[];
}

/** What a call used, at its end. */
export interface Spent {
  tokens: number;
  /** Whether the call does not count as a request either. */
  isFree: boolean;
}

/** Counts calls against several meters in one step. Never fails: while Redis is away, each gateway counts for itself. */
export interface MeterBook {
  open(meters: readonly Meter[], callId: string): Opening | Promise<Opening>;
  /** What each meter has counted, in their order. */
  read(meters: readonly Meter[]): readonly number[] | Promise<readonly number[]>;
  /** To be called once for each call that was opened. */
  close(meters: readonly Meter[], callId: string, spent: Spent): void;
}

/** Failures of one subject, and in how many milliseconds their count starts over. */
export interface FailureCount {
  failures: number;
  resetMs: number;
}

/** Counts failures, such as wrong passwords, by subject. A count lasts `windowMs` from its first failure. */
export interface FailureCounter {
  /** The count after one more failure. */
  add(subject: string): Promise<FailureCount>;
  /** Sets the count to zero, after a success. */
  clear(subject: string): Promise<void>;
}

/** The verdict for a key that may make no calls at all. */
export function blocked(): Verdict {
  return { allowed: false, limit: 0, remaining: 0, resetMs: MINUTE_MS, retryAfterMs: MINUTE_MS };
}
