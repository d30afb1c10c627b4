import { describe, expect, test } from "bun:test";
import { MINUTE_MS } from "../../base/clock.ts";
import type { Timing } from "./policy.ts";
import { seeded } from "../../base/testing/random.ts";
import { KeptAnswer, World } from "../../call/testing/world.ts";

/** By node name: how long an answer takes. */
type Fleet = Record<string, Partial<Timing>>;

function start(fleet: Fleet, slots = 4): World {
  const world = new World({ policy: "fastest", trustsNodes: true }, seeded(2));
  for (const name of Object.keys(fleet)) world.node(name, slots);
  return world;
}

/** Runs a call at its node's speed; returns the node's name. */
async function serve(world: World, fleet: Fleet): Promise<string> {
  const call = world.call();
  const lease = await world.lease(call);
  world.answers(lease, call, fleet[lease.node.who.publicId]);
  return lease.node.who.publicId;
}

async function served(world: World, fleet: Fleet, calls: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < calls; i++) {
    const name = await serve(world, fleet);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

const streamed = (firstTokenMs: number, tokensPerSecond: number): Partial<Timing> => ({
  firstTokenMs,
  durationMs: firstTokenMs + 100_000 / tokensPerSecond,
  completionTokens: 100,
});

describe("the policy of the fastest node", () => {
  test("sends calls to the fastest node, once each node was measured", async () => {
    const fleet = { slow: streamed(200, 10), quick: streamed(200, 80), slower: streamed(300, 5) };
    const world = start(fleet);
    expect(await served(world, fleet, 3)).toEqual({ slow: 1, quick: 1, slower: 1 });
    expect(await served(world, fleet, 50)).toEqual({ quick: 50 });
  });

  test("weighs the time to the first token as well as tokens per second", async () => {
    const fleet = { sleepy: streamed(9_000, 80), awake: streamed(100, 60) };
    const world = start(fleet);
    await served(world, fleet, 2);
    expect(await served(world, fleet, 10)).toEqual({ awake: 10 });
  });

  test("measures from sending the call to the stream's first piece, and to the end", async () => {
    const world = new World({ policy: "fastest", trustsNodes: true }, seeded(2));
    const waits: Record<string, [firstMs: number, restMs: number]> = {
      prompt: [100, 4_900],
      late: [5_000, 0],
    };
    for (const [name, [firstMs, restMs]] of Object.entries(waits)) {
      const { received } = world.node(name);
      const done = world.relay.run(world.call({ stream: true }), new KeptAnswer());
      await world.clock.pass(firstMs);
      received[0]!.text("all of it");
      await world.clock.pass(restMs);
      received[0]!.sink.finish();
      await done;
    }
    // One token after 5 s and nothing after it beats 4.9 s per token.
    for (let i = 0; i < 5; i++) {
      const lease = await world.lease();
      expect(lease.node.who.publicId).toBe("late");
      lease.release();
    }
  });

  test("compares nodes whose answers come in one piece, too", async () => {
    const whole = (durationMs: number) => ({
      firstTokenMs: null,
      durationMs,
      completionTokens: 50,
    });
    const fleet = { slow: whole(9_000), quick: whole(1_000) };
    const world = start(fleet);
    await served(world, fleet, 2);
    expect(await served(world, fleet, 10)).toEqual({ quick: 10 });
  });

  test("fills a node before one that is half as fast; equally fast nodes share", async () => {
    const fleet = { a: streamed(100, 60), b: streamed(100, 60), slow: streamed(300, 15) };
    const world = start(fleet, 3);
    await served(world, fleet, 3);
    const taken = [];
    for (let i = 0; i < 6; i++) taken.push((await world.lease()).node.who.publicId);
    expect(taken.toSorted()).toEqual(["a", "a", "a", "b", "b", "b"]);
    for (const pair of [taken.slice(0, 2), taken.slice(2, 4)]) expect(new Set(pair).size).toBe(2);
    expect((await world.lease()).node.who.publicId).toBe("slow");
  });

  test("follows changes of speed at once", async () => {
    const fleet: Fleet = { a: streamed(100, 60), b: streamed(100, 30) };
    const world = start(fleet);
    await served(world, fleet, 2);
    fleet.a = streamed(100, 5);
    const counts = await served(world, fleet, 20);
    expect(counts.b).toBeGreaterThan(15);
  });

  test("tries a node that was slow again after ten minutes, with few calls", async () => {
    const fleet: Fleet = { a: streamed(100, 30), b: streamed(100, 5) };
    const world = start(fleet);
    await served(world, fleet, 2);
    fleet.b = streamed(100, 90);
    expect(await served(world, fleet, 40)).toEqual({ a: 40 });
    await world.clock.pass(10 * MINUTE_MS);
    const counts = await served(world, fleet, 60);
    expect(counts.b).toBeGreaterThan(15);
  });

  test("tries only with one call in twenty when many measurements expire at once", async () => {
    const fleet: Fleet = { quick: streamed(100, 90) };
    for (let i = 0; i < 20; i++) fleet[`slow-${i}`] = streamed(900, 5);
    const world = start(fleet);
    await served(world, fleet, 21);
    await world.clock.pass(10 * MINUTE_MS);
    const { quick } = await served(world, fleet, 100);
    expect(quick).toBeGreaterThanOrEqual(94);
  });

  test("gives a node without measurements one call at a time while measured nodes have room", async () => {
    const fleet = { known: streamed(100, 5) };
    const world = start(fleet);
    await serve(world, fleet);
    world.node("new", 4);
    expect((await world.lease()).node.who.publicId).toBe("new");
    const taken = [];
    for (let i = 0; i < 5; i++) taken.push((await world.lease()).node.who.publicId);
    expect(taken).toEqual(["known", "known", "known", "known", "new"]);
  });

  test("measures per model: a node that is fast with one may be slow with another", async () => {
    const world = new World({ policy: "fastest", trustsNodes: true }, seeded(2));
    const msPerToken: Record<string, Record<string, number>> = {
      m: { a: 10, b: 200 },
      n: { a: 200, b: 10 },
    };
    for (const name of ["a", "b"]) world.node(name, 4, ["m", "n"]);
    const last: Record<string, string> = {};
    for (const model of ["m", "n", "m", "n", "m", "n"]) {
      const call = world.call({ model });
      const lease = await world.lease(call);
      last[model] = lease.node.who.publicId;
      world.answers(lease, call, { durationMs: 1000 * msPerToken[model]![last[model]!]! });
    }
    expect(last).toEqual({ m: "a", n: "b" });
  });
});
