/** Limits in Redis, shared by all gateways; in memory for as long as Redis does not answer. */

import { LRUCache } from "lru-cache";
import { RateLimiterMemory, RateLimiterRedis } from "rate-limiter-flexible";
import type { Log } from "../log.ts";
import { blocked, type FailureCounter, type Limiter, MINUTE_MS, type Verdict } from "./limiter.ts";
import { failuresInMemory } from "./memory.ts";
import { openRedis, type RedisClient } from "./redis_client.ts";
import { countIn, takeFrom } from "./window.ts";

const MAX_RATES = 1000;

export class RedisLimits implements Limiter {
  readonly #redis: RedisClient;
  readonly #log: Log;
  readonly #byRpm = new LRUCache<number, RateLimiterRedis>({ max: MAX_RATES });
  #isReady = false;
  #isClosed = false;
  #hasReported = false;

  constructor(url: string, log: Log) {
    this.#log = log;
    // While it is away its commands fail at once, and calls are counted in memory.
    this.#redis = openRedis(url);
    this.#redis.on("ready", () => this.#cameBack());
    this.#redis.on("close", () => this.#wentAway("connection closed"));
    this.#redis.on("error", (error: Error & { code?: string }) => {
      this.#wentAway(error.code ?? error.name);
    });
    // A failure has reached the `error` listener by then, and ioredis goes on trying.
    void this.#redis.connect().catch(() => {});
  }

  get degraded(): boolean {
    return !this.#isReady;
  }

  take(keyId: string, rpm: number): Verdict | Promise<Verdict> {
    return rpm > 0 ? takeFrom(this.#limiterFor(rpm), keyId, rpm) : blocked();
  }

  /** A counter of its own for each name. */
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
      const minute = { points: rpm, duration: MINUTE_MS / 1000 };
      limiter = new RateLimiterRedis({
        ...minute,
        storeClient: this.#redis,
        keyPrefix: "colink:rpm",
        rejectIfRedisNotReady: true,
        insuranceLimiter: new RateLimiterMemory(minute),
      });
      this.#byRpm.set(rpm, limiter);
    }
    return limiter;
  }

  #wentAway(reason: string): void {
    this.#isReady = false;
    if (this.#isClosed || this.#hasReported) return;
    this.#hasReported = true;
    this.#log.warn({ reason }, "limits: Redis is away, this gateway counts for itself");
  }

  #cameBack(): void {
    this.#isReady = true;
    if (!this.#hasReported) return;
    this.#hasReported = false;
    this.#log.info({}, "limits: Redis is back, gateways count together again");
  }
}
