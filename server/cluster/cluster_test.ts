/** Several gateways as one network: what each knows of the others' nodes, and what becomes of calls between them. */

import { describe, expect, test } from "bun:test";
import { type Clock, HOUR_MS } from "../base/clock.ts";
import { silentLog } from "../base/log.ts";
import { Calls } from "../call/calls.ts";
import { Relay } from "../call/relay.ts";
import { KeptAnswer } from "../call/testing/world.ts";
import { PEER_HEADER } from "./handshake.ts";
import { SETTLED_MS, startOn, type TestGateway, TestNetwork } from "./testing/network.ts";

/** More than any change takes to be known everywhere. */
const KNOWN_MS = 200;
const SILENCE_MS = 7_000;
const LEASE_MS = 5_000;

async function startTwo(...options: Parameters<TestNetwork["add"]>) {
  const network = new TestNetwork();
  const one = await network.add(...options);
  const other = await network.add();
  return { network, clock: network.clock, one, other };
}

/** Runs a streamed call of a caller at the gateway. */
function runAt(gateway: TestGateway, clock: Clock) {
  const { scheduler, affinity } = gateway;
  const relay = new Relay({
    scheduler,
    responseAffinity: affinity,
    calls: new Calls(clock, 600_000),
    clock,
    log: silentLog,
    ledger: { record() {}, recordProvisional() {} },
    nonce: () => crypto.randomUUID(),
  }, {
    keepAliveMs: 5_000,
    firstTokenMs: 20_000,
    idleMs: 10_000,
    cancelGraceMs: 5_000,
    maxRetries: 3,
    maxAnswerBytes: 4_000,
    heldAnswerBytes: 1_000,
    heldNodeBytes: 2_000,
  });
  const answer = new KeptAnswer();
  return { answer, done: relay.run(gateway.call(), answer) };
}

/** Connects a node that everybody knows when this resolves. */
async function join(network: TestNetwork, at: TestGateway, name: string, maxParallel = 1) {
  const joined = at.node(name, maxParallel);
  await network.clock.pass(KNOWN_MS);
  return joined;
}

describe("a node of another gateway", () => {
  test("is offered soon after it has connected, and no more once it has left", async () => {
    const { network, clock, one, other } = await startTwo();
    const { leave } = await join(network, other, "far", 3);
    expect(one.remoteNodes()).toEqual(["far"]);
    expect(one.find("far")?.offer.maxParallel).toBe(3);
    expect(one.cluster.view().remoteNodes).toBe(1);
    expect(other.remoteNodes()).toEqual([]);
    leave();
    await clock.pass(KNOWN_MS);
    expect(one.remoteNodes()).toEqual([]);
  });

  test("is offered to a gateway that starts later, once that has met its gateway", async () => {
    const { network, other } = await startTwo();
    await join(network, other, "far");
    const third = await network.add();
    expect(third.remoteNodes()).toEqual(["far"]);
  });

  test("changes what it offers without being another node", async () => {
    const { network, clock, one, other } = await startTwo();
    const { node } = await join(network, other, "far");
    const before = one.find("far");
    other.hub.update(node, { ...node.offer, models: ["m", "n"], maxParallel: 4 }, true);
    await clock.pass(KNOWN_MS);
    expect(one.find("far")).toBe(before!);
    expect(before?.isDraining).toBe(true);
    expect(before?.offer).toMatchObject({ models: ["m", "n"], maxParallel: 4 });
  });

  test("is published again only when something about it has changed", async () => {
    const { network, clock, other } = await startTwo();
    const { node } = await join(network, other, "far");
    const before = network.redis.published;
    other.hub.ease(node);
    other.hub.update(node, { ...node.offer });
    await clock.pass(KNOWN_MS);
    expect(network.redis.published).toBe(before);
    other.hub.update(node, node.offer, true);
    await clock.pass(KNOWN_MS);
    expect(network.redis.published).toBe(before + 1);
  });

  test("answers calls from here, and its slot is free again everywhere", async () => {
    const { network, clock, one, other } = await startTwo();
    const { received, node } = await join(network, other, "far");
    const lease = await one.lease();
    const { got } = startOn(lease.node, "the body");
    await clock.pass(KNOWN_MS);
    expect(node.active).toBe(1);
    expect(received[0]?.order.body.text).toBe("the body");
    received[0]?.sink.head({});
    received[0]?.sink.data("hello");
    received[0]?.sink.finish();
    lease.release();
    await clock.pass(KNOWN_MS);
    expect(got).toMatchObject({ text: "hello", hasFinished: true });
    expect([node.active, one.find("far")?.active]).toEqual([0, 0]);
    // Counted where the call came in.
    expect([one, other].map(({ cluster }) => cluster.view().attemptsAway)).toEqual([1, 0]);
  });

  test("is asked to stop when the caller here is gone, and keeps its slot until it has", async () => {
    const { network, clock, one, other } = await startTwo();
    const { received, node } = await join(network, other, "far");
    const { running, got } = startOn((await one.lease()).node);
    await clock.pass(KNOWN_MS);
    running?.cancel();
    await clock.pass(KNOWN_MS);
    expect(received[0]?.isCancelled).toBe(true);
    expect(node.active).toBe(1);
    received[0]?.error(499, "stopped");
    await clock.pass(KNOWN_MS);
    expect(node.active).toBe(0);
    expect(got.failure).toMatchObject({ kind: "refused", error: { code: 499 } });
  });

  test("answers BUSY to the later of two gateways that take its last slot at once", async () => {
    const { network, clock, one, other } = await startTwo();
    const third = await network.add();
    const { received } = await join(network, other, "far");
    const attempts = [one, third].map(async (gateway) => startOn((await gateway.lease()).node).got);
    const results = await Promise.all(attempts);
    await clock.pass(KNOWN_MS);
    expect(received).toHaveLength(1);
    const failures = results.map(({ failure }) => failure).filter((failure) => failure !== null);
    expect(failures).toMatchObject([{ kind: "refused", error: { code: 503 } }]);
    expect(JSON.stringify(failures)).toContain("BUSY");
  });

  test("shows calls of its own gateway as load, and its slot goes to a call that waits here", async () => {
    const { network, clock, one, other } = await startTwo();
    const { node, received } = await join(network, other, "far");
    const own = await other.lease();
    await clock.pass(KNOWN_MS);
    expect(one.find("far")?.active).toBe(1);
    const waiting = Promise.resolve(one.lease());
    await clock.pass(KNOWN_MS);
    expect(other.cluster.view().waitingElsewhere).toBe(1);
    own.release();
    await clock.pass(KNOWN_MS);
    const lease = await waiting;
    expect(lease.node).toBe(one.find("far")!);
    startOn(lease.node);
    await clock.pass(KNOWN_MS);
    expect(received).toHaveLength(1);
    expect(node.active).toBe(1);
    expect(other.cluster.view().waitingElsewhere).toBe(0);
  });

  test("serves the longest wait first, whatever the clocks of the gateways say", async () => {
    const { network, clock, one, other } = await startTwo({ clockAheadMs: HOUR_MS });
    const { node } = await join(network, other, "far");
    const own = await other.lease();
    await clock.pass(KNOWN_MS);
    const order: string[] = [];
    const wait = (gateway: TestGateway, who: string) =>
      void Promise.resolve(gateway.lease()).then((lease) => {
        order.push(who);
        if (gateway === other) lease.release();
        else {
          startOn(lease.node).running?.cancel();
          lease.release();
        }
      });
    wait(other, "first, there");
    await clock.pass(KNOWN_MS);
    wait(one, "second, here");
    await clock.pass(KNOWN_MS);
    wait(other, "third, there");
    await clock.pass(KNOWN_MS);
    own.release();
    await clock.pass(2 * SETTLED_MS);
    expect(order).toEqual(["first, there", "second, here", "third, there"]);
    expect(node.active).toBe(0);
  });

  test("whose slot was offered before it was known here is asked for again once it is", async () => {
    const { network, clock, one, other } = await startTwo();
    await join(network, one, "near");
    await one.lease();
    one.bus.isDeaf = true;
    const waiting = Promise.resolve(one.lease());
    await clock.pass(KNOWN_MS);
    const { node } = await join(network, other, "far");
    expect([node.active, one.remoteNodes()]).toEqual([0, []]);
    one.bus.isDeaf = false;
    one.bus.resubscribe();
    await clock.pass(20);
    expect((await waiting).node).toBe(one.find("far")!);
  });

  test("has everywhere the slots that it has earned by calls of any gateway, also at the next gateway", async () => {
    const { network, clock, one, other } = await startTwo();
    const { node, received, leave } = await join(network, other, "far", 20);
    for (let i = 0; i < 6; i++) {
      const lease = await one.lease();
      startOn(lease.node);
      await clock.pass(KNOWN_MS);
      received[i]?.sink.head({});
      received[i]?.sink.finish();
      lease.release();
      await clock.pass(KNOWN_MS);
    }
    expect([node.share, one.find("far")?.share]).toEqual([8, 8]);
    const third = await network.add();
    expect(third.find("far")?.share).toBe(8);
    const fault = { model: "m", code: "node_silent", reason: "it was silent" } as const;
    one.penalties.penalize(node.who.nodeKey, fault);
    await clock.pass(KNOWN_MS);
    expect([node, one.find("far"), third.find("far")].map((each) => each?.share))
      .toEqual([4, 4, 4]);
    leave();
    await clock.pass(KNOWN_MS);
    expect((await join(network, third, "far", 20)).node.share).toBe(4);
    expect(other.find("far")?.share).toBe(4);
  });

  test("whose link is lost gets no calls from here until it is back, and reports both to its call from here", async () => {
    const { network, clock, one, other } = await startTwo();
    const { node, received } = await join(network, other, "far", 2);
    const lease = await one.lease();
    const { got } = startOn(lease.node);
    await clock.pass(KNOWN_MS);
    other.hub.interrupted(node, 30_000);
    received[0]!.sink.suspended!();
    await clock.pass(KNOWN_MS);
    expect(got.link).toEqual(["suspended"]);
    expect(one.find("far")?.view([])).toMatchObject({ state: "reconnecting" });
    const third = await network.add();
    expect(third.find("far")?.reconnectsUntil).toBe(30_000);
    let hasSlot = false;
    const waiting = Promise.resolve(one.lease()).then((next) => {
      hasSlot = true;
      return next;
    });
    await clock.pass(KNOWN_MS);
    expect(hasSlot).toBe(false);

    other.hub.reconnected(node);
    received[0]!.sink.resumed!();
    await clock.pass(KNOWN_MS);
    expect((await waiting).node).toBe(lease.node);
    expect(got.link).toEqual(["suspended", "resumed"]);
    expect([one, third].map((each) => each.find("far")?.reconnectsUntil)).toEqual([null, null]);
    received[0]!.sink.data("on it goes");
    received[0]!.sink.finish();
    await clock.pass(KNOWN_MS);
    expect(got).toMatchObject({ text: "on it goes", hasFinished: true, failure: null });
    expect(received).toHaveLength(1);
  });

  describe("whose link is away", () => {
    /** A call from one gateway on a node of the other, whose link is lost. */
    async function suspended({ hasBegun = false } = {}) {
      const { network, clock, one, other } = await startTwo();
      const { node, received } = await join(network, other, "far", 2);
      const { answer, done } = runAt(one, clock);
      await clock.pass(KNOWN_MS);
      if (hasBegun) {
        received[0]!.sink.head({});
        received[0]!.sink.data(`data: {"choices":[{"delta":{"content":"a"}}]}\n\n`);
        await clock.pass(KNOWN_MS);
      }
      other.hub.interrupted(node, 30_000);
      received[0]!.sink.suspended!();
      await clock.pass(KNOWN_MS);
      return { network, clock, one, other, node, received, answer, done };
    }

    test("lets a call from here that has had nothing go to a node that becomes free, and no node is blamed", async () => {
      const { network, clock, one, other, received, answer, done } = await suspended();
      const near = await join(network, one, "near");
      await clock.pass(2_000);
      expect(received[0]!.isCancelled).toBe(true);
      expect(near.received).toHaveLength(1);
      near.received[0]!.sink.data(`data: {"choices":[{"delta":{"content":"b"}}]}\n\n`);
      near.received[0]!.sink.finish();
      await done;
      expect(answer.events.join("")).toContain(`"content":"b"`);
      for (const { penalties } of [one, other]) {
        expect(penalties.circuit("key/far", "m")).toBe("clear");
      }
    });

    test("keeps a stream from here, whatever is free elsewhere, for longer than a node may be silent", async () => {
      const { network, clock, one, other, node, received, answer, done } = await suspended({
        hasBegun: true,
      });
      const near = await join(network, one, "near");
      await clock.pass(25_000);
      expect([answer.error, received[0]!.isCancelled, near.received]).toEqual([null, false, []]);
      other.hub.reconnected(node);
      received[0]!.sink.resumed!();
      await clock.pass(9_000);
      received[0]!.sink.data(`data: {"choices":[{"delta":{"content":"b"}}]}\n\n`);
      received[0]!.sink.finish();
      await clock.pass(KNOWN_MS);
      await done;
      expect(answer.events.join("")).toMatch(/"a".*"b"/s);
      expect(answer.error).toBeNull();
    });
  });

  test("gets no calls by those who still hold it after it has left", async () => {
    const { network, clock, one, other } = await startTwo();
    const { leave } = await join(network, other, "far");
    const stale = one.find("far")!;
    leave();
    await clock.pass(KNOWN_MS);
    expect(startOn(stale).running).toBeNull();
  });

  test("is not leased for a slot that was offered on another node", async () => {
    const { network, clock, one, other } = await startTwo();
    const { node, received } = await join(network, other, "far");
    const second = await join(network, other, "second");
    const held = [await other.lease(), await other.lease()];
    await clock.pass(KNOWN_MS);
    void Promise.resolve(one.lease());
    await clock.pass(KNOWN_MS);
    held.find((lease) => lease.node === node)?.release();
    await clock.pass(KNOWN_MS);
    // The call goes to the node that is still busy, with the grant for the one that is free.
    const { got } = startOn(one.find("far")!);
    expect(got.failure).toBeNull();
    await clock.pass(KNOWN_MS);
    expect(received).toHaveLength(1);
    expect(second.received).toHaveLength(0);
  });
});

describe("a node that is connected to two gateways", () => {
  test("is served by each itself, and the gateway that had it first asks it which connection stands", async () => {
    const { network, clock, one, other } = await startTwo();
    await join(network, one, "both");
    await clock.pass(KNOWN_MS);
    const { node } = await join(network, other, "both");
    expect(other.find("both")).toBe(node);
    expect(one.find("both")?.gateway).toBeNull();
    expect(one.challenged.map(({ who }) => who.publicId)).toEqual(["both"]);
    expect(other.challenged).toEqual([]);
  });

  test("is asked by the one that had it first, also when that one's clock is far ahead", async () => {
    const { network, one, other } = await startTwo({ clockAheadMs: HOUR_MS });
    await join(network, one, "both");
    await join(network, other, "both");
    expect(one.challenged).toHaveLength(1);
    expect(other.challenged).toEqual([]);
  });

  test("stays offered by the one that keeps it when the other loses it", async () => {
    const { network, clock, one, other } = await startTwo();
    const first = await join(network, one, "both");
    const second = await join(network, other, "both");
    first.leave();
    await clock.pass(KNOWN_MS);
    expect(one.find("both")?.gateway).toBe(other.id);
    second.leave();
    await clock.pass(KNOWN_MS);
    expect(one.find("both")).toBeUndefined();
  });

  test("moves with its newest connection, seen from a third gateway", async () => {
    const { network, one, other } = await startTwo({ clockAheadMs: -HOUR_MS });
    const third = await network.add();
    await join(network, one, "both");
    expect(third.find("both")?.gateway).toBe(one.id);
    await join(network, other, "both");
    expect(third.find("both")?.gateway).toBe(other.id);
  });

  test("keeps the time of its connection while its offer changes, and gets another as it reconnects", async () => {
    const { network, clock, one, other } = await startTwo();
    const first = await join(network, one, "both");
    await join(network, other, "both");
    expect(one.challenged).toHaveLength(1);
    one.hub.update(first.node, { ...first.node.offer, models: ["m", "n"] });
    await clock.pass(KNOWN_MS);
    expect(other.challenged).toEqual([]);
    first.leave();
    await join(network, one, "both");
    expect(other.challenged).toHaveLength(1);
  });
});

describe("two gateways with a silent way between them", () => {
  test("offer none of each other's nodes, and end what ran over it", async () => {
    const { network, clock, one, other } = await startTwo();
    const { received, node } = await join(network, other, "far");
    const { got } = startOn((await one.lease()).node);
    await clock.pass(KNOWN_MS);
    network.silence(one, other);
    await clock.pass(SILENCE_MS);
    expect(got.failure).toMatchObject({ kind: "gateway lost" });
    expect(one.remoteNodes()).toEqual([]);
    expect(received[0]?.isCancelled).toBe(true);
    expect(one.cluster.view()).toMatchObject({ gateways: 2, reachable: 1, isRedisUp: true });
    await clock.pass(KNOWN_MS + 1_000);
    expect(node.active).toBe(0);
    expect(received[0]?.isForgotten).toBe(true);
  });

  test("find each other again, and know the loads that there are then", async () => {
    const { network, clock, one, other } = await startTwo();
    const { node } = await join(network, other, "far");
    const lease = await other.lease();
    await clock.pass(KNOWN_MS);
    expect(one.find("far")?.active).toBe(1);
    network.silence(one, other);
    await clock.pass(SILENCE_MS);
    lease.release();
    network.mend(one, other);
    await clock.pass(SETTLED_MS + 2_000);
    expect(node.active).toBe(0);
    expect(one.find("far")?.active).toBe(0);
    expect(one.cluster.view().reachable).toBe(2);
  });

  test("get the slots back that were offered across it", async () => {
    const { network, clock, one, other } = await startTwo();
    const { node } = await join(network, other, "far");
    const lease = await other.lease();
    await clock.pass(KNOWN_MS);
    void Promise.resolve(one.lease()).catch(() => {});
    await clock.pass(KNOWN_MS);
    network.silence(one, other);
    await clock.pass(SILENCE_MS);
    expect(other.cluster.view().waitingElsewhere).toBe(0);
    lease.release();
    await clock.pass(KNOWN_MS);
    expect(node.active).toBe(0);
  });
});

describe("a gateway that is killed", () => {
  test("takes its nodes with it at once, and is off the roll when its lease is over", async () => {
    const { network, clock, one, other } = await startTwo();
    await join(network, other, "far");
    network.kill(other);
    await clock.pass(KNOWN_MS);
    expect(one.remoteNodes()).toEqual([]);
    expect(one.cluster.view()).toMatchObject({ gateways: 2, reachable: 1 });
    await clock.pass(LEASE_MS + 1_000);
    expect(one.cluster.view()).toMatchObject({ gateways: 1, reachable: 1 });
  });
});

describe("while Redis is away", () => {
  test("nodes that are known stay offered; those that come are known once it is back", async () => {
    const { network, clock, one, other } = await startTwo();
    await join(network, other, "far");
    network.redis.isAway = true;
    await join(network, other, "late");
    await clock.pass(10_000);
    expect(one.remoteNodes()).toEqual(["far"]);
    expect(one.cluster.view()).toMatchObject({ isRedisUp: false, gateways: 2, reachable: 2 });
    network.redis.isAway = false;
    await clock.pass(SETTLED_MS);
    expect(one.remoteNodes()).toEqual(["far", "late"]);
    expect(one.cluster.view().isRedisUp).toBe(true);
  });

  test("and after it came back empty, everybody's nodes are offered again", async () => {
    const { network, clock, one, other } = await startTwo();
    await join(network, one, "near");
    await join(network, other, "far");
    network.redis.isAway = true;
    await clock.pass(10_000);
    network.redis.clear();
    network.redis.isAway = false;
    for (const { bus } of [one, other]) bus.resubscribe();
    // The links between the gateways stand, so that their nodes stay offered.
    for (let ms = 0; ms < SETTLED_MS; ms += 10) {
      await clock.pass(10);
      expect([one.remoteNodes(), other.remoteNodes()]).toEqual([["far"], ["near"]]);
      // Shares of limits depend on it.
      expect([one, other].map(({ cluster }) => cluster.view().gateways)).toEqual([2, 2]);
    }
    expect(one.remoteNodes()).toEqual(["far"]);
    expect(other.remoteNodes()).toEqual(["near"]);
    const third = await network.add();
    expect(third.remoteNodes()).toEqual(["far", "near"]);
  });

  test("what a gateway did not hear is read when it hears again", async () => {
    const { network, clock, one, other } = await startTwo();
    one.bus.isDeaf = true;
    await join(network, other, "far");
    other.penalties.penalize("key/far", { model: "m", code: "upstream_error", reason: "failed" });
    await clock.pass(KNOWN_MS);
    expect(one.remoteNodes()).toEqual([]);
    one.bus.isDeaf = false;
    one.bus.resubscribe();
    await clock.pass(10);
    expect(one.remoteNodes()).toEqual(["far"]);
    expect(one.penalties.circuit("key/far", "m")).toBe("penalized");
  });
});

describe("a gateway that starts", () => {
  test("is known to the others before their next heartbeat", async () => {
    const { network, clock, one, other } = await startTwo();
    await clock.pass(500);
    void network.create().cluster.start();
    await clock.pass(100);
    expect([one, other].map(({ cluster }) => cluster.view().gateways)).toEqual([3, 3]);
  });

  test("learns at once which calls wait at the others, and who views which account there", async () => {
    const { network, clock, one } = await startTwo();
    await join(network, one, "near");
    await one.lease();
    void Promise.resolve(one.lease()).catch(() => {});
    one.cluster.viewers.watch("alice", true);
    await clock.pass(500);
    const third = network.create();
    void third.cluster.start();
    await clock.pass(100);
    expect(third.cluster.view().waitingElsewhere).toBe(1);
    expect(third.cluster.viewers.isWatched("alice")).toBe(true);
    network.silence(one, third);
    await clock.pass(SILENCE_MS);
    expect(third.cluster.view().waitingElsewhere).toBe(0);
    expect(third.cluster.viewers.isWatched("alice")).toBe(false);
  });

  test("is joining until it has met all that live", async () => {
    const { network, clock, other } = await startTwo();
    await join(network, other, "far");
    const third = network.create();
    const started = third.cluster.start();
    expect(third.cluster.view().isJoining).toBe(true);
    await clock.pass(100);
    await started;
    expect(third.cluster.view()).toMatchObject({ isJoining: false, reachable: 3, gateways: 3 });
    expect(third.remoteNodes()).toEqual(["far"]);
  });

  test("waits no longer than a second for one that does not answer", async () => {
    const { network, clock, one, other } = await startTwo();
    const third = network.create();
    network.silenceAll(third);
    let hasStarted = false;
    void third.cluster.start().then(() => hasStarted = true);
    await clock.pass(950);
    expect(hasStarted).toBe(false);
    await clock.pass(100);
    expect(hasStarted).toBe(true);
    expect([one, other].map(({ cluster }) => cluster.view().gateways)).toEqual([3, 3]);
  });

  test("while Redis is away is joining until it has met the others, after Redis is back", async () => {
    const { network, clock, other } = await startTwo();
    await join(network, other, "far");
    network.redis.isAway = true;
    const third = network.create();
    let hasStarted = false;
    void third.cluster.start().then(() => hasStarted = true);
    await clock.pass(10_000);
    expect(hasStarted).toBe(true);
    expect(third.cluster.view()).toMatchObject({ isJoining: true, isRedisUp: false, gateways: 1 });
    network.redis.isAway = false;
    for (let ms = 0; third.cluster.view().isJoining && ms < SETTLED_MS; ms++) await clock.pass(1);
    expect(third.cluster.view()).toMatchObject({ isJoining: false, reachable: 3, remoteNodes: 1 });
    network.redis.isAway = true;
    await clock.pass(10_000);
    expect(third.cluster.view().isJoining).toBe(false);
  });

  test("does not wait at all where it is alone", async () => {
    const network = new TestNetwork();
    const alone = network.create();
    let hasStarted = false;
    void alone.cluster.start().then(() => hasStarted = true);
    await network.clock.pass(0);
    expect(hasStarted).toBe(true);
  });
});

describe("a gateway that leaves", () => {
  test("keeps its nodes offered until they have moved, or their time is over", async () => {
    const { network, clock, one, other } = await startTwo();
    const { node } = await join(network, other, "far");
    other.cluster.drain(3_000);
    await clock.pass(2_900);
    expect(one.remoteNodes()).toEqual(["far"]);
    const lease = await one.lease();
    const { got } = startOn(lease.node);
    await clock.pass(KNOWN_MS);
    expect(one.remoteNodes()).toEqual([]);
    expect(got.failure).toBeNull();
    expect(node.active).toBe(1);
  });

  test("serves no more calls of others once its nodes are withdrawn, nor offers what comes then", async () => {
    const { network, clock, one, other } = await startTwo();
    const { received } = await join(network, other, "far", 5);
    const lease = await one.lease();
    other.cluster.drain(1_000);
    await clock.pass(1_000);
    const { got } = startOn(lease.node);
    await clock.pass(KNOWN_MS);
    expect(received).toHaveLength(0);
    expect(JSON.stringify(got.failure)).toContain("BUSY");
    other.node("late");
    await clock.pass(KNOWN_MS);
    expect(one.remoteNodes()).toEqual([]);
  });

  test("says so at once in Redis", async () => {
    const { network, clock, other } = await startTwo();
    await clock.pass(500);
    expect(network.redis.presenceOf(other.id)).toMatchObject({ isDraining: false });
    other.cluster.drain(3_000);
    await clock.pass(10);
    expect(network.redis.presenceOf(other.id)).toMatchObject({ isDraining: true });
  });

  test("leaves its nodes their time where one of the others stays", async () => {
    const { network, clock, one, other } = await startTwo();
    const third = await network.add();
    await join(network, other, "far");
    one.cluster.drain(60_000);
    await clock.pass(SETTLED_MS);
    other.cluster.drain(3_000);
    await clock.pass(2_900);
    expect(third.remoteNodes()).toEqual(["far"]);
    await clock.pass(KNOWN_MS);
    expect(third.remoteNodes()).toEqual([]);
  });

  test("withdraws its nodes at once where no other gateway stays", async () => {
    const { network, clock, one, other } = await startTwo();
    await join(network, other, "far");
    one.cluster.drain(60_000);
    await clock.pass(SETTLED_MS);
    expect(other.remoteNodes()).toEqual([]);
    other.cluster.drain(60_000);
    await clock.pass(KNOWN_MS);
    expect(one.remoteNodes()).toEqual([]);
  });

  test("is idle when its nodes have moved and it runs no call of others", async () => {
    const { network, clock, one, other } = await startTwo();
    const { node, received } = await join(network, other, "far");
    startOn((await one.lease()).node);
    await clock.pass(KNOWN_MS);
    other.cluster.drain(60_000);
    let isIdle = false;
    void other.cluster.idle().then(() => isIdle = true);
    await clock.pass(KNOWN_MS);
    expect(isIdle).toBe(false);
    other.hub.update(node, node.offer, true);
    await clock.pass(KNOWN_MS);
    expect(isIdle).toBe(false);
    received[0]?.error(500);
    await clock.pass(KNOWN_MS);
    expect(isIdle).toBe(true);
  });

  test("is idle when its nodes are withdrawn, wherever they are then", async () => {
    const { network, clock, other } = await startTwo();
    await join(network, other, "far");
    other.cluster.drain(1_000);
    let isIdle = false;
    void other.cluster.idle().then(() => isIdle = true);
    await clock.pass(900);
    expect(isIdle).toBe(false);
    await clock.pass(200);
    expect(isIdle).toBe(true);
  });

  test("is off the roll at once, and nothing of it is left in Redis", async () => {
    const { network, clock, one, other } = await startTwo();
    await join(network, other, "far");
    const { id } = other;
    other.node("late");
    const stopped = other.cluster.stop();
    await clock.pass(KNOWN_MS);
    await stopped;
    expect(one.cluster.view()).toMatchObject({ gateways: 1, reachable: 1, remoteNodes: 0 });
    expect(network.redis.read(id)).toEqual({ seq: 0, nodes: [] });
    await clock.pass(10_000);
    expect(one.cluster.view().gateways).toBe(1);
    expect(network.redis.read(id)).toEqual({ seq: 0, nodes: [] });
    expect([other.bus.isClosed, one.bus.isClosed]).toEqual([true, false]);
  });

  test("leaves no timer behind, and no link, also where the other end does not answer", async () => {
    const { network, clock, one, other } = await startTwo();
    network.silence(one, other);
    for (const gateway of [other, one]) {
      gateway.cluster.drain(60_000);
      await gateway.cluster.stop();
    }
    await clock.pass(100);
    expect(clock.pending).toBe(0);
    expect([one, other].map(({ cluster }) => cluster.view().reachable)).toEqual([1, 1]);
  });

  test("stops also while Redis is away, and in the middle of its drain", async () => {
    const { network, clock, other } = await startTwo();
    await join(network, other, "far");
    other.cluster.drain(60_000);
    network.redis.isAway = true;
    const stopped = other.cluster.stop();
    await clock.pass(KNOWN_MS);
    await stopped;
    const published = network.redis.published;
    network.redis.isAway = false;
    await clock.pass(120_000);
    expect(network.redis.published).toBe(published);
  });
});

describe("what one gateway finds out", () => {
  const fault = { model: "m", code: "upstream_error", reason: "it failed" } as const;

  test("of a node's faults holds everywhere, until the same moment by every clock", async () => {
    const { clock, one, other } = await startTwo({ clockAheadMs: HOUR_MS });
    other.penalties.penalize("key/n", fault);
    await clock.pass(KNOWN_MS);
    expect(one.penalties.circuit("key/n", "m")).toBe("penalized");
    expect(one.penalties.until("key/n", "m") - other.penalties.until("key/n", "m")).toBe(HOUR_MS);
    one.penalties.penalize("key/o", fault);
    await clock.pass(KNOWN_MS);
    expect(one.penalties.until("key/o", "m") - other.penalties.until("key/o", "m")).toBe(HOUR_MS);
  });

  test("of a node's recovery holds everywhere", async () => {
    const { clock, one, other } = await startTwo();
    other.penalties.penalize("key/n", fault);
    await clock.pass(60_000 + KNOWN_MS);
    expect(one.penalties.circuit("key/n", "m")).toBe("probation");
    other.penalties.clear("key/n", "m");
    await clock.pass(KNOWN_MS);
    expect(one.penalties.circuit("key/n", "m")).toBe("clear");
  });

  test("of a penalty is known to a gateway that starts later, and found out again from Redis", async () => {
    const { network, clock, one, other } = await startTwo();
    one.bus.isDeaf = true;
    other.penalties.penalize("key/n", fault);
    await clock.pass(KNOWN_MS);
    const third = await network.add();
    expect(third.penalties.circuit("key/n", "m")).toBe("penalized");
    expect(one.penalties.circuit("key/n", "m")).toBe("clear");
    await clock.pass(31_000);
    expect(one.penalties.circuit("key/n", "m")).toBe("penalized");
  });

  test("of a stored answer is known to its peers before a message over Redis could arrive", async () => {
    const { clock, one, other } = await startTwo();
    one.bus.isDeaf = true;
    other.affinity.keep("alice", "resp_1", "key/n");
    await clock.pass(2);
    expect(one.affinity.requiredNodeOf("alice", "resp_1")).toBe("key/n");
  });

  test("of a stored answer reaches a gateway without a link over Redis", async () => {
    const { network, clock, one, other } = await startTwo();
    network.silence(one, other);
    await clock.pass(SILENCE_MS);
    other.affinity.keep("alice", "resp_1", "key/n");
    await clock.pass(KNOWN_MS);
    expect(one.affinity.requiredNodeOf("alice", "resp_1")).toBe("key/n");
  });

  test("of an account's call reaches those who look at the account there", async () => {
    const { clock, one, other } = await startTwo();
    const events: string[][] = [];
    one.cluster.viewers.onEvent.subscribe((...event) => void events.push(event));
    one.cluster.viewers.watch("alice", true);
    await clock.pass(KNOWN_MS);
    expect(other.cluster.viewers.isWatched("alice")).toBe(true);
    other.cluster.viewers.tell("alice", "call", "{}");
    other.cluster.viewers.tell("bob", "call", "{}");
    await clock.pass(KNOWN_MS);
    expect(events).toEqual([["alice", "call", "{}"]]);
  });
});

test("a dialling gateway is let in by its proof alone", async () => {
  const { one } = await startTwo();
  expect(one.cluster.admit(new Headers())).toBeNull();
  expect(one.cluster.admit(new Headers({ [PEER_HEADER]: "gw-1 gw-2 1 x" }))).toBeNull();
});

test("a message of a kind that only later versions know changes nothing", async () => {
  const { network, clock, one } = await startTwo();
  const fault = { model: null, code: "upstream_error", reason: "it failed" } as const;
  one.penalties.penalize("key/n", fault);
  await clock.pass(60_000);
  network.redis.publish(
    { is: "later", from: "gw-later", identity: "key/n", model: null } as never,
  );
  await clock.pass(KNOWN_MS);
  expect(one.penalties.circuit("key/n", "m")).toBe("probation");
  expect(one.cluster.view().isRedisUp).toBe(true);
});

describe("the nodes of three gateways", () => {
  const SPREAD_MS = 180_000;

  /** A network in which nodes that are asked to move dial any of its gateways, as a balancer has it. */
  function startThree() {
    const network = new TestNetwork();
    const seats = new Map<string, { gateway: TestGateway; leave: () => void }>();
    let turn = 0;
    const isUp = (gateway: TestGateway) => !gateway.isDead;
    const dial = (name: string) => {
      const up = network.gateways.filter(isUp);
      const gateway = up[turn++ % up.length]!;
      seats.set(name, { gateway, leave: gateway.node(name).leave });
    };
    const add = async () => {
      const gateway = await network.add();
      gateway.onMove = ({ who: { publicId } }) => {
        network.clock.after(1_000, () => {
          seats.get(publicId)?.leave();
          dial(publicId);
        });
        return true;
      };
      return gateway;
    };
    const counts = () =>
      network.gateways.filter(isUp).map((gateway) =>
        [...seats.values()].filter((seat) => seat.gateway === gateway).length
      );
    const names = Array.from({ length: 12 }, (_, i) => `n${i}`);
    return { network, seats, add, dial, counts, names };
  }

  test("spread again after all of them have gathered at one, as after a rolling upgrade", async () => {
    const { network, add, dial, counts, names } = startThree();
    await add();
    for (const name of names) dial(name);
    await add();
    await add();
    expect(counts()).toEqual([12, 0, 0]);
    await network.clock.pass(SPREAD_MS);
    expect(Math.max(...counts())).toBeLessThanOrEqual(5);
    expect(Math.min(...counts())).toBeGreaterThanOrEqual(3);
    const before = network.redis.published;
    await network.clock.pass(SPREAD_MS);
    expect(network.redis.published).toBe(before);
  });

  test("come back to one that was lost and has returned", async () => {
    const { network, seats, add, dial, counts, names } = startThree();
    for (let i = 0; i < 3; i++) await add();
    for (const name of names) dial(name);
    const lost = network.gateways[2]!;
    network.kill(lost);
    for (const [name, { gateway }] of seats) if (gateway === lost) dial(name);
    await network.clock.pass(SPREAD_MS);
    expect(counts()).toEqual([6, 6]);
    await add();
    await network.clock.pass(SPREAD_MS);
    expect(Math.min(...counts())).toBeGreaterThanOrEqual(3);
  });

  test("stay where a gateway leaves, or cannot be reached: it counts as none", async () => {
    const { network, add, dial, counts, names } = startThree();
    const one = await add();
    for (const name of names) dial(name);
    const other = await add();
    other.cluster.drain(1_000);
    const third = network.create();
    network.silence(one, third);
    const started = third.cluster.start();
    await network.clock.pass(SPREAD_MS);
    await started;
    expect(counts()[0]).toBe(12);
  });

  test("are not asked one by one by a gateway that leaves, which asks them all", async () => {
    const { network, add, dial, names } = startThree();
    const one = await add();
    for (const name of names) dial(name);
    await add();
    let asked = 0;
    one.onMove = () => ++asked > 0;
    one.cluster.drain(SPREAD_MS);
    await network.clock.pass(SPREAD_MS);
    expect(asked).toBe(0);
  });
});
