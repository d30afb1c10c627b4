/** Several gateways: whose nodes are chosen, and who gets a slot that becomes free. */

import { describe, expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import type { Node } from "../node/node.ts";
import type { Service } from "../node/service.ts";
import type { Lease } from "./lease.ts";
import type { RemoteWaiters } from "./remote_waiters.ts";
import { World } from "../call/testing/world.ts";

const chat: Service = { model: "m", endpoint: Endpoint.chat };

/** Calls of one other gateway, all for the model m. */
class OneRival implements RemoteWaiters {
  readonly given: Lease[] = [];
  readonly waiting: { sinceMs: number; tried: string[] }[] = [];

  hasWaiting({ model }: Service): boolean {
    return model === "m" && this.waiting.length > 0;
  }

  waitingSince(node: Node, { model }: Service): number | null {
    return model === "m" ? this.#next(node)?.sinceMs ?? null : null;
  }

  grant(lease: Lease): void {
    this.waiting.splice(this.waiting.indexOf(this.#next(lease.node)!), 1);
    this.given.push(lease);
  }

  #next({ who }: Node) {
    return this.waiting.find(({ tried }) => !tried.includes(who.publicId));
  }
}

describe("nodes of other gateways", () => {
  test("are passed over for a node of this gateway that is as good", async () => {
    const world = new World({ remoteWaiters: new OneRival() });
    const away = world.node("away", 2, ["m"], { gateway: "other" });
    const near = world.node("near", 2);
    const chosen = [];
    for (let i = 0; i < 4; i++) chosen.push((await world.lease()).node);
    expect(chosen).toEqual([near.node, away.node, near.node, away.node]);
  });

  test("count what the other gateways run on them", async () => {
    const world = new World({ remoteWaiters: new OneRival() });
    const { node } = world.node("away", 2, ["m"], { gateway: "other" });
    world.hub.load(node, 2);
    const lease = world.lease();
    let isServed = false;
    void Promise.resolve(lease).then(() => isServed = true);
    await world.clock.pass(1_000);
    expect(isServed).toBe(false);
    // That a slot is free again is not enough: its gateway offers it, to whoever has waited longest.
    world.hub.load(node, -1);
    await world.clock.pass(1_000);
    expect(isServed).toBe(false);
    expect(world.scheduler.takeOffer(node, chat)).toBe(true);
    expect((await lease).node).toBe(node);
    expect(world.scheduler.takeOffer(node, chat)).toBe(false);
  });
});

describe("a slot that becomes free", () => {
  test("goes to whoever has waited longest, here or at another gateway", async () => {
    const remoteWaiters = new OneRival();
    const world = new World({ remoteWaiters });
    const { node } = world.node("n");
    const first = await world.lease();
    await world.clock.pass(1_000);
    const here = Promise.resolve(world.lease());
    remoteWaiters.waiting.push({ sinceMs: world.clock.monotonic() - 500, tried: [] });
    remoteWaiters.waiting.push({ sinceMs: world.clock.monotonic() + 500, tried: [] });
    world.scheduler.remoteWaitersArrived(chat);
    expect(remoteWaiters.given).toEqual([]);
    first.release();
    expect(remoteWaiters.given).toHaveLength(1);
    remoteWaiters.given[0]?.release();
    (await here).release();
    expect(remoteWaiters.given).toHaveLength(2);
    expect(node.active).toBe(1);
  });

  test("is not offered to a call that was tried on the node", async () => {
    const remoteWaiters = new OneRival();
    const world = new World({ remoteWaiters });
    world.node("n");
    remoteWaiters.waiting.push({ sinceMs: 0, tried: ["n"] });
    world.scheduler.remoteWaitersArrived(chat);
    expect(remoteWaiters.given).toEqual([]);
    expect((await world.lease()).node.who.publicId).toBe("n");
  });

  test("goes at once to a call of another gateway that comes while it is free", () => {
    const remoteWaiters = new OneRival();
    const world = new World({ remoteWaiters });
    world.node("away", 1, ["m"], { gateway: "other" });
    const { node } = world.node("near", 2);
    remoteWaiters.waiting.push({ sinceMs: 0, tried: [] }, { sinceMs: 0, tried: [] }, {
      sinceMs: 0,
      tried: [],
    });
    world.scheduler.remoteWaitersArrived(chat);
    expect(remoteWaiters.given.map((lease) => lease.node)).toEqual([node, node]);
    expect(remoteWaiters.waiting).toHaveLength(1);
  });
});

test("a lease for another gateway is given while the node is open, and never beyond its slots", () => {
  const world = new World({ remoteWaiters: new OneRival() });
  const { node } = world.node("n", 1);
  const lease = world.scheduler.leaseLocal(node, chat);
  expect(lease?.node).toBe(node);
  expect(world.scheduler.leaseLocal(node, chat)).toBe(null);
  expect(world.scheduler.leaseLocal(node, { ...chat, model: "no such model" })).toBe(null);
  lease?.release();
  expect(world.scheduler.leaseLocal(node, chat)).not.toBe(null);
});
