/** What it costs that a call's node is at another gateway: real gateways, PostgreSQL and Redis on this machine. */

import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort } from "../../free_port.ts";
import { startPostgres } from "../../testing/postgres.ts";
import { startRedis } from "../../testing/redis.ts";
import { chatBody, RELAYED_MODEL } from "../chat.ts";
import { Crowd } from "../crowd.ts";
import { type Gateway, startGateway, startServer, untilNodes } from "../gateway.ts";
import { HttpSocket } from "../http_socket.ts";
import { metered } from "../meter.ts";
import { startNode } from "../node.ts";
import type { ServerProcess } from "../server_process.ts";
import type { Bench } from "../stage.ts";
import { quantile } from "../statistics.ts";
import { connectAll, loadWithStreams } from "../stream_load.ts";
import { requestBytes, type Target } from "../target.ts";
import { timedCall } from "../timed_call.ts";

/** One line of the table. */
export interface Finding {
  what: string;
  value: string;
  goal: string;
}

const NODES = 10_000;
const CALLERS = 16;

/** Each of the nodes is looked at once when it is new. */
const WARM_UP_MS = 6_000;
const SECRET = "0123456789abcdef".repeat(4);

interface Network {
  gateways: Gateway[];
  redis: Redis;
  /** What the gateways keep busy, by name. */
  watched: Record<string, number>;
  stop(): Promise<void>;
}

/** Measures all of it; every figure on gateways of its own. */
export async function measureCluster(bench: Bench): Promise<Finding[]> {
  return [...await chunkAndFirstToken(bench), ...await callsAmongPeers(bench)];
}

async function startNetwork(bench: Bench, count: number): Promise<Network> {
  const [postgres, server] = await Promise.all([startPostgres(), startRedis()]);
  const folder = join(bench.folder, `network-${crypto.randomUUID()}`);
  const env = { DATABASE_URL: postgres.url, REDIS_URL: server.url, JWT_SECRET: SECRET };
  const { cores } = bench;
  const first = await startGateway({
    folder: join(folder, "0"),
    cores: cores.measured,
    env,
  });
  const gateways = [first];
  for (let i = 1; i < count; i++) {
    const port = freePort();
    const options = { folder: join(folder, String(i)), cores: cores.measured, env };
    const process = await startServer(options, port);
    const address = { url: `http://127.0.0.1:${port}`, wsUrl: `ws://127.0.0.1:${port}/ws` };
    gateways.push({ ...first, ...address, port, process });
  }
  for (const { url } of gateways) await reaches(url, count);
  const redis = new Redis(server.url);
  return {
    gateways,
    redis,
    watched: Object.fromEntries(gateways.map(({ process }, i) => [`gateway ${i}`, process.pid])),
    async stop() {
      redis.disconnect();
      for (const { process } of gateways) await process.stop();
      await Promise.all([postgres.stop(), server.stop()]);
    },
  };
}

/** Resolves once as many gateways are linked with the one at `url`, itself counted. */
export async function reaches(url: string, count: number): Promise<void> {
  for (;;) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    if (metrics.includes(`colink_cluster_gateways_reachable ${count}\n`)) return;
    await Bun.sleep(50);
  }
}

/** One node, at the first gateway: called there, and by way of the second. */
async function chunkAndFirstToken(bench: Bench): Promise<Finding[]> {
  const network = await startNetwork(bench, 2);
  const [near, far] = network.gateways as [Gateway, Gateway];
  const node: ServerProcess = await startNode(
    near,
    bench.upstream.port,
    join(bench.folder, "node"),
  );
  await untilNodes(far.url, (nodes) => nodes === 1);
  const costs = { near: [] as number[], far: [] as number[] };
  for (let round = 0; round <= bench.size.rounds; round++) {
    for (const [name, target] of [["near", near], ["far", far]] as const) {
      const cost = await chunkCost(bench, network, target);
      // The first round warms everything up.
      if (round > 0) costs[name].push(cost);
    }
  }
  const times = await firstTokens(bench, near, far);
  await node.stop();
  await network.stop();
  const [chunkNear, chunkFar] = [quantile(costs.near, 0.5), quantile(costs.far, 0.5)];
  const added = quantile(times.far, 0.5) - quantile(times.near, 0.5);
  return [
    {
      what: "CPU of a paced chunk through one gateway",
      value: `${chunkNear.toFixed(1)} µs`,
      goal: "",
    },
    {
      what: "CPU of a paced chunk through two, both together",
      value: `${chunkFar.toFixed(1)} µs, ${(chunkFar / chunkNear).toFixed(2)} ×`,
      goal: "≤ 1.8 ×",
    },
    { what: "Added time to first token, p50", value: `${added.toFixed(2)} ms`, goal: "≤ 1 ms" },
  ];
}

/** µs of all gateways together. */
async function chunkCost(bench: Bench, { watched }: Network, target: Target): Promise<number> {
  const paceMs = 10;
  const chunks = bench.size.loadSeconds * 1000 / paceMs;
  const { result, cpuMs } = await metered(
    watched,
    () =>
      loadWithStreams({
        target,
        model: RELAYED_MODEL,
        streams: 50,
        streaming: { chunks, paceMs },
      }),
  );
  if (result.broken > 0) throw new Error(`${result.broken} streams were not whole`);
  return Object.values(cpuMs).reduce((sum, ms) => sum + ms, 0) * 1000 / result.chunks;
}

async function firstTokens(bench: Bench, near: Target, far: Target) {
  const body = chatBody({ model: RELAYED_MODEL, streaming: { chunks: 3, paceMs: 1 } });
  const times = { near: [] as number[], far: [] as number[] };
  const sockets = {
    near: await HttpSocket.connect(near.port),
    far: await HttpSocket.connect(far.port),
  };
  for (let i = 0; i < bench.size.timedCalls; i++) {
    for (const [name, target] of [["near", near], ["far", far]] as const) {
      const request = requestBytes(target, body);
      times[name].push((await timedCall(sockets[name], request, true)).firstMs);
    }
  }
  sockets.near.close();
  sockets.far.close();
  return times;
}

/** 10,000 nodes among two, three and four gateways; calls come to the first. */
async function callsAmongPeers(bench: Bench): Promise<Finding[]> {
  const findings: Finding[] = [];
  const costs: number[] = [];
  for (const peers of [1, 2, 3]) {
    const network = await startNetwork(bench, peers + 1);
    const emptyBytes = await usedMemory(network.redis);
    const crowds: Crowd[] = [];
    const each = Math.floor(NODES / network.gateways.length);
    for (const gateway of network.gateways) {
      const known = each * crowds.length;
      await untilNodes(gateway.url, (nodes) => nodes === known);
      const crowd = new Crowd(gateway);
      crowds.push(crowd);
      await crowd.grow("crowd", each);
    }
    const total = each * network.gateways.length;
    await untilNodes(network.gateways[0]!.url, (nodes) => nodes === total);
    const perNode = (await usedMemory(network.redis) - emptyBytes) / total;
    await callRepeatedly(network.gateways[0]!, WARM_UP_MS);
    const before = await operations(network.redis);
    const { result: calls, cpuMs } = await metered(
      network.watched,
      () => callRepeatedly(network.gateways[0]!, bench.size.loadSeconds * 4_000),
    );
    const perCall = (await operations(network.redis) - before) / calls;
    const cpu = (cpuMs["gateway 0"] ?? 0) * 1000 / calls;
    costs.push(cpu);
    findings.push({
      what: `CPU per call of a gateway with ${peers} peers and ${total} nodes`,
      value: `${cpu.toFixed(0)} µs, ${(cpu / costs[0]!).toFixed(2)} ×`,
      goal: "flat within 10 %",
    });
    if (peers === 3) {
      findings.push(
        { what: "Redis operations per call", value: perCall.toFixed(2), goal: "≤ 2" },
        {
          what: "Redis memory per node",
          value: `${(perNode / 1024).toFixed(2)} KiB`,
          goal: "≤ 1 KiB",
        },
      );
    }
    await network.stop();
    for (const crowd of crowds) process.kill(crowd.pid);
  }
  return findings;
}

/** Calls that do not stream, as many as go; resolves with how many. */
async function callRepeatedly(target: Target, forMs: number): Promise<number> {
  const request = requestBytes(target, chatBody({ model: "crowd", streaming: null }));
  const untilMs = performance.now() + forMs;
  let calls = 0;
  const sockets = await connectAll(target, CALLERS);
  await Promise.all(sockets.map(async (socket) => {
    for (; performance.now() < untilMs; calls++) await timedCall(socket, request, false);
  }));
  sockets.forEach((socket) => socket.close());
  return calls;
}

async function usedMemory(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1]);
}

/** What gateways send; what a script does inside of Redis is part of its one operation. */
const SENT = /cmdstat_(?:evalsha|publish|spublish|hscan|hgetall|hdel):calls=(\d+)/g;

async function operations(redis: Redis): Promise<number> {
  const info = await redis.info("commandstats");
  return [...info.matchAll(SENT)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}
