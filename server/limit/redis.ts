/** Rate limits in Redis, shared by all gateways; in memory while Redis is away. */

import { RateLimiterRedis } from "rate-limiter-flexible";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { LruCache } from "../base/lru.ts";
import { blocked, type FailureCounter, type Limiter, MINUTE_MS, type Verdict } from "./limiter.ts";
import { failuresInMemory, MemoryLimits } from "./memory.ts";
import { openRedis, type RedisClient } from "./redis_client.ts";
import { countIn, takeFrom } from "./window.ts";

export interface RedisLimitsOptions {
  url: string;
  /** How many gateways share the limits now: while Redis is away, each allows its share. */
  gateways: () => number;
  clock: Clock;
  log: Log;
}

/** Distinct limits whose limiters are kept. */
const MAX_RATES = 1000;

export class RedisLimits implements Limiter {
  readonly #redis: RedisClient;
  readonly #log: Log;
  readonly #gateways: () => number;
  readonly #memory: MemoryLimits;
  readonly #byRpm = new LruCache<number, RateLimiterRedis>(MAX_RATES);
  #isReady = false;
  #isClosed = false;
  #hasReported = false;

  constructor({ url, gateways, clock, log }: RedisLimitsOptions) {
    this.#log = log;
    this.#gateways = gateways;
    this.#memory = new MemoryLimits(clock);
    this.#redis = openRedis(url);
    this.#redis.on("ready", () => this.#onReady());
    this.#redis.on("close", () => this.#onAway("connection closed"));
    this.#redis.on("error", (error: Error & { code?: string }) => {
      this.#onAway(error.code ?? error.name);
    });
    // A failure has been reported to the `error` listener by then, and ioredis goes on trying.
    void this.#redis.connect().catch(() => {});
  }

  get degraded(): boolean {
    return !this.#isReady;
  }

  take(keyId: string, rpm: number): Verdict | Promise<Verdict> {
    if (rpm <= 0) return blocked();
    return this.#isReady ? this.#takeShared(keyId, rpm) : this.#takeOwnShare(keyId, rpm);
  }

  async #takeShared(keyId: string, rpm: number): Promise<Verdict> {
    try {
      return await takeFrom(this.#limiterFor(rpm), keyId, rpm);
    } catch {
      // Redis went away during the command; the listeners above report it.
      return this.#takeOwnShare(keyId, rpm);
    }
  }

  #takeOwnShare(keyId: string, rpm: number): Verdict {
    return this.#memory.take(keyId, Math.max(1, Math.floor(rpm / this.#gateways())));
  }

  /** A separate counter for each name. */
  failures(name: string, windowMs: number): FailureCounter {
    const insuranceLimiter = failuresInMemory(name, windowMs);
    return countIn(
      new RateLimiterRedis({
        storeClient: this.#redis,
        keyPrefix: `colink:failures:${name}`,
        points: Number.MAX_SAFE_INTEGER,
        duration: windowMs / 1000,
        rejectIfRedisNotReady: true,
        insuranceLimiter,
      }),
    );
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#redis.disconnect();
    return Promise.resolve();
  }

  #limiterFor(rpm: number): RateLimiterRedis {
    let limiter = this.#byRpm.get(rpm);
    if (limiter === undefined) {
      limiter = new RateLimiterRedis({
        points: rpm,
        duration: MINUTE_MS / 1000,
        storeClient: this.#redis,
        keyPrefix: "colink:rpm",
        rejectIfRedisNotReady: true,
      });
      this.#byRpm.set(rpm, limiter);
    }
    return limiter;
  }

  #onAway(reason: string): void {
    this.#isReady = false;
    if (this.#isClosed || this.#hasReported) return;
    this.#hasReported = true;
    this.#log.warn({ reason }, "limits: Redis is away, this gateway counts for itself");
  }

  #onReady(): void {
    this.#isReady = true;
    if (!this.#hasReported) return;
    this.#hasReported = false;
    this.#log.info({}, "limits: Redis is back, gateways count together again");
  }
}
