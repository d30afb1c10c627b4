/** What budgets count, in Redis, shared by all gateways; in memory while Redis is away. */

import type { Clock } from "../base/clock.ts";
import type { Meter, MeterBook, Opening, Spent } from "./limiter.ts";
import { changeAtEnd, type MemoryMeters } from "./memory_meters.ts";
import type { RedisClient } from "./redis_client.ts";

export interface RedisMetersOptions {
  redis: RedisClient;
  isAway: () => boolean;
  onFailure: (error: unknown) => void;
  /** Counts while Redis is away. */
  own: MemoryMeters;
  /** How many gateways share the budgets now. */
  gateways: () => number;
  clock: Pick<Clock, "now">;
}

/** One hash tag: a call's meters are counted in one step, which a Redis Cluster allows within one slot only. */
const PREFIX = "{colink:budget}:";

/** Meters outlive their time by this, so that gateways whose clocks differ agree. */
const GRACE_MS = 60_000;

/**
 * KEYS: the meters. ARGV: now, the call's id, then for each meter its kind, limit and time to live.
 * Running calls are a set, by when each is forgotten, so that a gateway that dies holds none indefinitely.
 */
const OPEN = `
local used = {}
for i, key in ipairs(KEYS) do
  local kind, limit = ARGV[3 * i], tonumber(ARGV[3 * i + 1])
  if kind == 'calls' then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', ARGV[1])
    used[i] = redis.call('ZCARD', key)
  else
    used[i] = tonumber(redis.call('GET', key) or '0')
  end
  if used[i] >= limit then return {i - 1, unpack(used)} end
end
for i, key in ipairs(KEYS) do
  local kind, ttl = ARGV[3 * i], tonumber(ARGV[3 * i + 2])
  if kind == 'calls' then
    redis.call('ZADD', key, tonumber(ARGV[1]) + ttl, ARGV[2])
    redis.call('PEXPIRE', key, ttl)
    used[i] = used[i] + 1
  elseif kind == 'requests' then
    used[i] = redis.call('INCR', key)
    redis.call('PEXPIRE', key, ttl)
  end
end
return {-1, unpack(used)}`;

/** KEYS: the meters. ARGV: now, then each meter's kind. */
const READ = `
local used = {}
for i, key in ipairs(KEYS) do
  if ARGV[i + 1] == 'calls' then
    used[i] = redis.call('ZCOUNT', key, '(' .. ARGV[1], '+inf')
  else
    used[i] = tonumber(redis.call('GET', key) or '0')
  end
end
return used`;

/** KEYS: the meters. ARGV: the call's id, then for each meter its kind, change and time to live. */
const CLOSE = `
for i, key in ipairs(KEYS) do
  local kind, change, ttl = ARGV[3 * i - 1], tonumber(ARGV[3 * i]), ARGV[3 * i + 1]
  if kind == 'calls' then
    redis.call('ZREM', key, ARGV[1])
  elseif change ~= 0 then
    redis.call('INCRBY', key, ARGV[3 * i])
    redis.call('PEXPIRE', key, ttl)
  end
end`;

/** A call that has ended, and by how much that changes each of its meters. */
interface Ending {
  meters: readonly Meter[];
  callId: string;
  changes: readonly number[];
}

/** Of calls beyond these, slots are free in Redis only when the calls could have run at the longest. */
const MAX_MISSED = 10_000;

export class RedisMeters implements MeterBook {
  /** Calls that were opened in memory, which Redis knows nothing of. */
  readonly #ownCalls = new Set<string>();
  /** Calls that ended while Redis was away, the oldest first: it is notified when it is back. */
  readonly #missed: Ending[] = [];

  constructor(private readonly options: RedisMetersOptions) {}

  open(meters: readonly Meter[], callId: string): Opening | Promise<Opening> {
    return this.options.isAway() ? this.#openOwn(meters, callId) : this.#openShared(meters, callId);
  }

  close(meters: readonly Meter[], callId: string, spent: Spent): void {
    const { own, isAway } = this.options;
    const isOwn = this.#ownCalls.delete(callId);
    if (isOwn) own.close(meters, callId, spent);
    // Counted here as well: this gateway's share of a budget while Redis is away.
    else if (!spent.isFree) this.#addTokens(meters, spent);
    // Redis knows no request of a call that was opened here, and so takes none back.
    const changes = meters.map((meter) =>
      isOwn && meter.kind === "requests" ? 0 : changeAtEnd(meter, spent)
    );
    if (isAway()) return this.#miss({ meters, callId, changes });
    this.#end({ meters, callId, changes });
  }

  /** Redis counts again: it is notified of the calls that have ended meanwhile. */
  returned(): void {
    for (const ending of this.#missed.splice(0)) this.#end(ending);
  }

  #end({ meters, callId, changes }: Ending): void {
    const { redis, clock, onFailure } = this.options;
    const now = clock.now();
    const args = meters.flatMap((meter, at) => [
      meter.kind,
      changes[at]!,
      this.#ttlMs(meter, now),
    ]);
    redis.eval(CLOSE, meters.length, ...namesOf(meters), callId, ...args).catch((error) => {
      onFailure(error);
      // Redis may have counted the call: only its slots are given back once more.
      this.#miss({ meters, callId, changes: meters.map(() => 0) });
    });
  }

  #miss(ending: Ending): void {
    if (this.#missed.length === MAX_MISSED) this.#missed.shift();
    this.#missed.push(ending);
  }

  async read(meters: readonly Meter[]): Promise<readonly number[]> {
    const { redis, own, isAway, onFailure, clock } = this.options;
    if (isAway()) return own.read(meters);
    try {
      const kinds = meters.map(({ kind }) => kind);
      return await redis.eval(
        READ,
        meters.length,
        ...namesOf(meters),
        clock.now(),
        ...kinds,
      ) as number[];
    } catch (error) {
      onFailure(error);
      return own.read(meters);
    }
  }

  async #openShared(meters: readonly Meter[], callId: string): Promise<Opening> {
    const now = this.options.clock.now();
    const args = meters.flatMap((meter) => [meter.kind, meter.limit, this.#ttlMs(meter, now)]);
    try {
      const [full, ...used] = await this.options.redis
        .eval(OPEN, meters.length, ...namesOf(meters), now, callId, ...args) as number[];
      return { full: full === -1 ? null : full!, used };
    } catch (error) {
      this.options.onFailure(error);
      return this.#openOwn(meters, callId);
    }
  }

  #openOwn(meters: readonly Meter[], callId: string): Opening {
    const gateways = Math.max(1, this.options.gateways());
    const shares = meters.map((meter) => ({
      ...meter,
      limit: Math.max(1, Math.floor(meter.limit / gateways)),
    }));
    const opening = this.options.own.open(shares);
    if (opening.full === null) this.#ownCalls.add(callId);
    return opening;
  }

  #addTokens(meters: readonly Meter[], { tokens }: Spent): void {
    for (const { kind, name } of meters) if (kind === "tokens") this.options.own.add(name, tokens);
  }

  #ttlMs({ endsAt }: Meter, now: number): number {
    return Math.max(GRACE_MS, Math.ceil(endsAt - now + GRACE_MS));
  }
}

function namesOf(meters: readonly Meter[]): string[] {
  return meters.map(({ name }) => PREFIX + name);
}
