/** Limits in Redis, shared by all gateways; in memory for as long as Redis does not answer. */

import { RateLimiterRedis } from "rate-limiter-flexible";
import type { Log } from "../base/log.ts";
import { LruCache } from "../base/lru.ts";
import { blocked, type FailureCounter, type Limiter, MINUTE_MS, type Verdict } from "./limiter.ts";
import { failuresInMemory, MemoryLimits } from "./memory.ts";
import { openRedis, type RedisClient } from "./redis_client.ts";
import { countIn, takeFrom } from "./window.ts";

const MAX_RATES = 1000;

export class RedisLimits implements Limiter {
  readonly #redis: RedisClient;
  readonly #log: Log;
  readonly #memory = new MemoryLimits();
  readonly #byRpm = new LruCache<number, RateLimiterRedis>(MAX_RATES);
  #isReady = false;
  #isClosed = false;
  #hasReported = false;

  /** `gateways`: how many share the limits; each counts for itself by its share while Redis is away. */
  constructor(url: string, log: Log, private readonly gateways: () => number = () => 1) {
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
    if (rpm <= 0) return blocked();
    return this.#isReady ? this.#takeTogether(keyId, rpm) : this.#takeShare(keyId, rpm);
  }

  async #takeTogether(keyId: string, rpm: number): Promise<Verdict> {
    try {
      return await takeFrom(this.#limiterFor(rpm), keyId, rpm);
    } catch {
      // It went away in between, which its connection's end has told.
      return this.#takeShare(keyId, rpm);
    }
  }

  #takeShare(keyId: string, rpm: number): Verdict {
    return this.#memory.take(keyId, Math.max(1, Math.floor(rpm / this.gateways())));
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
