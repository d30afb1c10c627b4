/** A connection to Redis in any of its forms: one server, a group under Sentinel, or a Redis Cluster. */

import { Cluster, type Command, Redis, type RedisOptions } from "ioredis";

export type RedisClient = Redis | Cluster;

const DEFAULT_PORTS: Readonly<Record<string, number>> = { "sentinel": 26379 };
const DEFAULT_PORT = 6379;

const MAX_RECONNECT_DELAY_MS = 1000;
/** A Redis that is there but does not answer is given up for this command after so long. */
const COMMAND_TIMEOUT_MS = 250;
const CONNECT_TIMEOUT_MS = 2000;

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
    ...(commandTimeoutMs > 0 ? { commandTimeout: commandTimeoutMs } : {}),
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
    cluster.on("+node", (node: Redis) => makeImpatient(node));
    return cluster;
  }
  const where: RedisOptions = kind === "sentinel"
    ? { sentinels: hosts, name: path, sentinelRetryStrategy: retryStrategy }
    : { ...hosts[0], db: Number(path) || 0 };
  const redis = new Redis({ ...common, ...where, retryStrategy });
  makeImpatient(redis);
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
 * Takes a command that timed out for a lost connection: while a Redis hangs, everything fails at
 * once, instead of each command waiting for its own timeout.
 */
function makeImpatient(redis: Redis): void {
  const send = redis.sendCommand.bind(redis);
  redis.sendCommand = (...args: Parameters<Redis["sendCommand"]>) => {
    const sent = send(...args);
    (args[0] as Command).promise.catch((error: Error) => {
      if (error.message === "Command timed out" && redis.status === "ready") redis.stream.destroy();
    });
    return sent;
  };
}
