/**
 * How a network grows: real gateways' scheduler, hub and cluster under a fake clock, among as many
 * others as there are to be, which are only what they have published. A program of its own:
 * `bun scripts/bench/cluster/growth.ts GATEWAYS NODES` prints one line of JSON.
 */

import { createPolicies } from "../../../server/schedule/policy/registry.ts";
import { Call } from "../../../server/schedule/call.ts";
import { ResponseAffinity } from "../../../server/call/response_affinity.ts";
import { Scheduler } from "../../../server/schedule/scheduler.ts";
import { FakeClock } from "../../../server/base/testing/fake_clock.ts";
import { Cluster } from "../../../server/cluster/cluster.ts";
import { Handshake } from "../../../server/cluster/handshake.ts";
import { recordOf } from "../../../server/cluster/node_record.ts";
import { encodePeerMessage } from "../../../server/cluster/peer_message.ts";
import type { DialListener } from "../../../server/cluster/peers.ts";
import { MemoryRedis } from "../../../server/cluster/testing/memory_redis.ts";
import { silentLog } from "../../../server/base/log.ts";
import { Hub } from "../../../server/node/hub.ts";
import { Node } from "../../../server/node/node.ts";
import { PenaltyBook } from "../../../server/node/penalty.ts";
import type { Socket } from "../../../server/node/link.ts";
import { ReceivedBody } from "../../../server/node/body.ts";

export interface Growth {
  gateways: number;
  nodes: number;
  /** Of one gateway, for all nodes. */
  memoryMb: number;
  /** With a lease and its release, on nodes anywhere. */
  choiceUs: number;
  /** From a node's arrival at one gateway to its being offered at another. */
  knownAfterMs: number;
  /** What one gateway reads from Redis a second for signs of life. */
  beatKbPerSecond: number;
  /** What it reads when every node reconnects once an hour. */
  changeKbPerSecond: number;
  /** What it says to its peers of its nodes' loads, and how often, at this many calls a second. */
  loadKbPerSecond: number;
  loadMessagesPerSecond: number;
  loadCpuPercent: number;
}

const SECRET = "s".repeat(32);
const MODELS = 60;
const CALLS_PER_SECOND = 200;
const CHOICES = 20_000;
const WARM_UPS = 20;
const INBOUND = {
  maxBodyBytes: 1,
  maxFrameBytes: 1,
  maxBufferedBytes: 1 << 20,
  cancelGraceMs: 1_000,
};

const sent = { messages: 0, bytes: 0 };

function gateway(redis: MemoryRedis, clock: FakeClock) {
  const hub = new Hub();
  const penalties = new PenaltyBook(clock, { penaltyMs: 60_000, penaltyMaxMs: 600_000 });
  const policies = createPolicies({ policy: "least-busy", policies: new Map() }, {
    hub,
    clock,
    seed: 1n,
  });
  const cluster = new Cluster({
    openBus: (listener) => redis.openBus(listener),
    hub,
    penalties,
    responseAffinity: new ResponseAffinity(clock),
    policies,
    clock,
    log: silentLog,
    version: "1",
    secret: SECRET,
    url: () => "http://10.0.0.1:8080",
    challenge: () => {},
    startedAs: () => {},
    move: () => false,
    dial: (url, headers, listener) => silentPeer(url, Object.values(headers)[0] ?? "", listener),
  }, INBOUND);
  const remoteWaiters = cluster.offers;
  const scheduler = new Scheduler(
    { hub, penalties, policies, clock, log: silentLog, remoteWaiters },
    { queuePerModel: 100, queuePerAccount: 100, queueWaitMs: 60_000 },
  );
  cluster.attach(scheduler);
  return { hub, cluster, scheduler };
}

/** Answers as a gateway does that has been dialled, and listens. */
function silentPeer(url: string, header: string, listener: DialListener): Socket {
  const peer = header.split(" ")[1] ?? "";
  queueMicrotask(() => {
    const admitted = new Handshake(SECRET, peer, () => urlOf(url)).admit(header);
    if (admitted === null) throw new Error("the peer is not let in");
    listener.message(encodePeerMessage({ is: "hello", ...admitted.proof }));
  });
  return {
    send(message) {
      sent.messages++;
      sent.bytes += message.length;
      return message.length;
    },
    ping: (text = "") => listener.pong(text),
    close: () => {},
    terminate: () => {},
    getBufferedAmount: () => 0,
  };
}

/** As the peer publishes it. */
function urlOf(dialled: string): string {
  return dialled.replace(/^ws/, "http").replace(/\/cluster$/, "");
}

function node(id: string, n: number): Node {
  const models = [0, 7, 19].map((step) => `model-${(n + step) % MODELS}`);
  const who = {
    publicId: id,
    nodeKey: `${id}-key/${id}-node-identity`,
    accountId: `account-${n}`,
    keyId: `key-${n}`,
  };
  const offer = { name: `node-${n}`, agent: "co-link/1.0.0", maxParallel: 4, models };
  const connection = { start: () => null, close: () => {} };
  return new Node(who, offer, connection, 1);
}

async function measure(gateways: number, nodes: number): Promise<Growth> {
  const clock = new FakeClock();
  const redis = new MemoryRedis(clock);
  const each = Math.floor(nodes / gateways);
  const one = gateway(redis, clock);
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  for (let g = 0; g < gateways - 1; g++) {
    // Dialled by the real ones, whose ids come later in the alphabet.
    const id = `gw-!${String(g).padStart(15, "0")}`;
    const url = `http://10.0.${g}.1:8080`;
    const presence = { id, url, version: "1", seq: 1, isDraining: false, nodes: each };
    const records = Array.from({ length: each }, (_, i) => {
      return recordOf(node(`node-${String(g * each + i).padStart(24, "0")}`, g * each + i), 1);
    });
    redis.place(presence, records);
  }
  await started(one.cluster, clock);
  for (let i = 0; i < each; i++) one.hub.add(node(`own-${String(i).padStart(24, "0")}`, i));
  await clock.pass(3_000);
  // What lies there is Redis', not the gateway's.
  redis.clearNodes();
  Bun.gc(true);
  const memoryMb = (process.memoryUsage.rss() - before) / 2 ** 20;

  const other = gateway(redis, clock);
  await started(other.cluster, clock);
  const publishedBefore = redis.publishedBytes;
  const newcomer = node("newcomer", 1);
  // Of two that only seem to be dialled, one has reached the other: that one looks.
  const [host, looker] = one.cluster.id < other.cluster.id ? [one, other] : [other, one];
  host.hub.add(newcomer);
  let knownAfterMs = 0;
  while (looker.hub.find(newcomer.who.nodeKey) === undefined && knownAfterMs < 10_000) {
    await clock.pass(1);
    knownAfterMs++;
  }
  const changeBytes = redis.publishedBytes - publishedBefore;

  redis.beats = redis.beatBytes = 0;
  await clock.pass(10_000);
  const beatKbPerSecond = redis.beatBytes / redis.beats / 1024;

  const choiceUs = costOfChoice(one.scheduler, clock);
  const load = await costOfLoads(one, clock);
  return {
    gateways,
    nodes: one.hub.size,
    memoryMb: Math.round(memoryMb),
    choiceUs,
    knownAfterMs,
    beatKbPerSecond: round(beatKbPerSecond),
    changeKbPerSecond: round(changeBytes * nodes * 2 / 3_600 / 1024),
    ...load,
  };
}

async function started(cluster: Cluster, clock: FakeClock): Promise<void> {
  const hasStarted = cluster.start();
  await clock.pass(3_000);
  await hasStarted;
}

function callOf(n: number, clock: FakeClock): Call {
  const model = `model-${n % MODELS}`;
  const body = new ReceivedBody(new Uint8Array());
  return new Call(
    {
      id: `req-${n}`,
      accountId: "account",
      keyId: "key",
      endpoint: "/v1/chat/completions",
      model,
      stream: false,
      wantsUsage: false,
      streamOptions: null,
      choices: 1,
      route: "any",
      wantsPosition: false,
      headers: null,
      requiredNode: null,
      sessionHint: null,
      body,
    },
    clock.monotonic(),
    clock.now(),
  );
}

function costOfChoice(scheduler: Scheduler, clock: FakeClock): number {
  const leaseRequest = { tried: new Set<string>(), isRetry: false };
  const calls = Array.from({ length: CHOICES }, (_, i) => callOf(i, clock));
  const choose = () => {
    for (const call of calls) {
      const lease = scheduler.lease(call, leaseRequest);
      if (lease instanceof Promise) throw new Error("no slot was free");
      lease.release();
    }
  };
  // Each node is looked at once when it is new: that is the price of its coming, not of a call.
  for (let i = 0; i < WARM_UPS; i++) choose();
  const before = process.cpuUsage();
  for (let i = 0; i < WARM_UPS; i++) choose();
  return round(process.cpuUsage(before).user / CHOICES / WARM_UPS);
}

/** A second in which calls begin on the gateway's own nodes and others end. */
async function costOfLoads({ hub, scheduler }: ReturnType<typeof gateway>, clock: FakeClock) {
  const own = [...hub.nodes()].filter((one) => one.gateway === null);
  const before = { ...sent };
  let cpuMs = 0;
  const leases = [];
  for (let i = 0; i < CALLS_PER_SECOND; i++) {
    const chosen = own[i % own.length]!;
    const model = chosen.offer.models[0]!;
    const lease = scheduler.leaseLocal(chosen, { model, endpoint: "/v1/chat/completions" });
    if (lease) leases.push(lease);
    if (i >= 10) leases[i - 10]?.release();
    const used = process.cpuUsage();
    await clock.pass(1_000 / CALLS_PER_SECOND);
    cpuMs += process.cpuUsage(used).user / 1_000;
  }
  return {
    loadKbPerSecond: round((sent.bytes - before.bytes) / 1024),
    loadMessagesPerSecond: sent.messages - before.messages,
    loadCpuPercent: round(cpuMs / 10),
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

if (import.meta.main) {
  const [gateways = 3, nodes = 10_000] = process.argv.slice(2).map(Number);
  console.log(JSON.stringify(await measure(gateways, nodes)));
  process.exit(0);
}
