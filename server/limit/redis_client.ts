/** A connection to Redis in any of its forms: one server, a group under Sentinel, or a Redis Cluster. */

import { Cluster, type Command, Redis, type RedisOptions } from "ioredis";

export type RedisClient = Redis | Cluster;

const DEFAULT_PORTS: Readonly<Record<string, number>> = { "sentinel": 26379 };
const DEFAULT_PORT = 6379;

const MAX_RECONNECT_DELAY_MS = 1000;
/** A Redis that is there but does not answer is given up for this command after so long. */
const COMMAND_TIMEOUT_MS = 250;
const CONNECT_TIMEOUT_MS = 2000;
/** A timer that rings so much of its time too late was held up by other work. */
const LATE_SHARE = 5;

/**
 * Opens one, which never gives up and never queues: while Redis is away, commands fail at once.
 * `commandTimeoutMs` 0: no limit, for connections that only listen.
 */
export function openRedis(
  url: string,
  { commandTimeoutMs = COMMAND_TIMEOUT_MS } = {},
): RedisClient {
  const { kind, isSecure, hosts, username, password, path } = parsed(url);
  const common: RedisOptions = {
    lazyConnect: true,
    // No call ever waits for a Redis that is away.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: CONNECT_TIMEOUT_MS,
    ...(isSecure ? { tls: {} } : {}),
    ...(username ? { username } : {}),
    ...(password ? { password } : {}),
  };
  const retryStrategy = (times: number) => Math.min(times * 100, MAX_RECONNECT_DELAY_MS);
  if (kind === "cluster") {
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
  const where: RedisOptions = kind === "sentinel"
    ? { sentinels: hosts, name: path, sentinelRetryStrategy: retryStrategy }
    : { ...hosts[0], db: Number(path) || 0 };
  const redis = new Redis({ ...common, ...where, retryStrategy });
  makeImpatient(redis, commandTimeoutMs);
  return redis;
}

/** Whether it has commands of the cluster alone, such as sharded publish. */
export function isCluster(client: RedisClient): client is Cluster {
  return client instanceof Cluster;
}

interface Parsed {
  kind: "single" | "sentinel" | "cluster";
  isSecure: boolean;
  hosts: { host: string; port: number }[];
  username: string;
  password: string;
  /** The database's number, or the name that Sentinel knows the group by. */
  path: string;
}

function parsed(url: string): Parsed {
  const [, scheme = "", auth = "", list = "", path = ""] =
    /^([\w-]+):\/\/(?:([^@/]*)@)?([^/?]*)\/?([^/?]*)/.exec(url) ?? [];
  const [, secure, form = "single"] = /^redis(s?)(?:-(\w+))?$/.exec(scheme) ?? [];
  const [username = "", password = ""] = auth.split(":").map(decodeURIComponent);
  const hosts = list.split(",").map((entry) => hostOf(entry, DEFAULT_PORTS[form] ?? DEFAULT_PORT));
  const kind = form as Parsed["kind"];
  return { kind, isSecure: secure === "s", hosts, username, password, path };
}

function hostOf(text: string, defaultPort: number): { host: string; port: number } {
  const [, bracketed, plain = "127.0.0.1", port] =
    /^(?:\[([^\]]+)\]|([^:]+))?(?::(\d+))?$/.exec(text) ?? [];
  return { host: bracketed ?? plain, port: Number(port ?? defaultPort) };
}

/**
 * Takes a command that is not answered in time for a lost connection: while a Redis hangs,
 * everything fails at once, instead of each command waiting for its own timeout.
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

/** Not where it was this process that did not listen: then the answer may lie there unread. */
function unlessAnswered(answer: Promise<unknown>, withinMs: number, onLate: () => void): void {
  let timer: ReturnType<typeof setTimeout>;
  const wait = () => {
    const dueMs = performance.now() + withinMs;
    timer = setTimeout(() => {
      const lateMs = performance.now() - dueMs;
      if (lateMs > withinMs / LATE_SHARE) wait();
      else onLate();
    }, withinMs);
  };
  wait();
  const stop = () => clearTimeout(timer);
  answer.then(stop, stop);
}
