import { describe, expect, test } from "bun:test";
import type { Call } from "../call.ts";
import type { Lease } from "../lease.ts";
import { seeded } from "../../base/testing/random.ts";
import { type CallOptions, World } from "../../call/testing/world.ts";

function start(nodes: number, slots = 4): World {
  const world = new World({ policy: "affinity", trustsNodes: true }, seeded(5));
  for (let i = 0; i < nodes; i++) world.node(`node-${i}`, slots);
  return world;
}

/** Runs a call to its answer; returns the node's name. */
async function serve(world: World, options: CallOptions): Promise<string> {
  const call = world.call(options);
  const lease = await world.lease(call);
  world.answers(lease, call);
  return lease.node.who.publicId;
}

/** The messages that a client sends at its nth turn. */
function turns(name: string, count: number): string[] {
  return Array.from({ length: 2 * count - 1 }, (_, i) => `${name} ${i}`);
}

describe("affinity", () => {
  test("brings each conversation back to its node, turn after turn", async () => {
    const world = start(8);
    for (let i = 0; i < 40; i++) {
      const names = new Set<string>();
      for (let turn = 1; turn <= 5; turn++) {
        names.add(await serve(world, { messages: turns(`talk ${i}`, turn) }));
      }
      expect(names.size).toBe(1);
    }
  });

  test("spreads new conversations, even if their first messages are equal, and repeated calls", async () => {
    const world = start(4);
    const counts = new Map<string, number>();
    for (let i = 0; i < 400; i++) {
      const messages = i % 2 ? ["be brief", `question ${i}`] : ["the very same"];
      const name = await serve(world, { messages });
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(count).toBeWithin(70, 130);
    expect(counts.size).toBe(4);
  });

  test("follows the longest known beginning: a conversation that was moved stays on its new node", async () => {
    const world = start(2, 1);
    const first = await serve(world, { messages: turns("talk", 1) });
    const blocker = leaseOf(world, first);
    const second = await serve(world, { messages: turns("talk", 2) });
    expect(second).not.toBe(first);
    blocker.release();
    expect(await serve(world, { messages: turns("talk", 3) })).toBe(second);
  });

  test("gives a node at most 1.25 times its share, and further calls to the least busy node", async () => {
    const world = start(4, 8);
    const name = await serve(world, { messages: turns("talk", 1) });
    const taken: string[] = [];
    for (let i = 0; i < 16; i++) {
      // Many continuations of one conversation at the same time.
      const call = world.call({ messages: [...turns("talk", 1), "answer", `branch ${i}`] });
      taken.push((await world.lease(call)).node.who.publicId);
      const ofNode = taken.filter((one) => one === name).length;
      expect(ofNode).toBeLessThanOrEqual(Math.ceil(1.25 * taken.length / 4));
    }
    // Each node's share of 16 calls is 4; this node got a quarter more.
    expect(taken.filter((one) => one === name)).toHaveLength(5);
  });

  test("weighs a node's share by its slots", async () => {
    const world = start(1, 12);
    const name = await serve(world, { messages: turns("talk", 1) });
    world.node("small", 4);
    const taken: string[] = [];
    for (let i = 0; i < 8; i++) {
      const call = world.call({ messages: [...turns("talk", 1), "answer", `branch ${i}`] });
      taken.push((await world.lease(call)).node.who.publicId);
    }
    expect(taken.filter((one) => one === name).length).toBeGreaterThanOrEqual(7);
  });

  test("chooses another node if the conversation's node is full, was tried, failed, left or dropped the model", async () => {
    const losses: ((world: World, name: string) => void)[] = [
      (world, name) => void leaseOf(world, name),
      (world, name) => world.fails(leaseOf(world, name)),
      (world, name) => world.hub.remove(world.hub.find(`key/${name}`)!),
      (world, name) => {
        const node = world.hub.find(`key/${name}`)!;
        world.hub.update(node, { ...node.offer, models: ["another"] });
      },
    ];
    for (const lose of losses) {
      const world = start(3, 1);
      const name = await serve(world, { messages: turns("talk", 1) });
      lose(world, name);
      expect(await serve(world, { messages: turns("talk", 2) })).not.toBe(name);
    }
    const world = start(3, 1);
    const name = await serve(world, { messages: turns("talk", 1) });
    const again = await world.lease(world.call({ messages: turns("talk", 2) }), new Set([name]));
    expect(again.node.who.publicId).not.toBe(name);
  });

  test("brings the calls of a session that the client names to one node, whatever they say", async () => {
    const world = start(16);
    const names = new Set<string>();
    for (let i = 0; i < 20; i++) {
      names.add(await serve(world, { messages: [`question ${i}`], session: "s" }));
    }
    expect(names.size).toBe(1);
    const others = new Set<string>();
    for (let i = 0; i < 20; i++) {
      others.add(await serve(world, { messages: ["x"], session: "s", account: `user ${i}` }));
    }
    expect(others.size).toBeGreaterThan(1);
  });

  test("prefers the node that has the conversation to the session's", async () => {
    const world = start(2, 1);
    const first = await serve(world, { messages: turns("talk", 1), session: "s" });
    const blocker = leaseOf(world, first);
    const second = await serve(world, { messages: ["another"], session: "s" });
    expect(second).not.toBe(first);
    blocker.release();
    expect(await serve(world, { messages: turns("talk", 2), session: "s" })).toBe(first);
  });

  test("does not let an account find out what another one has said", async () => {
    const world = start(16);
    const names = new Set<string>();
    await serve(world, { messages: turns("talk", 1), account: "alice" });
    for (let i = 0; i < 40; i++) {
      names.add(await serve(world, { messages: turns("talk", 2), account: `mallory-${i}` }));
    }
    expect(names.size).toBeGreaterThan(8);
  });

  test("gives every node its share, with conversations of all lengths", async () => {
    const world = start(6, 4);
    const random = seeded(11);
    const served = new Map<string, number>();
    const talks = Array.from({ length: 60 }, (_, i) => ({ name: `talk ${i}`, turn: 1 }));
    let running: { call: Call; lease: Lease }[] = [];
    for (let step = 0; step < 3000; step++) {
      const talk = talks[Math.floor(random() * talks.length)]!;
      if (random() < 0.05) Object.assign(talk, { name: `talk ${step}`, turn: 1 });
      const call = world.call({ messages: turns(talk.name, talk.turn++) });
      const lease = await world.lease(call);
      served.set(lease.node.who.publicId, (served.get(lease.node.who.publicId) ?? 0) + 1);
      running.push({ call, lease });
      if (running.length < 12) continue;
      for (const done of running) world.answers(done.lease, done.call);
      running = [];
    }
    for (const count of served.values()) expect(count).toBeWithin(350, 650);
    expect(served.size).toBe(6);
  });
});

/** Leases a slot of this node. */
function leaseOf(world: World, name: string): Lease {
  const others = [...world.hub.nodes()].map(({ who }) => who.publicId).filter((id) => id !== name);
  return world.lease(world.call(), new Set(others)) as Lease;
}
