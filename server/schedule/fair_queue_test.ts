import { describe, expect, test } from "bun:test";
import { settle } from "../base/testing/fake_clock.ts";
import type { Lease } from "./lease.ts";
import { KeptAnswer, World } from "../call/testing/world.ts";

/** A call that waits, and the queue positions that were reported to it. */
function wait(world: World, account: string, wantsPosition = true) {
  const call = world.call({ account, stream: true, wantsPosition });
  const answer = new KeptAnswer();
  return { call, answer, done: world.relay.run(call, answer) };
}

async function start(): Promise<{ world: World; held: Lease }> {
  const world = new World({ queuePerAccount: 10 });
  world.node("a");
  return { world, held: await world.lease() };
}

describe("a call that waits", () => {
  test("is told its position in the order in which accounts take turns, and again when it changes", async () => {
    const { world, held } = await start();
    const greedy = [wait(world, "greedy"), wait(world, "greedy"), wait(world, "greedy")];
    const modest = [wait(world, "modest"), wait(world, "modest")];
    const positions = (waiting: typeof greedy) => waiting.map(({ answer }) => answer.positions);
    await world.clock.pass(1_000);
    expect(positions(greedy)).toEqual([[1], [3], [5]]);
    expect(positions(modest)).toEqual([[2], [4]]);

    held.release();
    await world.clock.pass(1_000);
    expect(positions(greedy)).toEqual([[1], [3, 2], [5, 4]]);
    expect(positions(modest)).toEqual([[2, 1], [4, 3]]);
    await stop(world, [...greedy, ...modest]);
  });

  test("is told at once when it is the first that asks, and nothing while its position stays", async () => {
    const { world } = await start();
    const silent = wait(world, "silent", false);
    const first = wait(world, "curious");
    expect(first.answer.positions).toEqual([2]);
    await world.clock.pass(10_000);
    expect(first.answer.positions).toEqual([2]);
    expect(silent.answer.positions).toEqual([]);
    for (const { call } of [silent, first]) call.stop("caller_gone");
    await Promise.all([silent.done, first.done]);
    // No timer is left for an empty queue.
    expect(world.clock.pending).toBe(0);
  });

  test("is told of changes once a second at most, however fast the queue moves", async () => {
    const { world } = await start();
    const others = Array.from({ length: 5 }, (_, i) => wait(world, `other-${i}`, false));
    const last = wait(world, "curious");
    for (const { call } of others) {
      await world.clock.pass(150);
      call.stop("caller_gone");
    }
    expect(last.answer.positions).toEqual([6]);
    await world.clock.pass(250);
    expect(last.answer.positions).toEqual([6, 1]);
    await stop(world, [...others, last]);
  });

  test("is told nothing when a node is free", async () => {
    const { world, held } = await start();
    held.release();
    const lucky = wait(world, "lucky");
    await settle();
    expect(lucky.answer.positions).toEqual([]);
    await stop(world, [lucky]);
  });
});

async function stop(world: World, waiting: ReturnType<typeof wait>[]): Promise<void> {
  for (const { call } of waiting) call.stop("caller_gone");
  await world.clock.pass(10_000);
  await Promise.all(waiting.map(({ done }) => done));
}

test("waits are estimated from how long calls have had their slots, not from their waits", async () => {
  const { world, held } = await start();
  const waiting = wait(world, "ann", false);
  await world.clock.pass(20_000);
  const { received } = world.node("b");
  await world.clock.pass(2_000);
  received[0]!.chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
  received[0]!.sink.finish();
  await waiting.done;
  expect(world.scheduler.callMs(waiting.call.request)).toBe(2_000);
  held.release();
});

test("under the policy auto, how long calls last is what it has measured of a model's nodes", async () => {
  const world = new World({ policy: "auto" });
  world.node("a");
  const call = world.call();
  expect(world.scheduler.callMs(call.request)).toBeNull();
  const lease = await world.lease(call);
  await world.clock.pass(4_000);
  world.answers(lease, call, { firstTokenMs: null, durationMs: 4_000, completionTokens: 100 });
  expect(world.scheduler.callMs(call.request)).toBeGreaterThan(1_000);
});

describe("accounts of different weights", () => {
  /** Whose calls a node with one slot serves, one after the other. */
  async function served(weights: Record<string, number>, calls: number): Promise<string[]> {
    const world = new World({ queuePerAccount: 10, queuePerModel: 20 });
    const { received } = world.node("a");
    const held = await world.lease();
    for (const [account, weight] of Object.entries(weights)) {
      world.groups.weights.set(account, weight);
    }
    const order: string[] = [];
    const expected: [number, string][] = [];
    const waiting = Object.keys(weights).flatMap((account) =>
      Array.from({ length: calls }, () => ({ account, ...wait(world, account) }))
    );
    await world.clock.pass(1_000);
    for (const { account, answer } of waiting) expected.push([answer.positions.at(-1)!, account]);
    held.release();
    for (let i = 0; i < waiting.length; i++) {
      await settle();
      const { order: { accountId }, sink } = received.at(-1)!;
      order.push(accountId ?? "");
      received.at(-1)!.chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
      sink.finish();
    }
    await Promise.all(waiting.map(({ done }) => done));
    const announced = expected.sort(([a], [b]) => a - b).map(([, account]) => account);
    expect(order).toEqual(announced);
    return order;
  }

  test("are served in this proportion, and in the order that their positions say", async () => {
    expect((await served({ a: 1, b: 3 }, 6)).join("")).toBe("abbbabbbaaaa");
    expect((await served({ a: 0.5, b: 1 }, 4)).join("")).toBe("abbabbaa");
  });

  test("take turns where their weights are alike", async () => {
    expect((await served({ a: 1, b: 1 }, 3)).join("")).toBe("ababab");
    expect((await served({ a: 0.01, b: 0.01 }, 2)).join("")).toBe("abab");
  });
});
