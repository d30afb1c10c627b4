/** A client of Redis in any of its forms: a single server, a group under Sentinel, or a Redis Cluster. */

import { createHmac } from "node:crypto";
import { Cluster, type Command, Redis, type RedisOptions } from "ioredis";
import { parseRedisUrl, type RedisAddress } from "../base/redis_url.ts";

export type RedisClient = Redis | Cluster;

const MAX_RECONNECT_DELAY_MS = 1000;
/** A connection on which a command is not answered within this time is taken for lost. */
const COMMAND_TIMEOUT_MS = 250;
const CONNECT_TIMEOUT_MS = 2000;
/** A timer that fires later than by this share of its delay was held up by this process. */
const LATE_SHARE = 1 / 5;

/**
 * Creates a client that reconnects indefinitely and queues nothing: while Redis is away, commands fail
 * at once. `commandTimeoutMs` 0: no timeout, for connections that only subscribe.
 */
export function openRedis(
  url: string,
  { commandTimeoutMs = COMMAND_TIMEOUT_MS } = {},
): RedisClient {
  const address = parseRedisUrl(url);
  const { form, hosts, username, password, tls } = address;
  const common = {
    lazyConnect: true,
    // No call waits for a Redis that is away.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    ...(tls ? { tls } : {}),
    ...(username ? { username } : {}),
    ...(password ? { password } : {}),
  } satisfies RedisOptions;
  const retryStrategy = (times: number) => Math.min(times * 100, MAX_RECONNECT_DELAY_MS);
  if (form === "cluster") {
    const cluster = new Cluster(hosts, {
      lazyConnect: true,
      enableOfflineQueue: false,
      shardedSubscribers: true,
      clusterRetryStrategy: retryStrategy,
      slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
      redisOptions: common,
    });
    cluster.on("+node", (node: Redis) => makeImpatient(node, commandTimeoutMs));
    return cluster;
  }
  const where = form === "sentinel"
    ? { ...sentinelOptions(address), sentinelRetryStrategy: retryStrategy }
    : hosts[0]!;
  const redis = new Redis({ ...common, ...where, db: address.database, retryStrategy });
  makeImpatient(redis, commandTimeoutMs);
  return redis;
}

/**
 * A part of names in Redis: installations with different secrets share a Redis, but no count or record.
 * Budgets need none, because they are counted under random ids.
 */
export function installationTag(secret: string, purpose: string): string {
  return createHmac("sha256", secret).update(purpose).digest("hex").slice(0, 12);
}

/** Whether the client has a cluster's own commands, such as sharded publish. */
export function isCluster(client: RedisClient): client is Cluster {
  return client instanceof Cluster;
}

/** The Sentinels have an account of their own, and speak TLS where the group does. */
function sentinelOptions(address: RedisAddress) {
  const { hosts, group, tls, sentinelUsername, sentinelPassword } = address;
  return {
    sentinels: hosts,
    name: group,
    ...(tls ? { sentinelTLS: tls, enableTLSForSentinelMode: true } : {}),
    ...(sentinelUsername ? { sentinelUsername } : {}),
    ...(sentinelPassword ? { sentinelPassword } : {}),
  };
}

/**
 * Closes the connection when a command is not answered in time: while Redis hangs, the following
 * commands then fail at once, instead of each waiting for its own timeout.
 */
function makeImpatient(redis: Redis, timeoutMs: number): void {
  if (timeoutMs === 0) return;
  const send = redis.sendCommand.bind(redis);
  const giveUp = () => {
    if (redis.status === "ready" || redis.status === "connect") redis.stream.destroy();
  };
  redis.sendCommand = (...args: Parameters<Redis["sendCommand"]>) => {
    const sent = send(...args);
    unlessAnswered((args[0] as Command).promise, timeoutMs, giveUp);
    return sent;
  };
}

/**
 * Calls `onLate` when the answer takes longer. Where this process was too busy to read, the wait
 * starts over: the answer may already be there.
 */
function unlessAnswered(answer: Promise<unknown>, withinMs: number, onLate: () => void): void {
  let timer: ReturnType<typeof setTimeout>;
  const wait = () => {
    const dueMs = performance.now() + withinMs;
    timer = setTimeout(() => {
      const lateMs = performance.now() - dueMs;
      if (lateMs > withinMs * LATE_SHARE) wait();
      else onLate();
    }, withinMs);
  };
  wait();
  const stop = () => clearTimeout(timer);
  answer.then(stop, stop);
}
