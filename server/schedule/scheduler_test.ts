import { describe, expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import { settle } from "../base/testing/fake_clock.ts";
import type { Lease } from "./lease.ts";
import { servedAt, World } from "../call/testing/world.ts";

describe("the scheduler", () => {
  test("gives a call to the node with the smallest share of its slots in use", async () => {
    const world = new World();
    world.node("small", 2);
    world.node("large", 10);
    const taken: string[] = [];
    for (let i = 0; i < 12; i++) {
      taken.push((await world.lease()).node.who.publicId);
    }
    expect(taken.filter((id) => id === "small")).toHaveLength(2);
    expect(taken.filter((id) => id === "large")).toHaveLength(10);
    expect(taken.slice(0, 3)).toContain("small");
  });

  test("breaks ties among equals at random", async () => {
    let seed = 7;
    const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
    const counts = new Map<string, number>();
    for (let i = 0; i < 300; i++) {
      const world = new World({}, random);
      for (const name of ["a", "b", "c"]) world.node(name);
      const { node } = await world.lease();
      counts.set(node.who.publicId, (counts.get(node.who.publicId) ?? 0) + 1);
    }
    for (const name of ["a", "b", "c"]) expect(counts.get(name)).toBeGreaterThan(60);
  });

  test("never gives a node more calls than it has slots", async () => {
    const world = new World();
    const { node } = world.node("a", 3);
    for (let i = 0; i < 6; i++) {
      void world.lease(world.call({ account: `u${i}` }));
    }
    await settle();
    expect(node.active).toBe(3);
    expect(world.scheduler.waiting).toBe(3);
  });

  test("serves waiting accounts in turns, and the calls of one account in order of arrival", async () => {
    const world = new World();
    world.node("a");
    const order: string[] = [];
    const first = await world.lease();
    for (const name of ["greedy-1", "greedy-2", "greedy-3", "modest-1", "shy-1"]) {
      const call = world.call({ account: name.split("-")[0]! });
      void Promise.resolve(world.lease(call)).then((lease) => {
        order.push(name);
        lease.release();
      });
    }
    first.release();
    await settle();
    expect(order).toEqual(["greedy-1", "modest-1", "shy-1", "greedy-2", "greedy-3"]);
  });

  test("a new call does not overtake waiting calls", async () => {
    const world = new World();
    const a = world.node("a");
    const held = await world.lease();
    const order: string[] = [];
    const waits = (name: string) =>
      void Promise.resolve(world.lease(world.call({ account: name })))
        .then((lease) => (order.push(name), lease));
    waits("early");
    held.release();
    waits("late");
    await settle();
    expect(order).toEqual(["early"]);
    expect(a.node.active).toBe(1);
  });

  test("a call that is stopped while it waits leaves the queue with the reason", async () => {
    const world = new World();
    world.node("a");
    await world.lease();
    const call = world.call();
    const waiting = Promise.resolve(world.lease(call));
    call.stop("caller_gone");
    expect(waiting).rejects.toMatchObject({ code: "caller_gone" });
    expect(world.scheduler.waiting).toBe(0);
  });

  test("a call waits no longer than configured, and its error says when to retry", async () => {
    const world = new World();
    world.node("a");
    await world.lease();
    world.scheduler.measured(world.call().request, 8000);
    const waiting = outcome(world.lease());
    await world.clock.pass(30_000);
    expect(await waiting).toMatchObject({ code: "queue_timeout", retryAfterMs: 8000 });
    expect(world.clock.pending).toBe(0);
  });

  test("a full queue refuses calls, by model and by account, with a wait estimated from measured calls", async () => {
    const world = new World({ queuePerModel: 3, queuePerAccount: 2 });
    world.node("a");
    await world.lease();
    world.scheduler.measured(world.call().request, 4000);
    const wait = (account: string) => outcome(world.lease(world.call({ account })));
    void wait("x");
    void wait("x");
    expect(refused(() => world.lease(world.call({ account: "x" }))))
      .toMatchObject({ code: "queue_full", retryAfterMs: 12_000 });
    void wait("y");
    // Its first call would be served before the second one of "x".
    expect(refused(() => world.lease(world.call({ account: "z" }))))
      .toMatchObject({ code: "queue_full", retryAfterMs: 12_000 });
  });

  test("an unknown model is not found, and near names are offered", () => {
    const world = new World();
    world.node("a", 1, ["llama3:8b", "qwen-72b"]);
    const error = refused(() => world.lease(world.call({ model: "lama3:8b" })));
    expect(error).toMatchObject({ code: "model_not_found", param: "model" });
    expect(error.message).toContain(`"llama3:8b"`);
    expect(error.message).not.toContain("qwen");
  });

  test("a known model with no node online is unavailable for now", () => {
    const world = new World();
    world.node("a").leave();
    expect(refused(() => world.lease()))
      .toMatchObject({ code: "no_node_online", retryAfterMs: 10_000 });
  });

  test("a call goes to a node that serves its model at its endpoint, however busy that is", async () => {
    const world = new World();
    world.node("chats");
    const embeds = world.node("embeds", 9, ["m"], { facts: servedAt(Endpoint.embeddings) });
    for (let i = 0; i < 3; i++) {
      const lease = await world.lease(world.call({ endpoint: Endpoint.embeddings }));
      expect(lease.node).toBe(embeds.node);
    }
    expect((await world.lease()).node.who.publicId).toBe("chats");
  });

  test("a model that is offered, but not at the endpoint, is refused with where it can be called", () => {
    const world = new World();
    world.node("a", 1, ["m"], { facts: servedAt(Endpoint.messages, Endpoint.chat) });
    const error = refused(() => world.lease(world.call({ endpoint: Endpoint.embeddings })));
    expect(error).toMatchObject({
      code: "endpoint_not_offered",
      param: "model",
      message: `Cannot serve "m" at /v1/embeddings: no node offers it there; ` +
        `it can be called at /v1/chat/completions, /v1/messages`,
    });
  });

  test("an endpoint whose only node has left is unavailable for now, though others have the model", () => {
    const world = new World();
    world.node("chats");
    world.node("embeds", 1, ["m"], { facts: servedAt(Endpoint.embeddings) }).leave();
    expect(refused(() => world.lease(world.call({ endpoint: Endpoint.embeddings }))).code)
      .toBe("no_node_online");
  });

  test("a freed slot goes to the call that has waited longest, at any endpoint", async () => {
    const world = new World();
    world.node("a", 1, ["m"], { facts: servedAt(Endpoint.chat, Endpoint.responses) });
    const running = await world.lease();
    const served: Endpoint[] = [];
    const endpoints = [Endpoint.responses, Endpoint.chat, Endpoint.responses] as const;
    for (const [i, endpoint] of endpoints.entries()) {
      await world.clock.pass(10);
      const call = world.call({ endpoint, account: `account-${i}` });
      void Promise.resolve(world.lease(call)).then((lease) => {
        served.push(endpoint);
        lease.release();
      });
    }
    running.release();
    await world.clock.pass(0);
    expect(served).toEqual([...endpoints]);
  });

  test("the limit of a model's queue counts all of its endpoints together", async () => {
    const world = new World({ queuePerModel: 2 });
    world.node("a", 1, ["m"], { facts: servedAt(Endpoint.chat, Endpoint.responses) });
    await world.lease();
    for (const endpoint of [Endpoint.chat, Endpoint.responses] as const) {
      void outcome(world.lease(world.call({ endpoint })));
    }
    expect(refused(() => world.lease(world.call({ account: "z" }))).code).toBe("queue_full");
  });

  describe("for a call that goes on from a response which one node has stored", () => {
    test("asks that node only, however busy it is", async () => {
      const world = new World();
      world.node("idle", 9);
      const required = world.node("home", 2);
      await world.lease(world.call({ requiredNode: "home" }));
      expect((await world.lease(world.call({ requiredNode: "home" }))).node).toBe(required.node);
      const third = outcome(world.lease(world.call({ requiredNode: "home" })));
      // Other calls are not held up by the one that waits.
      for (const account of ["alice", "bob"]) {
        expect((await world.lease(world.call({ account }))).node.who.publicId).toBe("idle");
      }
      await world.clock.pass(30_000);
      expect(await third).toMatchObject({ code: "queue_timeout" });
    });

    test("gives it that node's next slot, although others have waited longer for another node", async () => {
      const world = new World();
      const [away, required] = [world.node("away"), world.node("home")];
      const running = await world.lease(world.call({ requiredNode: "home" }));
      const elsewhere = await world.lease(world.call({ requiredNode: "away" }));
      const first = outcome(world.lease(world.call({ requiredNode: "away" })));
      const second = outcome(world.lease(world.call({ requiredNode: "home" })));
      running.release();
      expect((await second as Lease).node).toBe(required.node);
      elsewhere.release();
      expect((await first as Lease).node).toBe(away.node);
    });

    test("refuses it while that node is offline or does not offer the model", () => {
      const world = new World();
      world.node("idle");
      world.node("home", 1, ["n"]);
      for (const name of ["home", "gone"]) {
        expect(refused(() => world.lease(world.call({ requiredNode: name })))).toMatchObject({
          code: "previous_response_not_found",
          param: "previous_response_id",
        });
      }
    });

    test("says when that node's penalty ends, and asks no other node meanwhile", async () => {
      const world = new World();
      world.node("home");
      world.fails(await world.lease());
      world.node("idle");
      expect(refused(() => world.lease(world.call({ requiredNode: "home" }))))
        .toMatchObject({ code: "nodes_penalized", retryAfterMs: 60_000 });
    });
  });

  test("when every node is penalised, Retry-After is the earliest end of a penalty", async () => {
    const world = new World();
    for (const name of ["a", "b"]) world.node(name);
    world.fails(await world.lease());
    await world.clock.pass(20_000);
    world.fails(await world.lease());
    expect(refused(() => world.lease()))
      .toMatchObject({ code: "nodes_penalized", retryAfterMs: 40_000 });
  });

  test("a penalised node gets no calls until its minute is over, reconnected or not", async () => {
    const world = new World();
    const bad = world.node("bad");
    world.fails(await world.lease());
    bad.leave();
    world.node("bad");
    expect(refused(() => world.lease())).toMatchObject({
      code: "nodes_penalized",
    });
    await world.clock.pass(60_000);
    expect((await world.lease()).node.who.publicId).toBe("bad");
  });

  test("a waiting call is served when a penalty ends", async () => {
    const world = new World({ queueWaitMs: 120_000 });
    const bad = world.node("bad");
    world.fails(await world.lease());
    const good = world.node("good");
    await world.lease();
    let served: Lease | null = null;
    void Promise.resolve(world.lease()).then((
      l,
    ) => (served = l));
    await world.clock.pass(59_000);
    expect(served).toBeNull();
    await world.clock.pass(1_000);
    expect(served!).toMatchObject({ node: bad.node });
    expect(good.node.active).toBe(1);
  });

  test("a queue's places are free again when their calls were served, were stopped or timed out", async () => {
    const world = new World({ queuePerModel: 2, queuePerAccount: 1 });
    world.node("a");
    let held = await world.lease();
    for (const end of ["served", "stopped", "timed out"]) {
      const calls = ["x", "y"].map((account) => world.call({ account }));
      const waits = calls.map((call) => outcome(world.lease(call)));
      expect(refused(() => world.lease(world.call({ account: "z" }))).code).toBe("queue_full");
      if (end === "served") {
        held.release();
        (await waits[0] as Lease).release();
        held = await waits[1] as Lease;
      } else if (end === "stopped") {
        for (const call of calls) call.stop("caller_gone");
      } else {
        await world.clock.pass(30_000);
      }
      expect([world.scheduler.waiting, world.scheduler.waitingFor("m")]).toEqual([0, 0]);
    }
    expect(world.clock.pending).toBe(0);
  });

  test("an account's queue limit counts its calls for all models together", async () => {
    const world = new World({ queuePerAccount: 2 });
    world.node("a", 1, ["m", "n"]);
    await world.lease();
    for (const model of ["m", "n"]) void outcome(world.lease(world.call({ model, account: "x" })));
    expect(refused(() => world.lease(world.call({ account: "x" })))).toMatchObject({
      code: "queue_full",
      message: expect.stringContaining("your account's queue"),
    });
  });

  test("a node that answers BUSY again counts as full for half a second from then", async () => {
    const world = new World();
    const { node } = world.node("a", 3);
    const leases = [await world.lease(), await world.lease()];
    world.fails(leases[0]!, "busy");
    await world.clock.pass(400);
    world.fails(leases[1]!, "busy");
    const waiting = outcome(world.lease());
    await world.clock.pass(499);
    expect([node.active, world.scheduler.waiting]).toEqual([0, 1]);
    await world.clock.pass(1);
    expect((await waiting as Lease).node).toBe(node);
  });

  test("the pause of a node that answered BUSY ends with its connection", async () => {
    const world = new World();
    const before = world.node("a", 3);
    world.fails(await world.lease(), "busy");
    before.leave();
    expect(world.clock.pending).toBe(0);
    const after = world.node("a", 3);
    expect((await world.lease()).node).toBe(after.node);
  });

  test("a penalty's reason is what happened, without the advice to the caller", async () => {
    const world = new World();
    world.node("a");
    world.fails(await world.lease(), "link lost");
    expect(world.penalties.of("key/a")).toMatchObject([
      { reason: "the node's connection was lost", model: null },
    ]);
  });

  test("Retry-After is a second at least, even if a penalty ends sooner", async () => {
    const world = new World();
    world.node("a");
    world.fails(await world.lease());
    await world.clock.pass(59_900);
    expect(refused(() => world.lease()))
      .toMatchObject({ code: "nodes_penalized", retryAfterMs: 1_000 });
  });

  test("each change of a queue and each use of a slot is reported", async () => {
    const world = new World();
    const { node } = world.node("a");
    const reports: string[] = [];
    world.scheduler.onQueueChange.subscribe(({ model }) => reports.push(`queue of ${model}`));
    world.scheduler.onSlotUse.subscribe(({ who, active }) =>
      reports.push(`${who.publicId} ${active}`)
    );
    const first = await world.lease();
    const second = outcome(world.lease());
    first.release();
    (await second as Lease).release();
    expect(reports).toEqual(["a 1", "queue of m", "a 1", "queue of m", "a 1", "a 0"]);
    expect(node.active).toBe(0);
  });

  test("a stopped call gets no slot, though one is free", () => {
    const world = new World();
    world.node("a");
    const call = world.call();
    call.stop("caller_gone");
    expect(refused(() => world.lease(call)).code).toBe("caller_gone");
  });

  test("a waiting call is served by a node that joins", async () => {
    const world = new World();
    world.node("a");
    await world.lease();
    const waiting = Promise.resolve(world.lease());
    world.node("b");
    expect((await waiting).node.who.publicId).toBe("b");
  });

  test("a node that answered BUSY is asked again as soon as one of its slots is released", async () => {
    const world = new World();
    const { node } = world.node("a", 3);
    const held = await world.lease();
    world.fails(await world.lease(), "busy");
    const waiting = Promise.resolve(world.lease());
    await settle();
    expect([node.active, world.scheduler.waiting]).toEqual([1, 1]);
    held.release();
    expect((await waiting).node).toBe(node);
  });

  test("the released slot of a node that has left serves no call", async () => {
    const world = new World();
    const gone = world.node("gone");
    const held = await world.lease();
    const stays = world.node("stays");
    await world.lease();
    const waiting = Promise.resolve(world.lease());
    gone.leave();
    held.release();
    expect([gone.node.active, world.scheduler.waiting]).toEqual([0, 1]);
    const next = world.node("next");
    expect((await waiting).node).toBe(next.node);
    expect(stays.node.active).toBe(1);
  });

  test("a free slot goes to the call that has waited longest, of any model", async () => {
    // Fewer services are waited for than the node has models, and more.
    for (const [models, others] of [[1000, 0], [2, 20]] as const) {
      const world = new World();
      const more = Array.from({ length: models - 2 }, (_, i) => `more-${i}`);
      world.node("a", 1, ["m", "n", ...more]);
      const held = await world.lease();
      const otherModels = Array.from({ length: others }, (_, i) => `other-${i}`);
      world.node("b", 1, otherModels);
      const order: string[] = [];
      const wait = async (model: string) => {
        const leased = await world.lease(world.call({ model, account: `caller of ${model}` }));
        order.push(model);
        leased.release();
      };
      if (others > 0) void Promise.resolve(world.lease(world.call({ model: "other-0" })));
      for (const model of otherModels) void wait(model);
      void wait("n");
      await world.clock.pass(10);
      void wait("m");
      held.release();
      await settle();
      expect(order).toEqual(["n", "m"]);
    }
  });

  test("a lease is released once, however often release is called", async () => {
    const world = new World();
    const { node } = world.node("a", 2);
    const lease = await world.lease();
    await world.lease();
    lease.release();
    lease.release();
    expect(node.active).toBe(1);
  });

  test("a node that drains gets no calls, and no call waits for it", async () => {
    const world = new World();
    const { node } = world.node("a");
    world.hub.update(node, node.offer, true);
    // It is unknown how long the node drains, so the call fails at once.
    expect(refused(() => world.lease())).toMatchObject({
      code: "nodes_penalized",
      retryAfterMs: 10_000,
    });
    world.hub.update(node, node.offer, false);
    expect((await world.lease()).node).toBe(node);
  });

  test("a call that waits for a node keeps its place while the node drains", async () => {
    const world = new World();
    const { node } = world.node("a");
    const first = await world.lease();
    const waiting = Promise.resolve(world.lease());
    world.hub.update(node, node.offer, true);
    first.release();
    expect(world.scheduler.waiting).toBe(1);
    world.hub.update(node, node.offer, false);
    expect((await waiting).node).toBe(node);
  });
});

/** The error that leasing throws at once. */
function refused(take: () => unknown): { code: string; message: string } {
  try {
    take();
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error("A slot was leased");
}

function outcome(lease: Promise<Lease> | Lease): Promise<unknown> {
  return Promise.resolve(lease).then((value) => value, (error) => error);
}
