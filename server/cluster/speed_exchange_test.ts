/** What gateways share of nodes' speeds. */

import { beforeEach, expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { NodeSpeed } from "../schedule/policy/node_speed.ts";
import type { Policies, SharedSpeed } from "../schedule/policy/policy.ts";
import { decodePeerMessage, encodePeerMessage, type PeerSpeed } from "./peer_message.ts";
import { SpeedExchange } from "./speed_exchange.ts";
import { TestNetwork } from "./testing/network.ts";
import { MAX_FRAME_BYTES } from "../../protocol/mod.ts";

const SERVICE = { model: "m", endpoint: Endpoint.chat };
/** Beats come once a second, and speeds every five. */
const SHARED_MS = 7_000;

let clock: FakeClock;
let measured: SharedSpeed[];
let adopted: SharedSpeed[];
let sent: { peer: string; speeds: PeerSpeed[] }[];
let exchange: SpeedExchange;

beforeEach(() => {
  clock = new FakeClock();
  [measured, adopted, sent] = [[], [], []];
  const policy = {
    cost: () => 0,
    measuredSince: (sinceMs: number) => measured.filter(({ measuredMs }) => measuredMs > sinceMs),
    adopt: (shared: SharedSpeed) => void adopted.push(shared),
  };
  const policies: Policies = Object.assign(() => policy, { all: [policy] });
  exchange = new SpeedExchange({
    clock,
    policies,
    peers: () => ["gw-1", "gw-2"],
    send(peer, message) {
      expect(encodePeerMessage(message).byteLength).toBeLessThan(MAX_FRAME_BYTES);
      if (message.is === "speeds") sent.push({ peer, speeds: message.speeds });
    },
  });
});

function speed(msPerToken = 20): NodeSpeed {
  const one = new NodeSpeed();
  one.learn({
    chars: 1_000,
    tokens: 100,
    claimedTokens: 100,
    running: 1,
    firstMs: 300,
    durationMs: 300 + 100 * msPerToken,
  });
  return one;
}

function measure(nodeKey: string, model = "m"): void {
  const measuredMs = clock.monotonic();
  const service = { ...SERVICE, model };
  measured.unshift({ nodeKey, service, measuredMs, speed: speed().record() });
}

test("what was measured since is shared with every peer, every five seconds and not again", async () => {
  await clock.pass(1_000);
  measure("a");
  for (let beats = 0; beats < 20; beats++) {
    await clock.pass(1_000);
    exchange.beat();
  }
  expect(sent.map(({ peer, speeds }) => [peer, speeds.map(({ node }) => node)]))
    .toEqual([["gw-1", ["a"]], ["gw-2", ["a"]]]);
});

test("one message has the 500 latest, and fits a frame however long the models' names are", async () => {
  await clock.pass(6_000);
  const name = '"'.repeat(100) + "模".repeat(100);
  for (let i = 0; i < 700; i++) measure(`${"k".repeat(60)}${i}`, name);
  exchange.beat();
  expect(sent.map(({ speeds }) => speeds.length)).toEqual([500, 500]);
  expect(sent[0]!.speeds[0]!.node).toEndWith("k699");
  exchange.peerLinked("gw-3");
  expect(sent.slice(2).map(({ peer, speeds }) => [peer, speeds.length]))
    .toEqual([["gw-3", 500], ["gw-3", 200]]);
});

test("a peer's speed is taken over as old as it is, and is then the same", async () => {
  await clock.pass(6_000);
  const measuredMs = clock.monotonic();
  measure("a");
  await clock.pass(2_000);
  exchange.beat();
  const message = { is: "speeds", speeds: sent[0]!.speeds } as const;
  const decoded = decodePeerMessage(encodePeerMessage(message));
  if (decoded.is !== "speeds") throw new Error("another message");
  exchange.receive(decoded.speeds);
  expect(adopted).toMatchObject([{ nodeKey: "a", service: SERVICE, measuredMs }]);
  for (const restored of [new NodeSpeed(), speed(80)]) {
    restored.adopt(adopted[0]!.speed);
    expect(restored.record()).toEqual(speed().record());
    expect(restored.typicalMs).toBe(speed().typicalMs);
    // As of a node whose answers came in one piece each.
    restored.adopt({ ...adopted[0]!.speed, fit: null });
    expect(restored.record().fit).toBeNull();
    expect(restored.readMs(1_000)).toBe(0);
  }
});

test("what is no speed is left out, and the others of the message are taken", () => {
  const record = speed().record();
  const valid = { node: "good", ...SERVICE, age_ms: 0, speed: record };
  const wrong: unknown[] = [
    { ...valid, speed: { ...record, ms_per_token: -1 } },
    { ...valid, speed: { ...record, ms_per_token: "20" } },
    { ...valid, speed: { ...record, hit_rate: 2 } },
    { ...valid, speed: { ...record, fit: [1, 2] } },
    { ...valid, speed: { ...record, slowdowns: [1e300] } },
    { ...valid, speed: { ...record, slowdowns: undefined } },
    { ...valid, speed: null },
    { ...valid, age_ms: -5 },
    { ...valid, node: 7 },
    { ...valid, model: {} },
    { ...valid, endpoint: undefined },
    null,
  ];
  exchange.receive([...wrong, valid] as PeerSpeed[]);
  expect(adopted.map(({ nodeKey }) => nodeKey)).toEqual(["good"]);
  exchange.receive({} as PeerSpeed[]);
});

test("a node that moves is known by its speed where it comes to", async () => {
  const network = new TestNetwork();
  const one = await network.add({ policy: "auto" });
  const { leave } = one.node("mover");
  await one.answered(50);
  const other = await network.add({ policy: "auto" });
  const knows = () => {
    const node = other.find("mover");
    return node === undefined ? null : other.policies("m").speedOf!(node, SERVICE);
  };
  await network.clock.pass(SHARED_MS);
  leave();
  other.node("mover");
  await network.clock.pass(SHARED_MS);
  expect(knows()!.msPerToken(1)).toBeCloseTo(50);
  expect(knows()!.isAdopted).toBe(true);
  // What was measured elsewhere is not passed on as one's own.
  const third = await network.add({ policy: "auto" });
  await network.clock.pass(SHARED_MS);
  const mover = third.find("mover")!;
  expect(third.policies("m").speedOf!(mover, SERVICE)!.isAdopted).toBe(true);
});

test("what a gateway has measured itself counts before what another one has, for a minute longer", async () => {
  const network = new TestNetwork();
  const one = await network.add({ policy: "auto" });
  const other = await network.add({ policy: "auto" });
  one.node("n");
  await network.clock.pass(200);
  await other.answered(20);
  await one.answered(80);
  const at = (gateway: typeof one) =>
    gateway.policies("m").speedOf!(gateway.find("n")!, SERVICE)!.msPerToken(1);
  await network.clock.pass(SHARED_MS);
  expect([at(one), at(other)]).toEqual([80, 20]);
  await network.clock.pass(61_000);
  await one.answered(80);
  await network.clock.pass(SHARED_MS);
  expect(at(other)).toBeCloseTo(80);
});
