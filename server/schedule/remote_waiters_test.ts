/** Several gateways: whose nodes are chosen, and which call gets a slot that becomes free. */

import { describe, expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import type { Service } from "../node/service.ts";
import type { Lease } from "./lease.ts";
import type { RemoteWaiter, RemoteWaiters } from "./remote_waiters.ts";
import { World } from "../call/testing/world.ts";

const chat: Service = { model: "m", endpoint: Endpoint.chat };

/** The waiting calls of one other gateway, all for the model m. */
class OneGateway implements RemoteWaiters {
  readonly granted: Lease[] = [];
  readonly calls: RemoteWaiter[] = [];

  wait(
    sinceMs: number,
    { tried = [], account = "bob" }: { tried?: string[]; account?: string } = {},
  ) {
    const wanted = { ...chat, accountId: account };
    this.calls.push({ sinceMs, tried: new Set(tried), wanted, promptBytes: 40 });
  }

  get serviceCount(): number {
    return this.calls.length > 0 ? 1 : 0;
  }

  services(): Service[] {
    return this.calls.length > 0 ? [chat] : [];
  }

  hasWaiting({ model }: Service): boolean {
    return model === "m" && this.calls.length > 0;
  }

  waiting({ model }: Service): RemoteWaiter[] {
    return model === "m" ? this.calls : [];
  }

  grant(lease: Lease, waiter: RemoteWaiter): void {
    this.calls.splice(this.calls.indexOf(waiter), 1);
    this.granted.push(lease);
  }
}

describe("nodes of other gateways", () => {
  test("are skipped for a node of this gateway at equal cost", async () => {
    const world = new World({ remoteWaiters: new OneGateway() });
    const away = world.node("away", 2, ["m"], { gateway: "other" });
    const near = world.node("near", 2);
    const chosen = [];
    for (let i = 0; i < 4; i++) chosen.push((await world.lease()).node);
    expect(chosen).toEqual([near.node, away.node, near.node, away.node]);
  });

  test("are full when other gateways use all of their slots", async () => {
    const world = new World({ remoteWaiters: new OneGateway() });
    const { node } = world.node("away", 2, ["m"], { gateway: "other" });
    world.hub.load(node, 2);
    const lease = world.lease();
    let isServed = false;
    void Promise.resolve(lease).then(() => isServed = true);
    await world.clock.pass(1_000);
    expect(isServed).toBe(false);
    // A free slot is not enough: its gateway offers it to the call that has waited longest.
    world.hub.load(node, -1);
    await world.clock.pass(1_000);
    expect(isServed).toBe(false);
    expect(world.scheduler.serveNext(node, chat)).toBe(true);
    expect((await lease).node).toBe(node);
    expect(world.scheduler.serveNext(node, chat)).toBe(false);
  });

  test("take calls at once when other gateways use fewer of their slots, even after a BUSY", async () => {
    const world = new World({ remoteWaiters: new OneGateway() });
    const { node } = world.node("away", 2, ["m"], { gateway: "other" });
    world.hub.load(node, 2);
    const waiting = world.call();
    const waited = Promise.resolve(world.lease(waiting)).catch(() => {});
    waiting.stop("caller_gone");
    await waited;
    world.hub.load(node, -1);
    const lease = await world.lease();
    expect(lease.node).toBe(node);
    world.fails(lease, "busy");
    world.hub.load(node, -1);
    expect(world.clock.pending).toBe(0);
    expect((await world.lease()).node).toBe(node);
  });
});

describe("a slot that becomes free", () => {
  test("goes to the call that has waited longest, here or at another gateway", async () => {
    const remoteWaiters = new OneGateway();
    const world = new World({ remoteWaiters });
    const { node } = world.node("n");
    const first = await world.lease();
    await world.clock.pass(1_000);
    const here = Promise.resolve(world.lease());
    remoteWaiters.wait(world.clock.monotonic() - 500);
    remoteWaiters.wait(world.clock.monotonic() + 500);
    world.scheduler.remoteWaitersArrived(chat);
    expect(remoteWaiters.granted).toEqual([]);
    first.release();
    expect(remoteWaiters.granted).toHaveLength(1);
    remoteWaiters.granted[0]?.release();
    (await here).release();
    expect(remoteWaiters.granted).toHaveLength(2);
    expect(node.active).toBe(1);
  });

  test("is not offered to a call that was tried on the node", async () => {
    const remoteWaiters = new OneGateway();
    const world = new World({ remoteWaiters });
    world.node("n");
    remoteWaiters.wait(0, { tried: ["n"] });
    world.scheduler.remoteWaitersArrived(chat);
    expect(remoteWaiters.granted).toEqual([]);
    expect((await world.lease()).node.who.publicId).toBe("n");
  });

  test("goes at once to a call of another gateway that arrives while it is free", () => {
    const remoteWaiters = new OneGateway();
    const world = new World({ remoteWaiters });
    world.node("away", 1, ["m"], { gateway: "other" });
    const { node } = world.node("near", 2);
    for (let i = 0; i < 3; i++) remoteWaiters.wait(0);
    world.scheduler.remoteWaitersArrived(chat);
    expect(remoteWaiters.granted.map((lease) => lease.node)).toEqual([node, node]);
    expect(remoteWaiters.calls).toHaveLength(1);
  });
});

test("calls of other gateways get the slots of local nodes only, as they are free and while the node is connected", async () => {
  const remoteWaiters = new OneGateway();
  const world = new World({ remoteWaiters });
  const arrive = () => {
    remoteWaiters.wait(0);
    world.scheduler.remoteWaitersArrived(chat);
  };
  const near = world.node("near");
  const held = await world.lease();
  arrive();
  remoteWaiters.calls.length = 0;
  held.release();
  arrive();
  expect(remoteWaiters.granted.map(({ node }) => node)).toEqual([near.node]);
  remoteWaiters.granted[0]?.release();
  near.leave();
  arrive();
  expect(remoteWaiters.granted).toHaveLength(1);
});

test("a lease for another gateway is given while the node is open, and never beyond its slots", () => {
  const world = new World({ remoteWaiters: new OneGateway() });
  const { node } = world.node("n", 1);
  const lease = world.scheduler.leaseLocal(node, chat);
  expect(lease?.node).toBe(node);
  expect(world.scheduler.leaseLocal(node, chat)).toBe(null);
  expect(world.scheduler.leaseLocal(node, { ...chat, model: "no such model" })).toBe(null);
  lease?.release();
  expect(world.scheduler.leaseLocal(node, chat)).not.toBe(null);
});
