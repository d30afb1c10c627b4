/** What a node gets of the calls: by what it has earned, whatever it claims. */

import { describe, expect, test } from "bun:test";
import { seeded } from "../base/testing/random.ts";
import { World, type WorldConfig } from "../call/testing/world.ts";
import type { Node } from "../node/node.ts";
import type { Lease } from "./lease.ts";

function start(config: WorldConfig = {}) {
  const world = new World(config, seeded(3));
  const lease = async () => await world.lease();
  /** Leases so many slots; returns how many of them each node gave. */
  const take = async (calls: number) => {
    const leases: Lease[] = [];
    const counts: Record<string, number> = {};
    for (let i = 0; i < calls; i++) {
      const one = await lease();
      leases.push(one);
      counts[one.node.who.publicId] = (counts[one.node.who.publicId] ?? 0) + 1;
    }
    return { counts, release: () => leases.forEach((one) => one.release()) };
  };
  /** Calls that the nodes answer well, one after the other. */
  const answered = async (calls: number) => {
    for (let i = 0; i < calls; i++) world.answers(await lease());
  };
  return { world, lease, take, answered };
}

describe("a node that claims 10,000 slots", () => {
  test("gets at first two calls at a time, while others have room of their own", async () => {
    for (const policy of ["least-busy", "fastest", "affinity"] as const) {
      const { world, take } = start({ policy });
      world.node("stranger", 10_000);
      for (const name of ["a", "b", "c"]) world.node(name, 2);
      const { counts } = await take(8);
      expect(counts).toEqual({ stranger: 2, a: 2, b: 2, c: 2 });
    }
  });

  test("serves all that it offers at once where it is alone", async () => {
    const { world, take } = start();
    world.node("lone", 500);
    expect((await take(500)).counts).toEqual({ lone: 500 });
  });

  test("takes what is left once the others have no slot of their own free", async () => {
    const { world, take } = start();
    world.node("stranger", 10_000);
    world.node("a", 2);
    expect((await take(100)).counts).toEqual({ stranger: 98, a: 2 });
  });

  test("takes no more of what is left than the others, while these have slots", async () => {
    const { world, take } = start();
    world.node("stranger", 10_000);
    world.node("a", 6);
    expect((await take(12)).counts).toEqual({ stranger: 6, a: 6 });
  });

  test("gets no more than its share of a conversation's calls, either", async () => {
    const { world } = start({ policy: "affinity" });
    const stranger = world.node("stranger", 10_000);
    const call = () => world.call({ messages: ["hello", "hi", "go on"] });
    const first = world.call({ messages: ["hello"] });
    world.answers(await world.lease(first), first);
    for (const name of ["a", "b", "c"]) world.node(name, 2);
    for (let i = 0; i < 8; i++) await world.lease(call());
    expect(stranger.node.active).toBe(2);
    for (const name of ["a", "b", "c"]) expect(world.hub.find(`key/${name}`)!.active).toBe(2);
  });
});

describe("a node's share", () => {
  test("doubles each time that it has answered as many calls well as it has slots, up to its claim", async () => {
    const { world, answered } = start();
    const { node } = world.node("a", 20);
    const shares = [node.share];
    for (const calls of [2, 4, 8, 16, 100]) {
      await answered(calls - 1);
      expect(node.share).toBe(shares.at(-1)!);
      await answered(1);
      shares.push(node.share);
    }
    expect(shares).toEqual([2, 4, 8, 16, 20, 20]);
  });

  test("is no more than it claims", () => {
    const { world } = start();
    expect(world.node("a", 1).node.share).toBe(1);
  });

  test("does not grow by rejections, nor by answers that only say that the request is wrong", async () => {
    const { world, lease } = start();
    const { node } = world.node("a", 20);
    for (let i = 0; i < 10; i++) {
      const one = await lease();
      world.scheduler.answered(one, world.call(), null);
      one.release();
    }
    expect(node.share).toBe(2);
  });

  test("is halved by each fault, once for calls that fail together, and not by its provider's limits", async () => {
    const { world, lease, answered } = start({ penaltyMs: 1_000 });
    const { node } = world.node("a", 20);
    await answered(2 + 4 + 8 + 16);
    const leases = [await lease(), await lease(), await lease()];
    for (const one of leases) world.fails(one, "silent");
    expect(node.share).toBe(10);
    await world.clock.pass(1_000);
    world.fails(await lease(), "silent");
    expect(node.share).toBe(5);
    await world.clock.pass(600_000);
    await answered(1);
    world.fails(await lease(), "rate limited", 1_000);
    expect(node.share).toBe(5);
    for (let i = 0; i < 4; i++) {
      await world.clock.pass(600_000);
      world.fails(await lease(), "silent");
    }
    expect(node.share).toBe(1);
  });

  test("is kept when the node connects again, and does not come back by that", async () => {
    const { world, lease, answered } = start({ penaltyMs: 1_000 });
    const first = world.node("a", 20);
    await answered(6);
    first.leave();
    const second = world.node("a", 20);
    expect(second.node.share).toBe(8);
    world.fails(await lease());
    second.leave();
    expect(world.node("a", 20).node.share).toBe(4);
    expect(world.node("new", 20).node.share).toBe(2);
  });

  test("is what was stored of it when the gateway restarts, and each change of it is stored", async () => {
    const stored = new Map([["a", 16], ["b", 64], ["c", 1]]);
    const { world, lease } = start({ penaltyMs: 1_000 });
    Object.assign(world.hub, {
      parts: {
        earnedBefore: ({ who }: Node) => ({ slots: stored.get(who.publicId)!, awayMs: 0 }),
        onEarned: ({ who, earned }: Node) => stored.set(who.publicId, earned),
      },
    });
    const a = world.node("a", 20);
    expect(a.node.share).toBe(16);
    // No more than it claims now.
    expect(world.node("b", 4).node.share).toBe(4);
    expect(world.node("c", 20).node.share).toBe(1);
    for (let i = 0; i < 16; i++) world.hub.answered(a.node);
    expect(stored.get("a")).toBe(20);
    a.leave();
    world.hub.failed(a.node.who.nodeKey);
    // A fault while it was away is stored once it is back, and what was stored before does not return.
    expect(world.node("a", 20).node.share).toBe(10);
    expect(stored.get("a")).toBe(10);
    expect((await lease()).node).toBeDefined();
  });

  test("is not taken from the store where another gateway has reported it, nor stored by others than its own", () => {
    const { world } = start();
    const written: string[] = [];
    Object.assign(world.hub, {
      parts: {
        earnedBefore: () => ({ slots: 64, awayMs: 0 }),
        onEarned: ({ who }: Node) => written.push(who.publicId),
      },
    });
    const away = world.node("a", 100, ["m"], { gateway: "gw-2" });
    expect(away.node.share).toBe(2);
    world.hub.reportEarned(away.node, 8);
    expect(written).toEqual([]);
    away.leave();
    expect(world.node("a", 100).node.share).toBe(8);
    expect(written).toEqual(["a"]);
  });

  test("is the whole of its claim as soon as an administrator approves it, and no longer when that is taken back", async () => {
    const { world, take } = start();
    const { node } = world.node("a", 20);
    world.node("b", 20);
    const standing = { label: null, hold: null, isTrusted: true };
    Object.assign(world.hub, { parts: { standingOf: () => standing } });
    world.hub.review(node);
    expect(node.share).toBe(20);
    const { counts, release } = await take(22);
    expect(counts).toEqual({ a: 20, b: 2 });
    release();
    standing.isTrusted = false;
    world.hub.review(node);
    expect(node.share).toBe(2);
  });

  test("is used at once when it grows while all others are beyond theirs", async () => {
    const { world, take, lease } = start();
    const { node } = world.node("a", 20);
    world.node("b", 20);
    // Each has 10 calls, 8 of them beyond its share.
    await take(20);
    for (const _ of [1, 2, 3, 4]) world.hub.answered(node);
    for (const _ of Array(10)) world.hub.answered(node);
    expect(node.share).toBeGreaterThan(10);
    for (let i = node.share - node.active; i > 0; i--) expect((await lease()).node).toBe(node);
  });
});

test("another gateway's node counts by what that gateway reports of it, and earns nothing here", async () => {
  const { world, take, lease } = start();
  const { node } = world.node("far", 20, ["m"], { gateway: "gw-2" });
  world.answers(await lease());
  world.answers(await lease());
  world.fails(await lease());
  expect(node.share).toBe(2);
  await world.clock.pass(60_000);
  world.answers(await lease());
  world.node("a", 20);
  world.hub.reportEarned(node, 8);
  expect((await take(10)).counts).toEqual({ far: 8, a: 2 });
});
