/** A call to an alias: which of its targets serves it, and what its caller learns where none does. */

import { describe, expect, test } from "bun:test";
import { settle } from "../base/testing/fake_clock.ts";
import { factsByModel } from "../node/model_facts.ts";
import { type CallOptions, KeptAnswer, type Received, World } from "./testing/world.ts";

async function started(world: World, targets: CallOptions["targets"], more: CallOptions = {}) {
  const writer = new KeptAnswer();
  const call = world.call({ model: "fast", ...more, ...(targets && { targets }) });
  const ended = world.relay.run(call, writer);
  await settle();
  return { call, writer, ended };
}

function answered({ received }: { received: Received[] }): void {
  const last = received.at(-1)!;
  last.chunk({ choices: [{ index: 0, message: { content: "hi" } }] });
  last.sink.finish();
}

/** What a node states of its model. */
function stating(model: string, facts: object) {
  return { facts: factsByModel({ [model]: facts }, [model]) };
}

/** Takes all slots of the world's nodes that serve the model. */
async function fill(world: World, model: string) {
  return await world.lease(world.call({ model, account: "other" }));
}

describe("a call to an alias", () => {
  test("is served by the first target that can serve it now, by whose name its node is asked", async () => {
    const world = new World();
    const [a, b] = [world.node("na", 1, ["a"]), world.node("nb", 1, ["b"])];
    const { ended } = await started(world, [{ model: "none" }, { model: "a" }, { model: "b" }]);
    expect(b.received).toEqual([]);
    expect(a.received[0]?.order).toMatchObject({ model: "a" });
    expect(JSON.parse(a.received[0]!.order.body.text)).toEqual({ model: "a" });
    answered(a);
    await ended;
    expect(world.ledger).toMatchObject([{ model: "a", alias: "fast", outcome: "ok", attempts: 1 }]);
  });

  test("goes past a target that is full, and waits for the first only when all are", async () => {
    const world = new World();
    const [a, b] = [world.node("na", 1, ["a"]), world.node("nb", 1, ["b"])];
    const busy = await fill(world, "a");
    const first = await started(world, [{ model: "a" }, { model: "b" }]);
    expect(b.received).toHaveLength(1);
    const second = await started(world, [{ model: "a" }, { model: "b" }]);
    expect(world.scheduler.waitingFor("a")).toBe(1);
    busy.release();
    await settle();
    answered(a);
    answered(b);
    await Promise.all([first.ended, second.ended]);
    expect(world.ledger.map(({ model }) => model).sort()).toEqual(["a", "b"]);
  });

  test("waits at a target as long as the target says, and then goes to the next", async () => {
    const world = new World();
    world.node("na", 1, ["a"]);
    const b = world.node("nb", 1, ["b"]);
    await fill(world, "a");
    const { ended } = await started(world, [{ model: "a", maxWaitMs: 5000 }, { model: "b" }]);
    await world.clock.pass(4999);
    expect(b.received).toEqual([]);
    await world.clock.pass(2);
    answered(b);
    await ended;
    expect(world.ledger).toMatchObject([{ model: "b", queuedMs: 5000 }]);
  });

  test.each([
    ["a context that its nodes do not state", { contextAtLeast: 1000 }, { context_length: 999 }],
    ["a context of which nothing is known", { contextAtLeast: 1000 }, {}],
    ["tools that its nodes do not state", { needs: ["tools" as const] }, { vision: true }],
  ])("goes past a target that needs %s", async (_, needed, facts) => {
    const world = new World();
    const a = world.node("na", 1, ["a"], stating("a", facts));
    const b = world.node("nb", 1, ["b"]);
    const { ended } = await started(world, [{ model: "a", ...needed }, { model: "b" }]);
    expect(a.received).toEqual([]);
    answered(b);
    await ended;
  });

  test("goes to a target that meets its conditions", async () => {
    const world = new World();
    const facts = { context_length: 1000, tools: true, vision: true };
    const a = world.node("na", 1, ["a"], stating("a", facts));
    const target = { model: "a", contextAtLeast: 1000, needs: ["tools", "vision"] as const };
    const { ended } = await started(world, [target, { model: "b" }]);
    answered(a);
    await ended;
  });

  test("goes past a target that is preferred when loaded, unless no other can serve", async () => {
    const world = new World();
    const cold = world.node("na", 2, ["a"], stating("a", { loaded: false }));
    const b = world.node("nb", 1, ["b"]);
    const targets = [{ model: "a", prefer: "loaded" as const }, { model: "b" }];
    const first = await started(world, targets);
    expect(b.received).toHaveLength(1);
    const second = await started(world, targets);
    expect(cold.received).toHaveLength(1);
    answered(b);
    answered(cold);
    await Promise.all([first.ended, second.ended]);
  });

  test("goes to a free node of its account where that is preferred, and past the target where it has none", async () => {
    const world = new World();
    const own = world.node("na", 1, ["a"]);
    const others = world.node("nb", 8, ["a"]);
    const c = world.node("nc", 1, ["c"]);
    const targets = [{ model: "a", prefer: "own" as const }, { model: "c" }];
    const more = { account: "owner-na" };
    const first = await started(world, targets, more);
    expect(own.received).toHaveLength(1);
    const second = await started(world, targets, more);
    expect(c.received).toHaveLength(1);
    // Its own node and the other target are full: any node will do.
    const third = await started(world, targets, more);
    expect(others.received).toHaveLength(1);
    [own, c, others].forEach(answered);
    await Promise.all([first.ended, second.ended, third.ended]);
  });
});

describe("a target that fails before the first byte", () => {
  test("is followed by the next, even by the same node", async () => {
    const world = new World();
    const node = world.node("n", 1, ["a", "b"]);
    const { ended } = await started(world, [{ model: "a" }, { model: "b" }]);
    node.received[0]!.error(429);
    await settle();
    expect(node.received[1]?.order).toMatchObject({ model: "b" });
    answered(node);
    await ended;
    expect(world.ledger).toMatchObject([{ model: "b", attempts: 2, outcome: "ok" }]);
  });

  test("costs its nodes nothing where another model answers: the request may have been at fault", async () => {
    const world = new World({}, () => 0);
    const nodes = ["n1", "n2"].map((name) => world.node(name, 1, ["a"]));
    const b = world.node("nb", 1, ["b"]);
    const { ended } = await started(world, [{ model: "a" }, { model: "b" }]);
    const tried = new Set<Received>();
    for (let tries = 0; tries < 2; tries++) {
      const [attempt] = nodes.flatMap(({ received }) => received).filter((one) => !tried.has(one));
      tried.add(attempt!);
      attempt!.sink.fail({ kind: "answered", status: 500, headers: {}, body: "boom" });
      await settle();
    }
    answered(b);
    await ended;
    expect(world.reported).toEqual([]);
    expect(nodes.map((node) => world.circuit(node, "a"))).toEqual(["clear", "clear"]);
  });

  test("is not followed once the caller has a part of the answer", async () => {
    const world = new World();
    const node = world.node("n", 1, ["a", "b"]);
    const { ended, writer } = await started(world, [{ model: "a" }, { model: "b" }], {
      stream: true,
    });
    node.received[0]!.text("begun");
    await settle();
    node.received[0]!.sink.fail({ kind: "lost", reason: "gone" });
    await ended;
    expect(node.received).toHaveLength(1);
    expect(writer.error).toMatchObject({ code: "node_lost" });
  });

  test("is not followed after a refusal of the request", async () => {
    const world = new World();
    const node = world.node("n", 1, ["a", "b"]);
    const { ended, writer } = await started(world, [{ model: "a" }, { model: "b" }]);
    node.received[0]!.sink.fail({ kind: "answered", status: 400, headers: {}, body: "no" });
    await ended;
    expect(node.received).toHaveLength(1);
    expect(writer.rejection).toMatchObject({ status: 400 });
  });

  test("gives further targets one try each when its retries are used up", async () => {
    const world = new World();
    const nodes = Array.from({ length: 6 }, (_, i) => world.node(`n${i}`, 9, ["a", "b", "c"]));
    const { ended } = await started(world, [{ model: "a" }, { model: "b" }, { model: "c" }]);
    const all = () => nodes.flatMap(({ received }) => received);
    for (let seen = 0; seen < all().length;) {
      seen = all().length;
      for (const { sink } of all()) sink.fail({ kind: "lost", reason: `gone ${seen}` });
      await settle();
    }
    await ended;
    const models = all().map(({ order }) => order.model).sort();
    expect(models).toEqual(["a", "a", "a", "a", "b", "c"]);
  });
});

describe("the error of an alias", () => {
  test("says of each target why it could not serve, and when to come back", async () => {
    const world = new World();
    world.node("na", 1, ["a"]).leave();
    const full = world.node("nb", 1, ["b"], stating("b", { context_length: 10 }));
    const { writer } = await started(world, [
      { model: "a" },
      { model: "b", contextAtLeast: 1000 },
      { model: "none" },
    ]);
    expect(full.received).toEqual([]);
    expect(writer.error?.code).toBe("no_node_online");
    expect(writer.error?.retryAfterMs).toBeGreaterThan(0);
    expect(writer.error?.message).toBe(
      'Cannot serve "fast", which leads to: ' +
        '"a": no node that offers it at /v1/chat/completions is connected; try again soon; ' +
        '"b": not all of its nodes state a context of 1000 tokens; ' +
        '"none": GET /v1/models lists what is offered',
    );
  });

  test("names the failures of all that were tried", async () => {
    const world = new World();
    const nodes = [world.node("na", 1, ["a"]), world.node("nb", 1, ["b"])];
    const { ended, writer } = await started(world, [{ model: "a" }, { model: "b" }]);
    for (const { received } of nodes) {
      received[0]!.sink.fail({ kind: "lost", reason: "gone" });
      await settle();
    }
    await ended;
    expect(writer.error?.code).toBe("node_lost");
    expect(writer.error?.message).toStartWith('Cannot serve "fast", which leads to: "a": ');
    expect(writer.error?.message).toContain('; "b": ');
    expect(world.ledger).toMatchObject([{ alias: "fast", model: "b", outcome: "node_lost" }]);
  });
});

test("a call that is stopped while it waits at a target goes to no other", async () => {
  const world = new World();
  world.node("na", 1, ["a"]);
  await fill(world, "a");
  const targets = [{ model: "a", maxWaitMs: 5000 }, { model: "b" }];
  const { call, ended, writer } = await started(world, targets);
  world.node("nb", 1, ["b"]);
  call.stop("caller_gone");
  await ended;
  expect(writer.error?.code).toBe("caller_gone");
  expect(world.scheduler.waiting).toBe(0);
});
