/** Slots that are offered to calls at other gateways: which call gets one, for how long, and when it is released. */

import { describe, expect, test } from "bun:test";
import { World, type WorldConfig } from "../call/testing/world.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { Node } from "../node/node.ts";
import { Offers } from "./offers.ts";
import type { PeerMessage } from "./peer_message.ts";

const service = { model: "m", endpoint: "/v1/chat/completions" } as const;

function start(config: WorldConfig = {}) {
  const sent: { peer: string; message: PeerMessage }[] = [];
  const clock = new FakeClock();
  const send = (peer: string, message: PeerMessage) => void sent.push({ peer, message });
  const offers = new Offers({ clock, send, broadcast: (message) => send("all", message) });
  const world = new World({ ...config, remoteWaiters: offers });
  offers.attach(world.scheduler);
  world.scheduler.onQueueChange.subscribe((one) => offers.queueChanged(one));
  const offered = () => sent.filter(({ message }) => message.is === "offer");
  return { sent, clock, offers, world, offered };
}

describe("a gateway whose peers' calls wait", () => {
  test("offers a slot to the call that has waited longest, and leases it when that call arrives", () => {
    const { offers, world, offered } = start();
    offers.receiveWaiters("gw-1", service, [{ age_ms: 10 }]);
    offers.receiveWaiters("gw-2", service, [{ age_ms: 500 }]);
    const { node } = world.node("n", 1);
    expect(offered().map(({ peer }) => peer)).toEqual(["gw-2"]);
    expect(node.active).toBe(1);
    expect(offers.redeem("gw-1", 1)).toBeNull();
    const lease = offers.redeem("gw-2", 1);
    expect(lease?.node).toBe(node);
    expect(offers.redeem("gw-2", 1)).toBeNull();
    lease?.release();
    expect(offered().map(({ peer }) => peer)).toEqual(["gw-2", "gw-1"]);
  });

  test("releases a slot that is declined or not used in time, or whose peer is lost", async () => {
    const { offers, world, offered, clock } = start();
    const { node } = world.node("n", 1);
    const wants = () => offers.receiveWaiters("gw-1", service, [{ age_ms: 1 }]);
    wants();
    offers.release("gw-1", 1);
    expect(node.active).toBe(0);
    wants();
    await clock.pass(2_000);
    expect(node.active).toBe(0);
    wants();
    offers.peerLost("gw-1");
    expect(node.active).toBe(0);
    expect(offered()).toHaveLength(3);
    expect(offers.waitingElsewhere).toBe(0);
  });

  test("offers a slot only to calls that its node can serve", () => {
    const { offers, world, offered } = start();
    offers.receiveWaiters("gw-1", service, [{ age_ms: 9, home: "key/other" }, {
      age_ms: 5,
      tried: ["n"],
    }]);
    world.node("n", 1);
    expect(offered()).toEqual([]);
    offers.receiveWaiters("gw-1", service, [{ age_ms: 9, home: "key/n" }]);
    expect(offered()).toHaveLength(1);
  });

  test("offers nothing while it leaves", () => {
    const { offers, world, offered } = start();
    offers.close();
    world.node("n", 1);
    offers.receiveWaiters("gw-1", service, [{ age_ms: 1 }]);
    expect(offered()).toEqual([]);
  });
});

describe("a slot that is held for a peer", () => {
  function granted() {
    const made = start();
    const { node } = made.world.node("n", 1);
    made.offers.receiveWaiters("gw-1", service, [{ age_ms: 1 }]);
    expect(node.active).toBe(1);
    return { ...made, node };
  }

  test("is held for two seconds, and then released once", async () => {
    const { offers, clock, node } = granted();
    await clock.pass(1_999);
    expect(node.active).toBe(1);
    await clock.pass(1);
    expect(node.active).toBe(0);
    offers.release("gw-1", 1);
    offers.peerLost("gw-1");
    expect([node.active, offers.redeem("gw-1", 1)]).toEqual([0, null]);
  });

  test("stays with the call that has used it, whatever comes later", async () => {
    const { offers, clock, node } = granted();
    expect(offers.redeem("gw-1", 1)?.node).toBe(node);
    expect(clock.pending).toBe(0);
    offers.release("gw-1", 1);
    offers.peerLost("gw-1");
    await clock.pass(10_000);
    expect(node.active).toBe(1);
  });

  test("cannot be released by another peer", () => {
    const { offers, node } = granted();
    offers.release("gw-2", 1);
    offers.peerLost("gw-2");
    expect(node.active).toBe(1);
  });

  test("goes to the next waiting call when it is declined", () => {
    const { offers, world, offered, node } = granted();
    offers.receiveWaiters("gw-2", service, [{ age_ms: 1 }]);
    expect(offered()).toHaveLength(1);
    offers.release("gw-1", 1);
    expect(offered().map(({ peer }) => peer)).toEqual(["gw-1", "gw-2"]);
    expect([node.active, world.scheduler.waiting]).toEqual([1, 0]);
  });

  test("says which slot of which node it is, and of the request no more than the service", () => {
    const { offered } = granted();
    expect(offered()).toEqual([
      { peer: "gw-1", message: { is: "offer", grant: 1, node: "n", service } },
    ]);
  });
});

describe("the calls that wait at peers", () => {
  test("are replaced by what a peer announces next, and not added to it", () => {
    const { offers } = start();
    for (let i = 0; i < 3; i++) {
      offers.receiveWaiters("gw-1", service, [{ age_ms: 5 }, { age_ms: 1 }]);
    }
    expect(offers.waitingElsewhere).toBe(2);
    offers.receiveWaiters("gw-2", service, [{ age_ms: 5 }]);
    offers.receiveWaiters("gw-2", { ...service, model: "x" }, [{ age_ms: 5 }]);
    expect(offers.waitingElsewhere).toBe(4);
    offers.receiveWaiters("gw-1", service, []);
    expect([offers.waitingElsewhere, offers.hasWaiting(service)]).toEqual([2, true]);
    offers.receiveWaiters("gw-2", service, []);
    expect([offers.waitingElsewhere, offers.hasWaiting(service)]).toEqual([1, false]);
  });

  test("are known up to eighty of each queue", () => {
    const { offers } = start();
    offers.receiveWaiters("gw-1", service, Array.from({ length: 90 }, () => ({ age_ms: 1 })));
    expect(offers.waitingElsewhere).toBe(80);
  });

  test("are forgotten with a peer that is lost, which is offered nothing any more", () => {
    const { offers, world, offered } = start();
    const other = { ...service, model: "x" };
    offers.receiveWaiters("gw-1", service, [{ age_ms: 9 }]);
    offers.receiveWaiters("gw-1", other, [{ age_ms: 9 }]);
    offers.receiveWaiters("gw-2", other, [{ age_ms: 5 }]);
    offers.peerLost("gw-1");
    expect([offers.waitingElsewhere, offers.hasWaiting(service)]).toEqual([1, false]);
    world.node("n", 5, ["m", "x"]);
    expect(offered().map(({ peer }) => peer)).toEqual(["gw-2"]);
  });

  test("are served in the order of their waits, each once, and each by one slot", () => {
    const { offers, world, offered } = start();
    offers.receiveWaiters("gw-1", service, [{ age_ms: 30 }, { age_ms: 10 }]);
    offers.receiveWaiters("gw-2", service, [{ age_ms: 20 }]);
    const { node } = world.node("n", 9);
    expect(offered().map(({ peer }) => peer)).toEqual(["gw-1", "gw-2", "gw-1"]);
    expect([node.active, offers.waitingElsewhere]).toEqual([3, 0]);
    expect(offered().map(({ message }) => (message as { grant: number }).grant)).toEqual([1, 2, 3]);
  });

  test("have waited for as long as they say, counted from when they say it", async () => {
    const { offers, world, clock } = start();
    world.node("n", 1, ["other"]);
    await clock.pass(500);
    offers.receiveWaiters("gw-1", service, [{ age_ms: 200 }]);
    const since = (model: string) =>
      [...offers.waiting({ ...service, model })].map(({ sinceMs }) => sinceMs);
    expect(since("m")).toEqual([clock.monotonic() - 200]);
    expect(since("x")).toEqual([]);
  });

  test("have waited since they first said so, however late later messages come", async () => {
    const { offers, clock } = start();
    const startMs = clock.monotonic();
    const since = () => [...offers.waiting(service)].map(({ sinceMs }) => sinceMs - startMs);
    await clock.pass(500);
    offers.receiveWaiters("gw-1", service, [{ age_ms: 200, since: 1 }]);
    await clock.pass(1000);
    // 50 ms and 80 ms on their way.
    offers.receiveWaiters("gw-1", service, [{ age_ms: 1150, since: 1 }, { age_ms: 20, since: 2 }]);
    expect(since()).toEqual([300, 1480]);
    // Faster than the first.
    offers.receiveWaiters("gw-1", service, [{ age_ms: 1210, since: 1 }]);
    expect(since()).toEqual([290]);
  });

  test("take no slot that none of them can use", () => {
    const { offers, world, offered } = start();
    const { node } = world.node("n", 1);
    const lease = world.scheduler.leaseLocal(node, service)!;
    offers.receiveWaiters("gw-1", service, [{ age_ms: 1, tried: ["n"] }]);
    lease.release();
    expect([node.active, offered()]).toEqual([0, []]);
  });

  test("take no slot once they do not wait any more: it is released", () => {
    const { offers, world, offered } = start();
    const { node } = world.node("n", 1);
    const lease = world.scheduler.leaseLocal(node, service)!;
    offers.receiveWaiters("gw-1", service, [{ age_ms: 1 }]);
    const [waiter] = offers.waiting(service);
    offers.receiveWaiters("gw-1", service, []);
    offers.grant(lease, waiter!);
    expect([node.active, offered()]).toEqual([0, []]);
  });

  test("are not served by a gateway that leaves, also those known before", () => {
    const { offers, world } = start();
    world.node("n", 1, ["other"]);
    offers.receiveWaiters("gw-1", service, [{ age_ms: 1 }]);
    offers.close();
    expect(offers.hasWaiting(service)).toBe(false);
    expect([...offers.waiting(service)]).toEqual([]);
    expect(offers.waitingElsewhere).toBe(1);
  });
});

describe("an offer of a peer", () => {
  /** A node of gw-1 that is full, and calls here that wait for it. */
  function waiting(calls: number) {
    const made = start();
    const { node } = made.world.node("away", 9, ["m"], { gateway: "gw-1" });
    made.world.hub.load(node, 9);
    const leases = Array.from({ length: calls }, () => Promise.resolve(made.world.lease()));
    const declined = () =>
      made.sent.flatMap(({ peer, message }) =>
        message.is === "decline" ? [`${peer} ${message.grant}`] : []
      );
    return { ...made, node, leases, declined };
  }

  test("is used once by the call that it was for, and not declined afterwards", async () => {
    const { offers, clock, node, declined } = waiting(1);
    offers.receiveOffer("gw-1", node, service, 7);
    expect([offers.grantFor(node), offers.grantFor(node)]).toEqual([7, null]);
    await clock.pass(5_000);
    expect(declined()).toEqual([]);
  });

  test("is declined after a second, once, where the call was not sent", async () => {
    const { offers, clock, node, declined } = waiting(1);
    offers.receiveOffer("gw-1", node, service, 7);
    await clock.pass(999);
    expect(declined()).toEqual([]);
    await clock.pass(1);
    expect(declined()).toEqual(["gw-1 7"]);
    expect(offers.grantFor(node)).toBeNull();
    await clock.pass(5_000);
    expect(declined()).toHaveLength(1);
  });

  test("that no call needs is declined once, and those before it stay", async () => {
    const { offers, clock, node, declined } = waiting(2);
    for (const grant of [7, 8, 9]) offers.receiveOffer("gw-1", node, service, grant);
    expect(declined()).toEqual(["gw-1 9"]);
    expect([offers.grantFor(node), offers.grantFor(node), offers.grantFor(node)])
      .toEqual([7, 8, null]);
    await clock.pass(5_000);
    expect(declined()).toHaveLength(1);
  });

  test("of one of several grants is declined alone", async () => {
    const { offers, clock, node, declined } = waiting(2);
    offers.receiveOffer("gw-1", node, service, 7);
    await clock.pass(500);
    offers.receiveOffer("gw-1", node, service, 8);
    await clock.pass(500);
    expect(declined()).toEqual(["gw-1 7"]);
    expect(offers.grantFor(node)).toBe(8);
  });
});

describe("a gateway whose own calls wait", () => {
  test("announces each call's wait, the nodes it has tried, and the one that it needs", async () => {
    const { world, sent, clock } = start();
    const { node } = world.node("away", 1, ["m"], { gateway: "gw-1" });
    world.hub.load(node, 1);
    const tried = new Set(["t"]);
    void Promise.resolve(world.lease(world.call({ requiredNode: "away" }), tried)).catch(() => {});
    await clock.pass(4);
    expect(sent).toEqual([]);
    await clock.pass(1);
    const waiting = [{ age_ms: 5, tried: ["t"], home: "key/away", account: "alice", bytes: 28 }];
    expect(sent).toMatchObject([{ peer: "all", message: { is: "wants", service, waiting } }]);
  });

  test("announces the first sixteen of a queue, and of each further account the first", async () => {
    const { world, sent, clock } = start({ queuePerModel: 50, queuePerAccount: 50 });
    const { node } = world.node("away", 1, ["m"], { gateway: "gw-1" });
    world.hub.load(node, 1);
    for (let i = 0; i < 20; i++) void Promise.resolve(world.lease()).catch(() => {});
    await clock.pass(10);
    expect((sent.at(-1)?.message as { waiting: unknown[] }).waiting).toHaveLength(16);
    for (let i = 0; i < 20; i++) {
      void Promise.resolve(world.lease(world.call({ account: `account-${i % 10}` }))).catch(
        () => {},
      );
    }
    await clock.pass(10);
    const { waiting } = sent.at(-1)!.message as { waiting: { account: string }[] };
    expect(new Set(waiting.map(({ account }) => account)).size).toBe(11);
    expect(waiting).toHaveLength(16);
  });

  test("announces changes within a moment together, and each queue by itself", async () => {
    const { world, sent, clock } = start();
    for (const model of ["m", "x"]) {
      const { node } = world.node(`away-${model}`, 1, [model], { gateway: "gw-1" });
      world.hub.load(node, 1);
    }
    for (const model of ["m", "m", "x"]) {
      void Promise.resolve(world.lease(world.call({ model }))).catch(() => {});
    }
    await clock.pass(10);
    const counts = sent.map(({ message }) => {
      const { service, waiting } = message as Extract<PeerMessage, { is: "wants" }>;
      return `${service.model} ${waiting.length}`;
    });
    expect(counts).toEqual(["m 2", "x 1"]);
    void Promise.resolve(world.lease(world.call({ model: "x" }))).catch(() => {});
    await clock.pass(20);
    expect(sent.slice(2)).toMatchObject([{ message: { service: { model: "x" } } }]);
  });

  test("announces them to a peer that is linked later, and to none when they have been served", async () => {
    const { offers, world, sent, clock } = start();
    const { node } = world.node("away", 1, ["m"], { gateway: "gw-1" });
    world.hub.load(node, 1);
    offers.peerLinked("gw-2");
    expect(sent).toEqual([]);
    const waiting = Promise.resolve(world.lease());
    await clock.pass(10);
    sent.length = 0;
    offers.peerLinked("gw-2");
    expect(sent).toMatchObject([{ peer: "gw-2", message: { is: "wants", waiting: [{}] } }]);
    offers.receiveOffer("gw-1", node, service, 7);
    await waiting;
    await clock.pass(10);
    sent.length = 0;
    offers.peerLinked("gw-3");
    expect(sent).toEqual([]);
  });

  test("asks no peer about a node that is connected here", async () => {
    const { offers, world, sent, clock } = start();
    const { node: remote } = world.node("away", 1, ["m"], { gateway: "gw-1" });
    world.hub.load(remote, 1);
    void Promise.resolve(world.lease()).catch(() => {});
    await clock.pass(10);
    sent.length = 0;
    offers.nodeJoined(new Node(remote.who, remote.offer, remote.connection, 0));
    expect(sent).toEqual([]);
  });

  test("announces them, takes an offer for the next one, and declines offers that no call needs", async () => {
    const { offers, world, sent, clock } = start();
    const { node } = world.node("away", 1, ["m"], { gateway: "gw-1" });
    world.hub.load(node, 1);
    const waiting = Promise.resolve(world.lease());
    await clock.pass(10);
    expect(sent.at(-1)).toMatchObject({ peer: "all", message: { is: "wants", service } });
    expect((sent.at(-1)?.message as { waiting: unknown[] }).waiting).toHaveLength(1);
    offers.receiveOffer("gw-1", node, service, 7);
    const lease = await waiting;
    expect(lease.node).toBe(node);
    expect(offers.grantFor(node)).toBe(7);
    expect(offers.grantFor(node)).toBeNull();
    await clock.pass(10);
    expect((sent.at(-1)?.message as { waiting: unknown[] }).waiting).toEqual([]);

    offers.receiveOffer("gw-1", node, service, 8);
    offers.receiveOffer("gw-1", undefined, service, 9);
    expect(sent.slice(-2).map(({ message }) => message)).toEqual([
      { is: "decline", grant: 8 },
      { is: "decline", grant: 9 },
    ]);
  });

  test("announces them again to the gateway of a node that was offered before it was known here", async () => {
    const { offers, world, sent, clock } = start();
    const { node: full } = world.node("away", 1, ["m"], { gateway: "gw-1" });
    world.hub.load(full, 1);
    void Promise.resolve(world.lease()).catch(() => {});
    await clock.pass(10);
    offers.receiveOffer("gw-2", undefined, service, 1);
    sent.length = 0;
    const other = world.node("other", 1, ["another"], { gateway: "gw-2" });
    offers.nodeJoined(other.node);
    expect(sent).toEqual([]);
    const late = world.node("late", 1, ["m"], { gateway: "gw-2" });
    offers.nodeJoined(late.node);
    expect(sent).toMatchObject([{
      peer: "gw-2",
      message: { is: "wants", service, waiting: [{}] },
    }]);
  });

  test("announces them again every second while they wait, and not afterwards", async () => {
    const { offers, world, sent, clock } = start();
    const { node } = world.node("away", 1, ["m"], { gateway: "gw-1" });
    world.hub.load(node, 1);
    const waiting = Promise.resolve(world.lease());
    await clock.pass(10);
    sent.length = 0;
    await clock.pass(3_000);
    expect(sent).toHaveLength(3);
    offers.receiveOffer("gw-1", node, service, 7);
    await waiting;
    await clock.pass(10);
    sent.length = 0;
    await clock.pass(3_000);
    expect(sent.filter(({ message }) => message.is === "wants")).toEqual([]);
  });
});
