/** Opens the limits that the configuration asks for: in Redis where a URL is set, otherwise in memory. */

import { type Clock, MINUTE_MS } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { type FailureCounter, type Limiter, type MeterBook } from "./limiter.ts";
import { MemoryLimits } from "./memory.ts";
import type { RedisLimitsOptions } from "./redis.ts";

/** A count of failed sign-ins starts over this long after the first. */
const LOGIN_WINDOW_MS = 15 * 60_000;

export interface Limits {
  limiter: Limiter;
  /** What budgets count. */
  meters: MeterBook;
  /** Adds to what a meter of this process has counted; null: counters outlive the process. */
  addToMeter: ((name: string, change: number) => void) | null;
  /** Failed sign-ins. */
  failures: FailureCounter;
  /** Sign-ins by network, each minute. */
  signIns: FailureCounter;
  /** New accounts by network, each hour. */
  newAccounts: FailureCounter;
  /** Requests to join and wrong join codes by network, and wrong codes by account, each hour. */
  joins: FailureCounter;
  close(): Promise<void>;
}

export interface LimitsOptions {
  /** Null: limits in memory. */
  redisUrl: string | null;
  /** JWT_SECRET: gateways with the same one count together. */
  secret: string;
  /** How many gateways share the limits now. */
  gateways: () => number;
  clock: Clock;
  log: Log;
}

/** Never fails: Redis is used as soon as it answers. */
export async function createLimits(options: LimitsOptions): Promise<Limits> {
  const { redisUrl, clock } = options;
  const limiter = redisUrl === null
    ? new MemoryLimits(clock)
    : await inRedis({ ...options, url: redisUrl });
  return {
    limiter,
    meters: limiter.meters,
    addToMeter: limiter instanceof MemoryLimits
      ? (name, change) => limiter.meters.add(name, change)
      : null,
    failures: limiter.failures("login", LOGIN_WINDOW_MS),
    signIns: limiter.failures("signins", MINUTE_MS),
    newAccounts: limiter.failures("accounts", 60 * MINUTE_MS),
    joins: limiter.failures("joins", 60 * MINUTE_MS),
    close: () => limiter.close(),
  };
}

/** Loaded on demand: a gateway without Redis saves the client's megabytes. */
async function inRedis(options: RedisLimitsOptions) {
  const { RedisLimits } = await import("./redis.ts");
  return new RedisLimits(options);
}
