/** Calls that wait for nodes which cannot come any more. */

import { describe, expect, test } from "bun:test";
import { type CallOptions, World, type WorldConfig } from "../call/testing/world.ts";

/** A world in which the only slot of each of these nodes is taken. */
async function start(names: string[], config: WorldConfig = {}) {
  const world = new World(config);
  const nodes = new Map(names.map((name) => [name, world.node(name)]));
  const leases = new Map<string, Awaited<ReturnType<World["lease"]>>>();
  for (const _ of names) {
    const lease = await world.lease();
    leases.set(lease.node.who.publicId, lease);
  }
  const ends: string[] = [];
  const wait = (name: string, options: CallOptions = {}, tried: string[] = []) => {
    void Promise.resolve(world.lease(world.call({ account: name, ...options }), new Set(tried)))
      .then(({ node }) => ends.push(`${name} at ${node.who.publicId}`))
      .catch(({ code }) => ends.push(`${name} ${code}`));
  };
  return { world, nodes, leases, ends, wait, at: (name: string) => nodes.get(name)! };
}

describe("a call that waits is answered at once, as a new call would be", () => {
  test("when the only node of its model leaves", async () => {
    const { world, ends, wait, at } = await start(["a"]);
    for (const name of ["x", "y"]) wait(name);
    at("a").leave();
    await world.clock.pass(0);
    expect(ends).toEqual(["x no_node_online", "y no_node_online"]);
    expect(world.scheduler.waiting).toBe(0);
    expect(world.clock.pending).toBe(0);
  });

  test("when the only node withdraws the model", async () => {
    const { world, ends, wait, at } = await start(["a"]);
    wait("x");
    const { node } = at("a");
    world.hub.update(node, { ...node.offer, models: ["n"] });
    await world.clock.pass(0);
    expect(ends).toEqual(["x no_node_online"]);
  });

  test("when the only node drains, or an administrator pauses it", async () => {
    for (const how of ["drains", "paused"]) {
      const { world, ends, wait, at } = await start(["a"]);
      wait("x");
      const { node } = at("a");
      if (how === "drains") world.hub.update(node, node.offer, true);
      else {
        Object.assign(world.hub, {
          parts: { standingOf: () => ({ label: null, hold: "paused" }) },
        });
        world.hub.review(node);
      }
      await world.clock.pass(0);
      expect(ends).toEqual(["x nodes_penalized"]);
    }
  });

  test("when a penalty keeps the only node away for longer than the call would wait", async () => {
    const { world, leases, ends, wait } = await start(["a"]);
    wait("x");
    world.fails(leases.get("a")!);
    await world.clock.pass(0);
    expect(ends).toEqual(["x nodes_penalized"]);
  });

  test("when another gateway penalises the only node", async () => {
    const { world, ends, wait } = await start(["a"]);
    wait("x");
    const penalty = { model: null, code: "node_lost", reason: "far", faults: 1 } as const;
    world.penalties.adopt("key/a", penalty, 40_000);
    await world.clock.pass(0);
    expect(ends).toEqual(["x nodes_penalized"]);
  });

  test("when only nodes are left that it was tried on", async () => {
    const { world, ends, wait, at } = await start(["a", "b"]);
    wait("tried", {}, ["a"]);
    wait("new");
    at("b").leave();
    await world.clock.pass(0);
    expect(ends).toEqual(["tried nodes_penalized"]);
    expect(world.scheduler.waiting).toBe(1);
  });

  test("when the only node that stores its response leaves, though others serve the model", async () => {
    const { world, ends, wait, at } = await start(["a", "b"]);
    wait("x", { requiredNode: "b" });
    wait("y");
    at("b").leave();
    await world.clock.pass(0);
    expect(ends).toEqual(["x previous_response_not_found"]);
  });

  test("when the only node is another gateway's, and that gateway is lost", async () => {
    const world = new World();
    const far = world.node("far", 1, ["m"], { gateway: "gw-2" });
    await world.lease();
    const error = Promise.resolve(world.lease()).catch(({ code }) => code);
    far.leave();
    await world.clock.pass(0);
    expect(await error).toBe("no_node_online");
  });
});

describe("a call goes on waiting", () => {
  test("while another node serves the model, here or at another gateway", async () => {
    for (const gateway of [null, "gw-2"]) {
      const { world, ends, wait, at } = await start(["a"]);
      const other = world.node("b", 1, ["m"], { gateway });
      const lease = await world.lease();
      wait("x");
      at("a").leave();
      await world.clock.pass(1_000);
      expect(ends).toEqual([]);
      if (gateway !== null) {
        world.scheduler.serveNext(other.node, world.call().request);
      } else lease.release();
      await world.clock.pass(0);
      expect(ends).toEqual(["x at b"]);
    }
  });

  test("while the node changes its offer and still serves the model", async () => {
    const { world, leases, ends, wait, at } = await start(["a"]);
    wait("x");
    const { node } = at("a");
    world.hub.update(node, { ...node.offer, models: ["n", "m"] });
    await world.clock.pass(0);
    leases.get("a")!.release();
    await world.clock.pass(0);
    expect(ends).toEqual(["x at a"]);
  });

  test("while the node moves to another gateway in the same moment", async () => {
    const { world, ends, wait, at } = await start(["a"]);
    wait("x");
    at("a").leave();
    await Promise.resolve();
    world.node("a", 1, ["m"], { gateway: "gw-2" });
    await world.clock.pass(0);
    expect(ends).toEqual([]);
    expect(world.scheduler.waiting).toBe(1);
  });

  test("through a rest of its only node that ends in time", async () => {
    const { world, leases, ends, wait } = await start(["a"]);
    wait("x");
    world.fails(leases.get("a")!, "rate limited", 2_000);
    await world.clock.pass(1_999);
    expect(ends).toEqual([]);
    await world.clock.pass(1);
    expect(ends).toEqual(["x at a"]);
  });
});

test("each waiting call is looked at once, however many nodes leave at a time", async () => {
  const names = Array.from({ length: 50 }, (_, i) => `n${i}`);
  const { world, ends, wait, at } = await start(names, { queuePerModel: 1_000 });
  for (let i = 0; i < 200; i++) wait(`x${i}`);
  let looks = 0;
  const { factsOf } = world.hub;
  world.hub.factsOf = (model) => (looks++, factsOf.call(world.hub, model));
  for (const name of names) at(name).leave();
  await world.clock.pass(0);
  expect(ends).toHaveLength(200);
  expect(looks).toBe(200);
});
