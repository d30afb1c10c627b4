/** The options of clients that never connect: what each form of URL asks for. */

import { expect, test } from "bun:test";
import type { Cluster, Redis } from "ioredis";
import { isCluster, openRedis } from "./redis_client.ts";

const optionsOf = (url: string) => (openRedis(url) as Redis).options;

test("a lost connection is tried again soon, then at longer and longer intervals, up to a second", () => {
  const ofAll = [
    optionsOf("redis://h").retryStrategy,
    optionsOf("redis-sentinel://h/group").sentinelRetryStrategy,
    (openRedis("redis-cluster://h") as Cluster).options.clusterRetryStrategy,
  ];
  for (const retryStrategy of ofAll) {
    const delays = [1, 2, 10, 11, 1000].map((times) => retryStrategy?.(times));
    expect(delays).toEqual([100, 200, 1000, 1000, 1000]);
  }
});

test("a group is asked for at its Sentinels, which speak TLS where it does", () => {
  expect(isCluster(openRedis("redis-sentinel://one,two/group"))).toBe(false);
  const plain = optionsOf("redis-sentinel://user:pw@one,two:7/group");
  expect(plain).toMatchObject({
    sentinels: [{ host: "one", port: 26_379 }, { host: "two", port: 7 }],
    name: "group",
    username: "user",
    password: "pw",
    enableTLSForSentinelMode: false,
  });
  expect(plain.sentinelTLS).toBeUndefined();
  const secure = optionsOf("rediss-sentinel://one/group");
  expect(secure).toMatchObject({ enableTLSForSentinelMode: true, sentinelTLS: {}, tls: {} });
});

test("a cluster is a client of its own kind, with a single server's account", () => {
  const cluster = openRedis("redis-cluster://user:pw@one,two");
  expect(isCluster(cluster)).toBe(true);
  // Messages of the gateways do not go through every server.
  expect((cluster as Cluster).options).toMatchObject({ shardedSubscribers: true });
  expect((cluster as Cluster).options.redisOptions)
    .toMatchObject({ username: "user", password: "pw", enableOfflineQueue: false });
});

test("the account of the Sentinels is not that of the group", () => {
  const url = "redis-sentinel://one/group?sentinel_username=s&sentinel_password=of-s";
  expect(optionsOf(url)).toMatchObject({ sentinelUsername: "s", sentinelPassword: "of-s" });
  expect(optionsOf(url).password).not.toBe("of-s");
});
