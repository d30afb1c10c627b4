/** Whose call may use which node, and which of them it gets. */

import { describe, expect, test } from "bun:test";
import fc from "../../tests/harness/fast_check.ts";
import { Endpoint, type ShareWith } from "../../protocol/mod.ts";
import { mayUse, type Route, routes, viewerOf } from "../node/audience.ts";
import { Failure } from "../node/failure.ts";
import type { Node } from "../node/node.ts";
import type { Lease } from "./lease.ts";
import { outcomeOf, servedAt, World } from "../call/testing/world.ts";
import { seeded } from "../base/testing/random.ts";

const accounts = ["ann", "bob", "eve"] as const;
const sharings: readonly ShareWith[] = [
  "everyone",
  "me",
  ["group:lab"],
  ["user:bob@x"],
  ["group:lab", "user:eve@x"],
];

/** The error code of a call that gets no node; else the node's name. */
function outcome(world: World, account: string, route: Route = "any"): string {
  return outcomeOf(() => world.lease(world.call({ account, route })));
}

describe("who may use a node", () => {
  // Ann owns the node; ann and bob are in the lab.
  const expected: Readonly<Record<string, Readonly<Record<Route, readonly string[]>>>> = {
    everyone: { own: ["ann"], group: ["ann"], any: ["ann", "bob", "eve"] },
    me: { own: ["ann"], group: ["ann"], any: ["ann"] },
    "group:lab": { own: ["ann"], group: ["ann", "bob"], any: ["ann", "bob"] },
    "user:bob@x": { own: ["ann"], group: ["ann", "bob"], any: ["ann", "bob"] },
    "group:lab,user:eve@x": {
      own: ["ann"],
      group: ["ann", "bob", "eve"],
      any: ["ann", "bob", "eve"],
    },
  };
  for (const shareWith of sharings) {
    for (const route of routes) {
      test(`${shareWith} on the route ${route}`, () => {
        const world = new World();
        world.groups.put("ann", "lab");
        world.groups.put("bob", "lab", "choir");
        world.groups.put("eve", "choir");
        world.node("n", 1, ["m"], { owner: "ann", shareWith });
        const served = accounts.filter((account) => outcome(world, account, route) === "n");
        expect(served).toEqual([...expected[String(shareWith)]![route]] as never);
      });
    }
  }
});

describe("a call that may use none of the nodes", () => {
  test("is answered as if the model did not exist, without its name in any hint", () => {
    const world = new World();
    world.node("n", 1, ["secret-model"], { owner: "ann", shareWith: ["group:lab"] });
    const ask = (account: string, model: string) => {
      try {
        return world.lease(world.call({ account, model }));
      } catch (error) {
        return `${(error as { code: string }).code} ${(error as Error).message}`;
      }
    };
    for (const model of ["secret-model", "secret-modem"]) {
      const answer = ask("eve", model);
      expect(answer).toContain("model_not_found");
      expect(String(answer).replace(`"${model}"`, "")).not.toContain("secret");
      expect(answer).toContain("GET /v1/models");
    }
    expect(ask("ann", "secret-modem")).toContain('did you mean "secret-model"?');
  });

  test("gets no hint at a model that everyone could use before", () => {
    const world = new World();
    const { node } = world.node("n", 1, ["llama-3"], { owner: "ann" });
    const ask = () => world.lease(world.call({ account: "eve", model: "llama-4" }));
    expect(ask).toThrow(/did you mean "llama-3"/);
    world.hub.update(node, { ...node.offer, shareWith: "me" });
    expect(ask).toThrow(/GET \/v1\/models/);
  });

  test("and knows the model from before is told that no node is online, and others are not", () => {
    const world = new World();
    world.groups.put("bob", "lab");
    const { leave } = world.node("n", 1, ["m"], { owner: "ann", shareWith: ["group:lab"] });
    leave();
    expect(accounts.map((account) => outcome(world, account)))
      .toEqual(["no_node_online", "no_node_online", "model_not_found"]);
  });

  test("on a narrow route says so, though others could serve the model", () => {
    const world = new World();
    world.node("n", 1, ["m"], { owner: "ann" });
    expect(outcome(world, "bob", "own")).toBe("no_node_online");
    expect(outcome(world, "bob", "group")).toBe("no_node_online");
    expect(() => world.lease(world.call({ account: "bob", route: "own" })))
      .toThrow(/no node of your own that offers it/);
    expect(outcome(world, "bob")).toBe("n");
  });

  test("does not hear of endpoints at which only others may call the model", () => {
    const world = new World();
    world.node("open", 1, ["m"], { owner: "ann" });
    const secret = world.call({ account: "eve", endpoint: Endpoint.embeddings });
    const facts = servedAt(Endpoint.embeddings);
    world.node("lab", 1, ["m"], { owner: "ann", shareWith: "me", facts });
    expect(() => world.lease(secret)).toThrow(/can be called at \/v1\/chat\/completions$/);
  });

  test("does not wait for a node that is penalised, paused or full for others", () => {
    const world = new World();
    const { node } = world.node("n", 1, ["m"], { owner: "ann", shareWith: "me" });
    const lease = world.lease(world.call({ account: "ann" })) as Lease;
    expect([outcome(world, "ann"), outcome(world, "eve")]).toEqual(["waits", "model_not_found"]);
    world.penalties.penalize(node.who.nodeKey, {
      model: null,
      code: "node_lost",
      reason: "x",
      retryAfterMs: null,
      blamesProvider: false,
    } as never);
    expect([outcome(world, "ann"), outcome(world, "eve")])
      .toEqual(["nodes_penalized", "model_not_found"]);
    lease.release();
  });
});

describe("an account's own node", () => {
  for (const policy of ["least-busy", "fastest", "affinity"] as const) {
    test(`is taken before all others while it has a free slot, under ${policy}`, () => {
      const world = new World({ policy, trustsNodes: true });
      for (let i = 0; i < 5; i++) world.node(`other-${i}`, 50);
      world.node("own", 3, ["m"], { owner: "ann" });
      const leases = Array.from(
        { length: 4 },
        () => world.lease(world.call({ account: "ann", messages: ["hello"] })) as Lease,
      );
      const names = leases.map(({ node }) => node.who.publicId);
      expect(names.slice(0, 3)).toEqual(["own", "own", "own"]);
      expect(names[3]).toStartWith("other");
      leases[0]!.release();
      expect(outcome(world, "ann")).toBe("own");
    });
  }

  test("is not taken while it is penalised or held", () => {
    const world = new World();
    world.node("other");
    const { node } = world.node("own", 1, ["m"], { owner: "ann" });
    world.fails(world.lease(world.call({ account: "ann" })) as Lease);
    expect(world.circuit({ node })).toBe("penalized");
    expect(outcome(world, "ann")).toBe("other");
  });
});

describe("a node that is not for everyone", () => {
  test("is told what a call comes under: the owner, a group before a user, and never who", () => {
    const world = new World();
    world.groups.put("bob", "lab");
    world.node("n", 9, ["m"], {
      owner: "ann",
      shareWith: ["user:bob@x", "group:lab", "user:eve@x"],
    });
    const tags = accounts.map((account) =>
      (world.lease(world.call({ account })) as Lease).audience
    );
    expect(tags).toEqual(["owner", "group:lab", "user:eve@x"]);
  });

  test("gives a slot that becomes free to the longest wait of those that may use it", async () => {
    const world = new World();
    world.groups.put("bob", "lab");
    world.node("open", 1, ["m"], { owner: "zoe" });
    world.node("lab", 1, ["m"], { owner: "zoe", shareWith: ["group:lab"] });
    const served: string[] = [];
    const first = world.lease(world.call({ account: "eve" })) as Lease;
    const second = world.lease(world.call({ account: "bob" })) as Lease;
    for (const account of ["eve", "dan", "bob"]) {
      void Promise.resolve(world.lease(world.call({ account })))
        .then(({ node }) => served.push(`${account} ${node.who.publicId}`));
    }
    second.release();
    await world.clock.pass(1);
    expect(served).toEqual(["bob lab"]);
    first.release();
    await world.clock.pass(1);
    expect(served).toEqual(["bob lab", "eve open"]);
  });

  test("is no other healthy node for calls that may not use it", async () => {
    const world = new World();
    const { node } = world.node("open", 2, ["m"], { owner: "zoe" });
    world.node("lab", 2, ["m"], { owner: "zoe", shareWith: ["group:lab"] });
    for (let i = 0; i < 3; i++) {
      const call = world.call({ account: `eve-${i}`, messages: [`prompt ${i}`] });
      const lease = world.scheduler.leaseLocal(node, call.request)!;
      world.scheduler.failed(lease, call, new Failure("failed", {}));
      lease.release();
      await world.clock.pass(100);
    }
    // Its failures are open: as the last node for everyone it is paced, not taken out.
    expect(world.circuit({ node })).not.toBe("penalized");
  });

  test("serves a member at once, though the model's queue is full of others", () => {
    const world = new World({ queuePerModel: 2 });
    world.groups.put("bob", "lab");
    world.node("open", 1, ["m"], { owner: "zoe" });
    expect(world.lease(world.call({ account: "eve" }))).not.toBeInstanceOf(Promise);
    expect([outcome(world, "eve"), outcome(world, "eve")]).toEqual(["waits", "waits"]);
    world.node("lab", 1, ["m"], { owner: "zoe", shareWith: ["group:lab"] });
    expect(outcome(world, "eve")).toBe("queue_full");
    expect(outcome(world, "bob")).toBe("lab");
  });
});

describe("a change of a group", () => {
  test("lets a waiting call of a new member go to a node that is free", async () => {
    const world = new World();
    world.node("open", 1, ["m"], { owner: "zoe" });
    world.node("lab", 1, ["m"], { owner: "zoe", shareWith: ["group:lab"] });
    void (world.lease(world.call({ account: "eve" })) as Lease);
    const waiting = world.lease(world.call({ account: "bob" })) as Promise<Lease>;
    world.groups.put("bob", "lab");
    world.scheduler.membershipsChanged();
    expect((await waiting).node.who.publicId).toBe("lab");
  });

  test("answers a waiting call of one who has left it, which no node can serve any more", async () => {
    const world = new World();
    world.groups.put("bob", "lab");
    world.node("lab", 1, ["m"], { owner: "zoe", shareWith: ["group:lab"] });
    void (world.lease(world.call({ account: "zoe" })) as Lease);
    const waiting = world.lease(world.call({ account: "bob" })) as Promise<Lease>;
    const ended = waiting.catch((error) => error.code);
    world.groups.put("bob");
    world.scheduler.membershipsChanged();
    await world.clock.pass(1);
    expect(await ended).toBe("model_not_found");
  });
});

test("whatever joins, leaves, is shared otherwise or changes its groups: no call runs where it may not, and none misses a slot that it may use", async () => {
  const sharing = fc.constantFrom(...sharings, ["group:choir"]);
  const step = fc.record({
    does: fc.constantFrom("join", "leave", "share", "groups", "call", "call", "call", "end", "end"),
    who: fc.nat(3),
    at: fc.nat(20),
    route: fc.constantFrom(...routes, "any" as const),
    shareWith: sharing,
    groups: fc.subarray(["lab", "choir"]),
    policy: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 20, maxLength: 60, size: "max" }),
      fc.nat(),
      async (steps, seed) => {
        const names = ["ann", "bob", "eve", "zoe"];
        const world = new World(
          { trustsNodes: true, queuePerAccount: 50, queuePerModel: 99 },
          seeded(seed),
        );
        const nodes: { node: Node; leave: () => void }[] = [];
        const running: { lease: Lease; account: string }[] = [];
        const waiting = new Map<object, { account: string; route: Route }>();
        const granted = (lease: Lease, account: string, route: Route) => {
          const viewer = viewerOf({ accountId: account, route }, world.groups);
          expect(mayUse(lease.node, viewer)).toBe(true);
          expect(lease.audience === undefined).toBe(lease.node.audience.isForEveryone);
          running.push({ lease, account });
        };
        const missesSlot = () => {
          for (const { account, route } of waiting.values()) {
            const viewer = viewerOf({ accountId: account, route }, world.groups);
            for (const { node } of nodes) {
              if (node.active < node.offer.maxParallel && mayUse(node, viewer)) return true;
            }
          }
          return false;
        };
        for (const { does, who, at, route, shareWith, groups } of steps) {
          const account = names[who]!;
          const one = nodes[at % Math.max(1, nodes.length)];
          if (does === "join" && nodes.length < 6) {
            nodes.push(
              world.node(
                `n${at}-${nodes.length}-${running.length}-${world.hub.revision}`,
                1 + at % 2,
                ["m"],
                {
                  owner: account,
                  shareWith,
                },
              ),
            );
          } else if (does === "leave" && one) {
            nodes.splice(nodes.indexOf(one), 1);
            one.leave();
          } else if (does === "share" && one) {
            world.hub.update(one.node, { ...one.node.offer, shareWith });
          } else if (does === "groups") {
            world.groups.put(account, ...groups);
            world.scheduler.membershipsChanged();
          } else if (does === "call") {
            try {
              const lease = world.lease(world.call({ account, route }));
              if (lease instanceof Promise) {
                waiting.set(lease, { account, route });
                lease.then((got) => granted(got, account, route), () => {})
                  .finally(() => waiting.delete(lease));
              } else granted(lease, account, route);
            } catch (error) {
              expect(["model_not_found", "no_node_online"]).toContain(
                (error as { code: string }).code,
              );
            }
          } else if (does === "end" && running.length > 0) {
            running.splice(at % running.length, 1)[0]!.lease.release();
          }
          await world.clock.pass(1);
          expect(missesSlot()).toBe(false);
        }
      },
    ),
    { numRuns: 150 },
  );
});
