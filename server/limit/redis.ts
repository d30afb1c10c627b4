/** Rate limits in Redis, shared by all gateways; in memory while Redis is away. */

import { RateLimiterMemory, RateLimiterRedis } from "rate-limiter-flexible";
import { type Clock, MINUTE_MS } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { LruCache } from "../base/lru.ts";
import { blocked, type FailureCounter, type Limiter, type Verdict } from "./limiter.ts";
import { MemoryLimits } from "./memory.ts";
import { RedisMeters } from "./redis_meters.ts";
import { installationTag, openRedis, type RedisClient } from "./redis_client.ts";
import { countIn, takeFrom } from "./window.ts";

export interface RedisLimitsOptions {
  url: string;
  /** The same at all gateways that count together. */
  secret: string;
  /** How many gateways share the limits now: while Redis is away, each allows its share. */
  gateways: () => number;
  clock: Clock;
  log: Log;
}

/** Redis is written to this often, as long as it takes it, and while it refuses. */
const PROBE_EVERY_MS = 10_000;
const RETRY_EVERY_MS = 1000;
const PROBE_KEY = "colink:probe";

/** Distinct limits whose limiters are kept. */
const MAX_RATES = 1000;

export class RedisLimits implements Limiter {
  readonly #redis: RedisClient;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #gateways: () => number;
  readonly #prefix: string;
  readonly meters: RedisMeters;
  readonly #memory: MemoryLimits;
  readonly #byRpm = new LruCache<number, RateLimiterRedis>(MAX_RATES);
  #trouble: string | null = "not connected yet";
  #isClosed = false;
  #hasReported = false;
  #cancelProbe: () => void = () => {};

  constructor({ url, secret, gateways, clock, log }: RedisLimitsOptions) {
    this.#clock = clock;
    this.#log = log;
    this.#gateways = gateways;
    this.#prefix = `colink:${installationTag(secret, "co-link limits")}`;
    this.#memory = new MemoryLimits(clock);
    this.#redis = openRedis(url);
    this.meters = new RedisMeters({
      redis: this.#redis,
      isAway: () => this.#trouble !== null,
      onFailure: (error) => this.#refused(error),
      own: this.#memory.meters,
      gateways,
      clock,
    });
    this.#redis.on("ready", () => void this.#probe());
    // An error comes before the close that it causes, and says more.
    this.#redis.on("close", () => this.#onAway(this.#trouble ?? "connection closed"));
    this.#redis.on("error", (error: Error & { code?: string }) => {
      this.#onAway(error.code ?? (isReply(error) ? firstWord(error) : "connection closed"));
    });
    // A failure has been reported to the `error` listener by then, and ioredis goes on trying.
    void this.#redis.connect().catch(() => {});
  }

  get trouble(): string | null {
    return this.#trouble;
  }

  take(keyId: string, rpm: number): Verdict | Promise<Verdict> {
    if (rpm <= 0) return blocked();
    return this.#trouble === null ? this.#takeShared(keyId, rpm) : this.#takeOwnShare(keyId, rpm);
  }

  giveBack(keyId: string, rpm: number): void {
    if (this.#trouble !== null) return this.#memory.giveBack(keyId);
    // A call that cannot be given back is not worth another try.
    this.#limiterFor(rpm).reward(keyId).catch(() => {});
  }

  async #takeShared(keyId: string, rpm: number): Promise<Verdict> {
    try {
      return await takeFrom(this.#limiterFor(rpm), keyId, rpm);
    } catch (error) {
      this.#refused(error);
      return this.#takeOwnShare(keyId, rpm);
    }
  }

  /** Shows whether Redis takes writes: one that has no memory left, or only follows another, answers and refuses. */
  async #probe(): Promise<void> {
    this.#cancelProbe();
    try {
      await this.#redis.set(PROBE_KEY, "1", "PX", PROBE_EVERY_MS);
      this.#onReady();
    } catch (error) {
      this.#refused(error);
    }
  }

  /** A lost connection is reported by the listeners above, and tried again by the client. */
  #refused(error: unknown): void {
    if (!(error instanceof Error) || !isReply(error)) return;
    this.#onAway(`it refuses writes: ${firstWord(error)}`);
    this.#probeAfter(RETRY_EVERY_MS);
  }

  #probeAfter(delayMs: number): void {
    this.#cancelProbe();
    if (this.#isClosed) return;
    this.#cancelProbe = this.#clock.after(delayMs, () => void this.#probe());
  }

  #takeOwnShare(keyId: string, rpm: number): Verdict {
    return this.#memory.take(keyId, Math.max(1, Math.floor(rpm / this.#gateways())));
  }

  /** A separate counter for each name. */
  failures(name: string, windowMs: number): FailureCounter {
    // Limiters that limit nothing, as counters.
    const counting = { points: Number.MAX_SAFE_INTEGER, duration: windowMs / 1000 };
    return countIn(
      new RateLimiterRedis({
        ...counting,
        storeClient: this.#redis,
        keyPrefix: `${this.#prefix}:failures:${name}`,
        insuranceLimiter: new RateLimiterMemory({ ...counting, keyPrefix: `failures:${name}` }),
      }),
    );
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelProbe();
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
        keyPrefix: `${this.#prefix}:rpm`,
      });
      this.#byRpm.set(rpm, limiter);
    }
    return limiter;
  }

  #onAway(reason: string): void {
    this.#trouble = reason;
    if (this.#isClosed || this.#hasReported) return;
    this.#hasReported = true;
    this.#log.warn({ reason }, "limits: Redis is away, this gateway counts for itself");
  }

  #onReady(): void {
    this.#trouble = null;
    this.meters.returned();
    this.#probeAfter(PROBE_EVERY_MS);
    if (!this.#hasReported) return;
    this.#hasReported = false;
    this.#log.info({}, "limits: Redis is back, gateways count together again");
  }
}

/** Whether Redis itself said it. */
function isReply(error: Error): boolean {
  return error.name === "ReplyError";
}

/** Of a reply: its kind, such as WRONGPASS. The words behind it may name a user. */
function firstWord({ message }: Error): string {
  return message.split(" ", 1)[0]!;
}
