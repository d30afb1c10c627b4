/** Limits in Redis, shared by all gateways; in memory for as long as Redis does not answer. */

import { type Command, Redis } from "ioredis";
import { LRUCache } from "lru-cache";
import { RateLimiterMemory, RateLimiterRedis } from "rate-limiter-flexible";
import type { Log } from "../log.ts";
import { blocked, type FailureCounter, type Limiter, MINUTE_MS, type Verdict } from "./limiter.ts";
import { failuresInMemory } from "./memory.ts";
import { countIn, takeFrom } from "./window.ts";

const MAX_RATES = 1000;
const MAX_RECONNECT_DELAY_MS = 1000;

/** A Redis that is there but does not answer is given up for this call after so long. */
const COMMAND_TIMEOUT_MS = 250;
const CONNECT_TIMEOUT_MS = 2000;

export class RedisLimits implements Limiter {
  readonly #redis: Redis;
  readonly #log: Log;
  readonly #byRpm = new LRUCache<number, RateLimiterRedis>({ max: MAX_RATES });
  #isReady = false;
  #isClosed = false;
  #hasReported = false;

  constructor(url: string, log: Log) {
    this.#log = log;
    this.#redis = new ImpatientRedis(url, {
      lazyConnect: true,
      // No call ever waits for a Redis that is away: it fails at once and is counted in memory.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      commandTimeout: COMMAND_TIMEOUT_MS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      retryStrategy: (times) => Math.min(times * 100, MAX_RECONNECT_DELAY_MS),
    });
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

/**
 * Takes a command that timed out for a lost connection: while a Redis hangs, calls are counted
 * elsewhere at once, instead of each waiting for its own timeout.
 */
class ImpatientRedis extends Redis {
  override sendCommand(...[command, stream]: Parameters<Redis["sendCommand"]>): unknown {
    const sent = super.sendCommand(command, stream);
    (command as Command).promise.catch((error: Error) => {
      if (error.message === "Command timed out" && this.status === "ready") this.stream.destroy();
    });
    return sent;
  }
}
