/** A client of Redis in any of its forms: a single server, a group under Sentinel, or a Redis Cluster. */

import { Cluster, type Command, Redis, type RedisOptions } from "ioredis";

export type RedisClient = Redis | Cluster;

type Form = "single" | "sentinel" | "cluster";

const defaultPorts: Readonly<Record<Form, number>> = {
  single: 6379,
  sentinel: 26379,
  cluster: 6379,
};

const MAX_RECONNECT_DELAY_MS = 1000;
/** A connection on which a command is not answered within this time is taken for lost. */
const COMMAND_TIMEOUT_MS = 250;
const CONNECT_TIMEOUT_MS = 2000;
/** A timer that fires later than by this share of its delay was held up by this process. */
const LATE_SHARE = 1 / 5;

/**
 * Creates a client that reconnects for ever and queues nothing: while Redis is away, commands fail
 * at once. `commandTimeoutMs` 0: no timeout, for connections that only subscribe.
 */
export function openRedis(
  url: string,
  { commandTimeoutMs = COMMAND_TIMEOUT_MS } = {},
): RedisClient {
  const { form, isSecure, hosts, username, password, path } = parsed(url);
  const common = {
    lazyConnect: true,
    // No call waits for a Redis that is away.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: CONNECT_TIMEOUT_MS,
    ...(isSecure ? { tls: {} } : {}),
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
    ? { sentinels: hosts, name: path, sentinelRetryStrategy: retryStrategy }
    : { ...hosts[0], db: Number(path) || 0 };
  const redis = new Redis({ ...common, ...where, retryStrategy });
  makeImpatient(redis, commandTimeoutMs);
  return redis;
}

/** Whether the client has a cluster's own commands, such as sharded publish. */
export function isCluster(client: RedisClient): client is Cluster {
  return client instanceof Cluster;
}

interface Host {
  host: string;
  port: number;
}

/** `path`: the number of the database, or Sentinel's name of the group. */
function parsed(url: string) {
  const [, scheme = "", auth = "", list = "", path = ""] =
    /^([\w-]+):\/\/(?:([^@/]*)@)?([^/?]*)\/?([^/?]*)/.exec(url) ?? [];
  const [, secure, suffix = "single"] = /^redis(s?)(?:-(\w+))?$/.exec(scheme) ?? [];
  // The setting's reader accepts no other schemes.
  const form = suffix as Form;
  const [username = "", password = ""] = auth.split(":").map(decodeURIComponent);
  const hosts = list.split(",").map((entry) => hostOf(entry, defaultPorts[form]));
  return { form, isSecure: secure === "s", hosts, username, password, path };
}

function hostOf(text: string, defaultPort: number): Host {
  const [, bracketed, plain = "127.0.0.1", port] =
    /^(?:\[([^\]]+)\]|([^:]+))?(?::(\d+))?$/.exec(text) ?? [];
  return { host: bracketed ?? plain, port: Number(port ?? defaultPort) };
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
 * starts anew: the answer may already be there.
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
