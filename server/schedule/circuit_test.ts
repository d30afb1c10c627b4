import { MINUTE_MS } from "../base/clock.ts";
import type { Evidence } from "../node/blame.ts";
import { describe, expect, test } from "bun:test";
import { settle } from "../base/testing/fake_clock.ts";
import type { Lease } from "./lease.ts";
import { KeptAnswer, World } from "../call/testing/world.ts";

describe("a node that failed", () => {
  test("gets one call at a time when its penalty is over, until one succeeds; then all", async () => {
    const world = new World();
    const a = world.node("a", 3);
    world.fails(await world.lease());
    await world.clock.pass(MINUTE_MS);
    const probe = await world.lease();
    const [second] = [outcomeOf(world.lease()), outcomeOf(world.lease())];
    await settle();
    expect([a.node.active, world.scheduler.waiting]).toEqual([1, 2]);
    world.answers(probe);
    await settle();
    expect([a.node.active, world.scheduler.waiting]).toEqual([2, 0]);
    expect(second.lease?.node).toBe(a.node);
    expect(world.circuit(a)).toBe("clear");
  });

  test("is waited for by a call that arrives a moment before its penalty ends, and by no earlier call", async () => {
    const world = new World();
    const a = world.node("a");
    world.fails(await world.lease());
    await world.clock.pass(MINUTE_MS - 51);
    expect(() => world.lease()).toThrow("every node that offers it has failed lately");
    await world.clock.pass(1);
    const waiting = outcomeOf(world.lease());
    await world.clock.pass(49);
    expect([a.node.active, waiting.lease]).toEqual([0, null]);
    await world.clock.pass(1);
    expect(waiting.lease?.node).toBe(a.node);
  });

  test("is penalised for twice as long when the call that probes it fails", async () => {
    const world = new World({ queueWaitMs: 5 * MINUTE_MS });
    const a = world.node("a", 3);
    world.fails(await world.lease());
    await world.clock.pass(MINUTE_MS);
    const probe = await world.lease();
    const waiting = outcomeOf(world.lease());
    world.fails(probe);
    await world.clock.pass(2 * MINUTE_MS - 1);
    expect([a.node.active, waiting.lease]).toEqual([0, null]);
    await world.clock.pass(1);
    expect(waiting.lease?.node).toBe(a.node);
  });

  test("is probed by the next call when the probing call was stopped without a result", async () => {
    const world = new World();
    const a = world.node("a", 3);
    world.fails(await world.lease());
    await world.clock.pass(MINUTE_MS);
    const probe = await world.lease();
    const waiting = outcomeOf(world.lease());
    probe.release();
    await settle();
    expect(waiting.lease?.node).toBe(a.node);
    expect(world.circuit(a)).toBe("probing");
  });

  test("does not get the next waiting call when it fails one", async () => {
    const world = new World();
    const a = world.node("a");
    const [first, second] = [run(world), run(world)];
    await settle();
    a.received[0]!.error(401);
    await settle();
    expect(a.received).toHaveLength(1);
    second.call.stop("caller_gone");
    await Promise.all([first.done, second.done]);
  });

  test("takes calls again after its penalty although it has reconnected meanwhile", async () => {
    const world = new World({ queueWaitMs: 5 * MINUTE_MS });
    const good = world.node("good");
    const held = await world.lease();
    const bad = world.node("bad");
    world.fails(await world.lease());
    const waiting = outcomeOf(world.lease());
    await world.clock.pass(10_000);
    bad.leave();
    const back = world.node("bad");
    await world.clock.pass(MINUTE_MS - 10_001);
    expect(waiting.lease).toBeNull();
    await world.clock.pass(1);
    expect(waiting.lease?.node).toBe(back.node);
    held.release();
    expect(good.node.active).toBe(0);
  });

  test("that reconnects while a call probes it is probed by the next call when that one ends", async () => {
    const world = new World();
    const before = world.node("a");
    world.fails(await world.lease());
    await world.clock.pass(MINUTE_MS);
    const probe = await world.lease();
    before.leave();
    const back = world.node("a");
    const waiting = outcomeOf(world.lease());
    await settle();
    expect(waiting.lease).toBeNull();
    probe.release();
    await settle();
    expect(waiting.lease?.node).toBe(back.node);
  });

  const scopes: [evidence: Evidence, others: "clear" | "penalized"][] = [
    ["key refused", "clear"],
    ["silent", "clear"],
    ["protocol broken", "penalized"],
  ];
  for (const [evidence, others] of scopes) {
    test(`with "${evidence}" is ${others} for its other models`, async () => {
      const world = new World();
      const a = world.node("a", 2, ["m", "n"]);
      world.fails(await world.lease(), evidence);
      expect(world.circuit(a, "m")).toBe("penalized");
      expect(world.circuit(a, "n")).toBe(others);
      expect(world.scheduler.hasOther(world.call({ model: "n" }).request, new Set())).toBe(
        others === "clear",
      );
    });
  }

  test("with its provider's 429 is penalised as long as the provider asks, and Retry-After says so", async () => {
    const world = new World();
    const a = world.node("a");
    const { answer, done } = run(world);
    await settle();
    const headers = { "retry-after": "90" };
    a.received[0]!.sink.fail({ kind: "answered", status: 429, headers, body: `{"error":{}}` });
    await done;
    expect(answer.error).toMatchObject({ retryAfterMs: 90_000 });
    await world.clock.pass(89_999);
    expect(world.circuit(a)).toBe("penalized");
    await world.clock.pass(1);
    expect(world.circuit(a)).toBe("probation");
  });

  test("ends its probation with a rejection, too: a node that rejects a wrong request works", async () => {
    const world = new World();
    const a = world.node("a");
    world.fails(await world.lease());
    await world.clock.pass(MINUTE_MS);
    const { done } = run(world);
    await settle();
    a.received[0]!.error(400);
    await done;
    expect(world.circuit(a)).toBe("clear");
  });

  test("stays on probation when it answers BUSY to the probing call", async () => {
    const world = new World();
    const a = world.node("a");
    world.fails(await world.lease());
    await world.clock.pass(MINUTE_MS);
    const { answer, done } = run(world);
    await settle();
    a.received[0]!.error(503, "BUSY: my owner plays");
    await settle();
    expect(world.circuit(a)).toBe("probation");
    await world.clock.pass(500);
    a.received[1]!.chunk({ choices: [] });
    a.received[1]!.sink.finish();
    await done;
    expect(answer.error).toBeNull();
    expect(world.circuit(a)).toBe("clear");
  });
});

function run(world: World) {
  const call = world.call();
  const answer = new KeptAnswer();
  return { call, answer, done: world.relay.run(call, answer) };
}

/** The lease, once it is granted. */
function outcomeOf(leased: Promise<Lease> | Lease): { lease: Lease | null } {
  const outcome: { lease: Lease | null } = { lease: null };
  Promise.resolve(leased).then((lease) => outcome.lease = lease, () => {});
  return outcome;
}
