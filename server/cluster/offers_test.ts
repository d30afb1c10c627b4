/** Slots that are offered to calls which wait elsewhere: to whom, for how long, and what becomes of those not used. */

import { describe, expect, test } from "bun:test";
import { World } from "../call/testing/world.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { Offers } from "./offers.ts";
import type { PeerMessage } from "./peer_message.ts";

const service = { model: "m", endpoint: "/v1/chat/completions" } as const;

function start() {
  const said: { peer: string; message: PeerMessage }[] = [];
  const clock = new FakeClock();
  const say = (peer: string, message: PeerMessage) => void said.push({ peer, message });
  const offers = new Offers({ clock, say, sayToAll: (message) => say("all", message) });
  const world = new World({ remoteWaiters: offers });
  offers.serve(world.scheduler);
  world.scheduler.onQueueChange.subscribe((one) => offers.lineChanged(one));
  const offered = () => said.filter(({ message }) => message.is === "offer");
  return { said, clock, offers, world, offered };
}

describe("a gateway whose peers' calls wait", () => {
  test("offers a slot to the one that has waited longest, and leases it when that comes", () => {
    const { offers, world, offered } = start();
    offers.wanted("gw-1", service, [{ age_ms: 10 }]);
    offers.wanted("gw-2", service, [{ age_ms: 500 }]);
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

  test("takes a slot back that is declined, that nobody comes for, or whose peer is lost", async () => {
    const { offers, world, offered, clock } = start();
    const { node } = world.node("n", 1);
    const wants = () => offers.wanted("gw-1", service, [{ age_ms: 1 }]);
    wants();
    offers.declined("gw-1", 1);
    expect(node.active).toBe(0);
    wants();
    await clock.pass(2_000);
    expect(node.active).toBe(0);
    wants();
    offers.peerLeft("gw-1");
    expect(node.active).toBe(0);
    expect(offered()).toHaveLength(3);
    expect(offers.waitingElsewhere).toBe(0);
  });

  test("offers a slot only to calls that its node can serve", () => {
    const { offers, world, offered } = start();
    offers.wanted("gw-1", service, [{ age_ms: 9, home: "key/other" }, { age_ms: 5, tried: ["n"] }]);
    world.node("n", 1);
    expect(offered()).toEqual([]);
    offers.wanted("gw-1", service, [{ age_ms: 9, home: "key/n" }]);
    expect(offered()).toHaveLength(1);
  });

  test("offers nothing while it leaves", () => {
    const { offers, world, offered } = start();
    offers.isClosed = true;
    world.node("n", 1);
    offers.wanted("gw-1", service, [{ age_ms: 1 }]);
    expect(offered()).toEqual([]);
  });
});

describe("a gateway whose own calls wait", () => {
  test("tells of them, takes what is offered for the next, and declines what nobody needs", async () => {
    const { offers, world, said, clock } = start();
    const { node } = world.node("away", 1, ["m"], { gateway: "gw-1" });
    world.hub.load(node, 1);
    const waiting = Promise.resolve(world.lease());
    await clock.pass(10);
    expect(said.at(-1)).toMatchObject({ peer: "all", message: { is: "wants", service } });
    expect((said.at(-1)?.message as { waiting: unknown[] }).waiting).toHaveLength(1);
    offers.offered("gw-1", node, service, 7);
    const lease = await waiting;
    expect(lease.node).toBe(node);
    expect(offers.grantFor(node)).toBe(7);
    expect(offers.grantFor(node)).toBeNull();
    await clock.pass(10);
    expect((said.at(-1)?.message as { waiting: unknown[] }).waiting).toEqual([]);

    offers.offered("gw-1", node, service, 8);
    offers.offered("gw-1", undefined, service, 9);
    expect(said.slice(-2).map(({ message }) => message)).toEqual([
      { is: "decline", grant: 8 },
      { is: "decline", grant: 9 },
    ]);
  });

  test("tells of them again to the gateway of a node that it offered before it was known here", async () => {
    const { offers, world, said, clock } = start();
    const { node: full } = world.node("away", 1, ["m"], { gateway: "gw-1" });
    world.hub.load(full, 1);
    void Promise.resolve(world.lease()).catch(() => {});
    await clock.pass(10);
    offers.offered("gw-2", undefined, service, 1);
    said.length = 0;
    const other = world.node("other", 1, ["another"], { gateway: "gw-2" });
    offers.nodeCame(other.node);
    expect(said).toEqual([]);
    const late = world.node("late", 1, ["m"], { gateway: "gw-2" });
    offers.nodeCame(late.node);
    expect(said).toMatchObject([{
      peer: "gw-2",
      message: { is: "wants", service, waiting: [{}] },
    }]);
  });

  test("tells of them again and again while they wait, and then no more", async () => {
    const { offers, world, said, clock } = start();
    const { node } = world.node("away", 1, ["m"], { gateway: "gw-1" });
    world.hub.load(node, 1);
    const waiting = Promise.resolve(world.lease());
    await clock.pass(10);
    said.length = 0;
    await clock.pass(3_000);
    expect(said).toHaveLength(3);
    offers.offered("gw-1", node, service, 7);
    await waiting;
    await clock.pass(10);
    said.length = 0;
    await clock.pass(3_000);
    expect(said.filter(({ message }) => message.is === "wants")).toEqual([]);
  });
});
