/** Redis servers of a test's own, in the forms that operators run them in. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort } from "../../../scripts/free_port.ts";

export interface TestRedis {
  readonly url: string;
  stop(): Promise<void>;
}

/** One server with a Sentinel that watches it. */
export async function startSentinel(): Promise<TestRedis> {
  const server = await startServer([]);
  const folder = mkdtempSync(join(tmpdir(), "colink-sentinel-"));
  const config = join(folder, "sentinel.conf");
  writeFileSync(config, `sentinel monitor main 127.0.0.1 ${server.port} 1\n`);
  const sentinel = await startServer(["--sentinel"], config);
  return {
    url: `redis-sentinel://127.0.0.1:${sentinel.port}/main`,
    async stop() {
      await Promise.all([server.stop(), sentinel.stop()]);
      rmSync(folder, { recursive: true });
    },
  };
}

/** A Redis Cluster of three servers. */
export async function startRedisCluster(): Promise<TestRedis> {
  const options = ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"];
  const servers = await Promise.all([0, 1, 2].map(() => startServer(options)));
  const clients = servers.map(({ port }) => new Redis(port, "127.0.0.1"));
  const slots = [[0, 5460], [5461, 10922], [10923, 16383]] as const;
  for (const [i, client] of clients.entries()) {
    const [from, to] = slots[i]!;
    await client.call("CLUSTER", "ADDSLOTSRANGE", from, to);
    await client.call("CLUSTER", "MEET", "127.0.0.1", servers[0]!.port);
  }
  for (const client of clients) {
    while (!/cluster_state:ok/.test(String(await client.cluster("INFO")))) await Bun.sleep(20);
    while (!/cluster_known_nodes:3/.test(String(await client.cluster("INFO")))) await Bun.sleep(20);
    client.disconnect();
  }
  return {
    url: `redis-cluster://${servers.map(({ port }) => `127.0.0.1:${port}`).join(",")}`,
    stop: async () => void await Promise.all(servers.map((server) => server.stop())),
  };
}

async function startServer(options: readonly string[], config?: string) {
  const folder = mkdtempSync(join(tmpdir(), "colink-redis-"));
  const port = freePort();
  const process = Bun.spawn([
    "redis-server",
    ...config === undefined ? [] : [config],
    ...["--port", String(port), "--bind", "127.0.0.1", "--dir", folder],
    ...config === undefined ? ["--save", ""] : [],
    ...options,
  ], { stdout: "ignore", stderr: "ignore" });
  const probe = new Redis({ port, maxRetriesPerRequest: null, retryStrategy: () => 20 });
  probe.on("error", () => {});
  await probe.ping();
  probe.disconnect();
  return {
    port,
    async stop() {
      process.kill("SIGKILL");
      await process.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
