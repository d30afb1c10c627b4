/** Slots that are offered to calls at other gateways: which call gets one, for how long, and when it is released. */

import { describe, expect, test } from "bun:test";
import { World } from "../call/testing/world.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { Offers } from "./offers.ts";
import type { PeerMessage } from "./peer_message.ts";

const service = { model: "m", endpoint: "/v1/chat/completions" } as const;

function start() {
  const sent: { peer: string; message: PeerMessage }[] = [];
  const clock = new FakeClock();
  const send = (peer: string, message: PeerMessage) => void sent.push({ peer, message });
  const offers = new Offers({ clock, send, broadcast: (message) => send("all", message) });
  const world = new World({ remoteWaiters: offers });
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

describe("a gateway whose own calls wait", () => {
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
