import { describe, expect, test } from "bun:test";
import { Endpoint } from "../../../protocol/mod.ts";
import { settle } from "../../base/testing/fake_clock.ts";
import { seeded } from "../../base/testing/random.ts";
import { factsByModel } from "../../node/model_facts.ts";
import type { Node } from "../../node/node.ts";
import { type CallOptions, World, type WorldConfig } from "../../call/testing/world.ts";
import type { Call } from "../call.ts";
import type { Lease } from "../lease.ts";
import { NodeSpeed } from "./node_speed.ts";
import type { SharedSpeed, Timing } from "./policy.ts";

const LENGTH = 100;

/** Nodes that write so many milliseconds per token, by name. */
class Speeds {
  readonly world: World;
  readonly calls = new Map<string, number>();

  constructor(
    readonly msPerToken: Record<string, number>,
    slots = 4,
    seed = 1,
    config: WorldConfig = {},
  ) {
    this.world = new World({ policy: "auto", trustsNodes: true, ...config }, seeded(seed));
    for (const name of Object.keys(msPerToken)) this.world.node(name, slots);
  }

  take(options: CallOptions = {}): { call: Call; lease: Lease; name: string } {
    const call = this.world.call({ stream: true, messages: ["hello"], ...options });
    const lease = this.world.lease(call) as Lease;
    const name = lease.node.who.publicId;
    this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
    return { call, lease, name };
  }

  end(
    { call, lease, name }: { call: Call; lease: Lease; name: string },
    timing: Partial<Timing> = {},
  ) {
    const durationMs = 100 + LENGTH * this.msPerToken[name]!;
    const whole = { firstTokenMs: 100, durationMs, completionTokens: LENGTH, answerBytes: 20_000 };
    this.world.answers(lease, call, { ...whole, ...timing });
  }

  /** One call after the other. */
  run(count: number, options: CallOptions = {}): string[] {
    return Array.from({ length: count }, () => {
      const taken = this.take(options);
      this.end(taken);
      return taken.name;
    });
  }

  share(names: readonly string[], name: string): number {
    return names.filter((other) => other === name).length / names.length;
  }
}

const CHAT = { model: "m", endpoint: Endpoint.chat };

/** Two nodes that were not measured here, and what another gateway has measured of one of them. */
function adopting() {
  const world = new World({ policy: "auto", trustsNodes: true }, seeded(4));
  world.node("near", 4);
  world.node("far", 4);
  const speed = new NodeSpeed();
  const timing = { firstMs: 100, durationMs: 1_100, running: 1 };
  speed.learn({ chars: 500, tokens: 100, claimedTokens: 100, ...timing });
  const shared = (ageMs: number): SharedSpeed => ({
    nodeKey: "key/far",
    service: CHAT,
    measuredMs: world.clock.monotonic() - ageMs,
    speed: speed.record(),
  });
  return { world, policy: world.policies("m"), shared };
}

describe("the policy auto", () => {
  test("fills the node whose answers end first, and gives slower ones what it has no room for", () => {
    const speeds = new Speeds({ fast: 10, slow: 100 });
    speeds.run(100);
    const taken = Array.from({ length: 5 }, () => speeds.take());
    expect(taken.map(({ name }) => name)).toEqual(["fast", "fast", "fast", "fast", "slow"]);
  });

  test("gives unmeasured nodes at most one call in twenty while a measured one is faster", () => {
    const names: Record<string, number> = { fast: 1 };
    for (let i = 0; i < 40; i++) names[`slow-${i}`] = 500;
    const speeds = new Speeds(names);
    speeds.run(60);
    const later = speeds.run(400);
    expect(speeds.share(later, "fast")).toBeGreaterThanOrEqual(0.95);
    expect(speeds.calls.size).toBeGreaterThan(15);
  });

  test("holds no node that has left before it was tried", async () => {
    const speeds = new Speeds({ fast: 1 });
    speeds.run(60);
    const passing = Array.from({ length: 100 }, (_, i) => speeds.world.node(`passing-${i}`, 1));
    // A choice prices them.
    speeds.take();
    const gone = passing.splice(0).map(({ node, leave }) => {
      leave();
      return new WeakRef(node);
    });
    // A reference that was made in this turn holds its node until the next, and the collector takes
    // some values on the stack for references.
    await Bun.sleep(0);
    Bun.gc(true);
    expect(gone.filter((one) => one.deref() !== undefined).length).toBeLessThan(50);
  });

  test("shares among alike nodes as least-busy does: never two calls on one while another has none", () => {
    const names = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`n${i}`, 20]));
    const speeds = new Speeds(names);
    for (let round = 0; round < 50; round++) {
      const taken = Array.from({ length: 8 }, () => speeds.take());
      expect(new Set(taken.map(({ name }) => name)).size).toBe(8);
      for (const one of taken) speeds.end(one);
    }
  });

  test("shares with a node that is a tenth slower", () => {
    const speeds = new Speeds({ a: 20, b: 21.5 });
    speeds.run(50);
    expect(speeds.share(speeds.run(200), "b")).toBeGreaterThan(0.3);
  });

  test("takes half of its share from a node that turns five times slower, within ten calls", () => {
    const speeds = new Speeds({ a: 20, b: 20 });
    speeds.run(100);
    speeds.msPerToken["a"] = 100;
    speeds.run(20);
    expect(speeds.share(speeds.run(40), "a")).toBeLessThan(0.25);
  });

  test("uses a node that has turned fast with the next call after the one that showed it", () => {
    const speeds = new Speeds({ a: 20, b: 200 }, 1);
    speeds.run(100);
    speeds.msPerToken["b"] = 5;
    const first = speeds.take();
    const overflow = speeds.take();
    expect([first.name, overflow.name]).toEqual(["a", "b"]);
    for (let i = 0; i < 12; i++) {
      speeds.end(overflow.name === "b" ? overflow : speeds.take());
      Object.assign(overflow, speeds.take());
    }
    speeds.end(overflow);
    speeds.end(first);
    expect(speeds.take().name).toBe("b");
  });

  test("does not believe a node that counts ten times its tokens", () => {
    const speeds = new Speeds({ a: 20, b: 20, c: 20, liar: 30 });
    const names: string[] = [];
    for (let i = 0; i < 600; i++) {
      const taken = Array.from({ length: 3 }, () => speeds.take());
      for (const one of taken) {
        if (i >= 200) names.push(one.name);
        speeds.end(one, one.name === "liar" ? { completionTokens: 10 * LENGTH } : {});
      }
    }
    expect(speeds.share(names, "liar")).toBeLessThan(0.3);
  });

  test("gives a node that is fast and slow by turns no more than one that is steady", () => {
    const speeds = new Speeds({ a: 20, b: 20, c: 20, turner: 20 });
    const names: string[] = [];
    for (let i = 0; i < 400; i++) {
      const taken = Array.from({ length: 3 }, () => speeds.take());
      for (const one of taken) {
        if (i >= 100) names.push(one.name);
        speeds.msPerToken["turner"] = speeds.msPerToken["turner"] === 5 ? 60 : 5;
        speeds.end(one);
      }
    }
    expect(speeds.share(names, "turner")).toBeLessThan(0.3);
  });

  test("forgets nodes that were gone for ten minutes, however many come and go", async () => {
    const speeds = new Speeds({ steady: 20 });
    const { world } = speeds;
    const policy = world.policies("m");
    for (let i = 0; i < 1_000; i++) {
      const name = `passing-${i}`;
      const passing = world.node(name, 1);
      speeds.msPerToken[name] = 20;
      speeds.end(speeds.take({ requiredNode: name }));
      passing.leave();
    }
    expect(policy.speeds!(Infinity)).toHaveLength(1_000);
    await world.clock.pass(11 * 60_000);
    speeds.run(1_001);
    expect(policy.speeds!(Infinity)).toHaveLength(1);
  });

  test("brings a long conversation back to the node that holds it, and not a short one to a slow node", () => {
    const speeds = new Speeds({ a: 20, b: 20, slow: 200 });
    const readMs = 1;
    const talk = (messages: string[], held: boolean) => {
      const taken = speeds.take({ messages });
      const chars = held ? 0 : messages.join("").length;
      const firstTokenMs = 100 + chars * readMs;
      speeds.end(taken, {
        firstTokenMs,
        durationMs: firstTokenMs + LENGTH * speeds.msPerToken[taken.name]!,
      });
      return taken.name;
    };
    for (let i = 0; i < 120; i++) talk([`warm ${i} ${"x".repeat((i % 5) * 200)}`], false);
    for (let i = 0; i < 20; i++) {
      const first = `question ${i} ${"x".repeat(4_000)}`;
      const node = talk([first], false);
      if (node === "slow") continue;
      expect(talk([first, "answer", "more"], true)).toBe(node);
    }
  });

  test("prefers a node that has the model loaded to one that says that it has not", () => {
    const world = new World({ policy: "auto", trustsNodes: true }, seeded(3));
    const facts = (loaded: boolean) => factsByModel({ m: { loaded } }, ["m"]);
    world.node("cold", 4, ["m"], { facts: facts(false) });
    world.node("warm", 4, ["m"], { facts: facts(true) });
    const names: string[] = [];
    for (let i = 0; i < 60; i++) {
      const call = world.call({ stream: true });
      const lease = world.lease(call) as Lease;
      names.push(lease.node.who.publicId);
      world.answers(lease, call);
    }
    expect(names.slice(-20)).toEqual(Array<string>(20).fill("warm"));
  });

  test("tells what it expected of the three soonest, the chosen one among them, with their slots and what they hold", () => {
    const speeds = new Speeds({ a: 10, b: 30, c: 50, d: 90 });
    speeds.run(200);
    const messages = ["x".repeat(3_000)];
    speeds.end(speeds.take({ messages }));
    const { call } = speeds.take({ messages });
    const { node, isTrial, compared } = speeds.world.choiceOf(call)!;
    expect(node.who.publicId).toBe("a");
    expect(isTrial).toBe(false);
    expect(compared).toHaveLength(3);
    expect(compared[0]).toMatchObject({ node, freeSlots: 4 });
    expect(compared[0]!.expected).toMatchObject({ isMeasured: true, loadMs: 0 });
    expect(compared[0]!.expected.heldChars).toBeGreaterThan(3_000);
    const ends = compared.map(({ expected }) => expected.endMs);
    expect(ends).toEqual(ends.toSorted((a, b) => a - b));
    // About 100 ms of reading and 100 tokens.
    expect(ends[0]).toBeWithin(900, 1_300);
  });

  test("tells the same of a call for which another node was looked for later", () => {
    const speeds = new Speeds({ a: 10, b: 30, c: 50 });
    speeds.run(200);
    const { call } = speeds.take();
    const before = speeds.world.choiceOf(call);
    for (let i = 0; i < 3; i++) speeds.take({ requiredNode: "b" });
    expect(speeds.world.scheduler.hasRoom(call.request, new Set(["a"]))).toBe(true);
    expect(speeds.world.choiceOf(call)).toEqual(before);
  });

  test("tells nothing of the node that a call had before another one", () => {
    const world = new World({ policy: "auto", trustsNodes: true }, seeded(3));
    const facts = factsByModel({ m: { loaded: false } }, ["m"]);
    world.node("cold", 4, ["m"], { facts });
    const first = world.call({ stream: true });
    world.answers(world.lease(first) as Lease, first);
    world.node("new", 4, ["m"]);
    const call = world.call({ stream: true });
    const expected = (tried: string[]) => {
      const lease = world.lease(call, new Set(tried)) as Lease;
      const choice = world.choiceOf(call)!;
      lease.release();
      return choice.compared.find(({ node }) => node === choice.node)!.expected;
    };
    expect(expected(["new"])).toMatchObject({ isMeasured: true, loadMs: 5_000 });
    expect(expected(["cold"])).toMatchObject({ isMeasured: false, loadMs: 0 });
  });

  test("tells that a node got its call to be measured", () => {
    const speeds = new Speeds({ fast: 1, slow: 500 });
    speeds.run(60);
    speeds.world.node("new", 4);
    speeds.msPerToken["new"] = 500;
    for (let i = 0; i < 40; i++) {
      const taken = speeds.take();
      const choice = speeds.world.choiceOf(taken.call)!;
      expect(choice.isTrial).toBe(taken.name === "new");
      if (taken.name === "new") {
        const unmeasured = { expected: { isMeasured: false }, freeSlots: 4 };
        expect(choice.compared).toMatchObject([unmeasured]);
        return;
      }
      speeds.end(taken);
    }
    throw new Error("the new node was not tried");
  });

  test("says nothing of a choice where one node alone serves the model", () => {
    const speeds = new Speeds({ only: 10 });
    speeds.run(5);
    expect(speeds.world.choiceOf(speeds.take().call)).toBeNull();
  });

  test("takes over what another gateway has measured, unless it is ten minutes old, and forgets it then", async () => {
    const { world, policy, shared } = adopting();
    const knows = () => policy.speedOf!(world.hub.find("key/far")!, CHAT) !== null;
    policy.adopt!(shared(10 * 60_000));
    expect(knows()).toBe(false);
    policy.adopt!(shared(0));
    expect(knows()).toBe(true);
    await world.clock.pass(10 * 60_000);
    policy.adopt!({ ...shared(0), nodeKey: "key/near" });
    const call = world.call({ requiredNode: "near" });
    world.answers(world.lease(call) as Lease, call);
    expect(knows()).toBe(false);
  });

  test("counts a speed twice neither when it is taken over again nor when it is measured here", () => {
    const { world, policy, shared } = adopting();
    for (let age = 1_000; age >= 0; age -= 100) policy.adopt!(shared(age));
    expect([...policy.measuredSince!(-Infinity)]).toEqual([]);
    const expected = () => {
      const call = world.call();
      (world.lease(call) as Lease).release();
      return world.choiceOf(call)!.compared.map(({ expected }) => Math.round(expected.endMs));
    };
    const before = expected();
    for (let i = 0; i < 10; i++) policy.adopt!(shared(0));
    expect(expected()).toEqual(before);
  });

  test("expects a longer answer of an account whose answers were long, and none beyond max_tokens", () => {
    const speeds = new Speeds({ a: 10, b: 10 });
    speeds.run(30);
    for (let i = 0; i < 30; i++) {
      const taken = speeds.take({ account: "writer" });
      speeds.end(taken, { completionTokens: 2_000, durationMs: 100 + 20_000 });
    }
    const expected = (account: string, maxTokens?: number) => {
      const call = speeds.world.call({ stream: true, account });
      Object.assign(call.request, { maxTokens });
      (speeds.world.lease(call) as Lease).release();
      return speeds.world.choiceOf(call)!.expected.endMs;
    };
    expect(expected("writer")).toBeGreaterThan(4 * expected("alice"));
    expect(expected("writer", 10)).toBeLessThan(expected("alice"));
  });
});

describe("a call that could wait for a faster node", () => {
  /** Two slots each; the calls of `fast` take a second, those of `slow` 20. */
  class Uneven extends Speeds {
    constructor(config: WorldConfig = {}) {
      super({ fast: 10, slow: 200 }, 2, 1, {
        fasterWaitMs: 5_000,
        queuePerModel: 1_000,
        queuePerAccount: 1_000,
        ...config,
      });
      this.run(60);
    }

    fill(): ReturnType<Speeds["take"]>[] {
      return [this.take(), this.take()];
    }

    /** Asks for a slot; `node` is where it got one, "" while it waits. */
    ask(options: CallOptions = {}) {
      const call = this.world.call({ stream: true, ...options });
      const asked: { node: string; call: Call; lease?: Lease } = { node: "", call };
      const onLease = (lease: Lease) =>
        void Object.assign(asked, { node: lease.node.who.publicId, lease });
      const lease = this.world.lease(call);
      if (lease instanceof Promise) void lease.then(onLease, () => {});
      else onLease(lease);
      return asked;
    }
  }

  test("waits while that ends sooner, and takes the faster node's next slot", async () => {
    const speeds = new Uneven();
    const [first] = speeds.fill();
    expect(first!.name).toBe("fast");
    const asked = speeds.ask();
    await speeds.world.clock.pass(500);
    expect(asked.node).toBe("");
    speeds.end(first!);
    await settle();
    expect(asked.node).toBe("fast");
  });

  test("takes the slower node's slot after its bound, and while no faster node's call runs", async () => {
    const speeds = new Uneven();
    speeds.fill();
    const asked = speeds.ask();
    await speeds.world.clock.pass(4_900);
    expect(asked.node).toBe("");
    await speeds.world.clock.pass(200);
    expect(asked.node).toBe("slow");
    expect(new Uneven().ask().node).toBe("fast");
  });

  test("takes the slower node's slot at once when the faster node leaves", async () => {
    const speeds = new Uneven();
    const { world } = speeds;
    const fast = speeds.fill();
    const asked = [speeds.ask(), speeds.ask()];
    await settle();
    expect(asked.map(({ node }) => node)).toEqual(["", ""]);
    world.hub.remove(nodeNamed(speeds, "fast"));
    // Their failure may become known after the node has left.
    await world.clock.pass(1);
    for (const { lease } of fast) lease.release();
    await world.clock.pass(1);
    expect(asked.map(({ node }) => node)).toEqual(["slow", "slow"]);
  });

  const ways: Readonly<Record<string, (speeds: Uneven, node: Node) => void>> = {
    "drains": ({ world }, node) => world.hub.update(node, node.offer, true),
    "is paused": ({ world }, node) =>
      world.hub.update(node, node.offer, true, { reason: "a game", until: null }),
    "is held by its owner": ({ world }, node) => {
      world.held.add(node);
      world.hub.review(node);
    },
    "is penalised": ({ world }, { who }) => {
      const fault = { model: "m", code: "node_lost", reason: "it failed" } as const;
      world.penalties.penalize(who.nodeKey, fault);
    },
    "loses its connection": ({ world }, node) =>
      world.hub.interrupted(node, world.clock.now() + 30_000),
  };
  for (const [how, stop] of Object.entries(ways)) {
    test(`waits for no node that ${how}, whose calls run on`, async () => {
      const speeds = new Uneven();
      speeds.fill();
      const asked = [speeds.ask(), speeds.ask()];
      await settle();
      expect(asked.map(({ node }) => node)).toEqual(["", ""]);
      stop(speeds, nodeNamed(speeds, "fast"));
      await speeds.world.clock.pass(1);
      expect(asked.map(({ node }) => node)).toEqual(["slow", "slow"]);
    });
  }

  test("waits on for a node of which another model is penalised", async () => {
    const speeds = new Uneven();
    const { world } = speeds;
    speeds.fill();
    const asked = speeds.ask();
    const { who } = nodeNamed(speeds, "fast");
    world.penalties.penalize(who.nodeKey, { model: "n", code: "node_lost", reason: "it failed" });
    await world.clock.pass(1);
    expect(asked.node).toBe("");
  });

  test("waits for no node whose penalty of the model goes on while that of another one ends", async () => {
    const speeds = new Uneven();
    const { world } = speeds;
    speeds.fill();
    const { who } = nodeNamed(speeds, "fast");
    const fault = { code: "node_lost", reason: "it failed" } as const;
    world.penalties.penalize(who.nodeKey, { ...fault, model: "m" });
    world.penalties.penalize(who.nodeKey, {
      ...fault,
      model: "n",
      retryAfterMs: 1_000,
      blamesProvider: true,
    });
    await world.clock.pass(1_001);
    expect(world.penalties.circuit(who.nodeKey, "n")).toBe("probation");
    expect(speeds.ask().node).toBe("slow");
  });

  test("waits for a node that was paused once it takes calls again", async () => {
    const speeds = new Uneven();
    const fast = speeds.fill();
    const { hub, clock } = speeds.world;
    const node = nodeNamed(speeds, "fast");
    hub.update(node, node.offer, true);
    expect(speeds.ask().node).toBe("slow");
    hub.update(node, node.offer, false);
    const asked = speeds.ask();
    await clock.pass(500);
    expect(asked.node).toBe("");
    speeds.end(fast[0]!);
    await settle();
    expect(asked.node).toBe("fast");
  });

  test("leaves a slower node's slot that becomes free to calls that would wait for longer", async () => {
    const speeds = new Uneven();
    const fast = speeds.fill();
    // Behind so many calls the slower node is the sooner one.
    const before = Array.from({ length: 40 }, () => speeds.ask());
    await settle();
    const atSlow = before.filter(({ node }) => node === "slow");
    expect(atSlow).toHaveLength(2);
    expect(before[0]!.node).toBe("");
    speeds.end(fast[0]!);
    await settle();
    expect(before[0]!.node).toBe("fast");
  });

  test("declines a slower node's slot that becomes free while all were full, for no longer than the bound", async () => {
    const full = async (fasterWaitMs: number) => {
      const patient = new Uneven({ fasterWaitMs });
      const [a, b] = patient.fill();
      patient.world.hub.load(nodeNamed(patient, "slow"), 2);
      const asked = patient.ask();
      patient.world.hub.load(nodeNamed(patient, "slow"), -1);
      await settle();
      return { patient, asked, fast: [a!, b!] };
    };
    expect((await full(0)).asked.node).toBe("slow");
    const { patient, asked } = await full(5_000);
    expect(asked.node).toBe("");
    await patient.world.clock.pass(5_100);
    expect(asked.node).toBe("slow");
    const other = await full(5_000);
    other.patient.end(other.fast[0]!);
    await settle();
    expect(other.asked.node).toBe("fast");
  });

  test("does not wait where none may, in a full queue, for its own node's slot, on a narrower route, or once it was tried", async () => {
    expect(lastOf(new Uneven({ fasterWaitMs: 0 })).node).toBe("slow");
    expect(lastOf(new Uneven({ queuePerModel: 0 })).node).toBe("slow");
    expect(lastOf(new Uneven(), { account: "owner-slow" }).node).toBe("slow");
    const speeds = new Uneven();
    speeds.fill();
    const call = speeds.world.call({ stream: true });
    const lease = speeds.world.lease(call, new Set(["another"]));
    expect(lease).not.toBeInstanceOf(Promise);
    await settle();
  });

  test("gives up waiting for a node that stalls all its calls: few of those that follow wait", async () => {
    const speeds = new Uneven();
    speeds.fill();
    let waited = 0;
    for (let i = 0; i < 300; i++) {
      const asked = speeds.ask();
      if (asked.node === "") {
        waited++;
        await speeds.world.clock.pass(5_100);
      }
      expect(asked.node).toBe("slow");
      speeds.end({ call: asked.call, lease: asked.lease!, name: "slow" });
    }
    expect(waited).toBeGreaterThan(0);
    expect(waited).toBeLessThan(10);
  });

  test("says nothing of such waits where its caller leaves: others wait as before", async () => {
    const speeds = new Uneven();
    speeds.fill();
    for (let i = 0; i < 20; i++) {
      const asked = speeds.ask();
      expect(asked.node).toBe("");
      asked.call.stop("caller_gone");
      await speeds.world.clock.pass(5_100);
    }
  });

  test("asks no other gateway for a slot until its wait is over", async () => {
    const speeds = new Uneven();
    speeds.fill();
    speeds.ask();
    const service = speeds.world.call({}).request;
    expect([...speeds.world.scheduler.waiters(service)]).toHaveLength(0);
    // Until then another call takes the slots that the wait's end would find.
    for (let i = 0; i < 2; i++) speeds.world.hub.load(nodeNamed(speeds, "slow"), 1);
    await speeds.world.clock.pass(5_100);
    expect([...speeds.world.scheduler.waiters(service)]).toHaveLength(1);
  });

  test("does not wait for nodes that it may not use", async () => {
    const speeds = new Speeds({ slow: 200 }, 2, 1, { fasterWaitMs: 5_000 });
    speeds.world.node("private", 2, ["m"], { owner: "ann", shareWith: ["user:bob@example.com"] });
    speeds.msPerToken["private"] = 10;
    const account = "ann";
    for (let i = 0; i < 30; i++) speeds.end(speeds.take({ account }));
    speeds.run(30);
    expect(speeds.calls.get("private")).toBe(30);
    speeds.take({ account });
    speeds.take({ account });
    expect(speeds.take().name).toBe("slow");
    await settle();
  });

  test("waits for no call that has ended, been tried elsewhere or lost its node", () => {
    const speeds = new Uneven();
    const { world } = speeds;
    for (let i = 0; i < 20; i++) {
      const [a, b] = speeds.fill();
      // The call's second slot is taken before its first is given back.
      const again = world.lease(a!.call, new Set(["fast"])) as Lease;
      if (i % 2 === 0) world.hub.remove(nodeNamed(speeds, "fast"));
      a!.lease.release();
      again.release();
      b!.lease.release();
      if (i % 2 === 0) world.node("fast", 2);
    }
    world.hub.remove(nodeNamed(speeds, "fast"));
    expect(speeds.ask().node).toBe("slow");
  });

  test("is never lost and never waits beside a free slot for longer than the bound, whatever comes and goes", async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seeded(seed);
      const speeds = new Uneven({ fasterWaitMs: 5_000, queueWaitMs: 600_000 });
      const { world } = speeds;
      let open: ReturnType<Uneven["ask"]>[] = [];
      const endOne = () => {
        const running = open.filter(({ lease }) => lease !== undefined);
        const one = running[Math.floor(random() * running.length)];
        if (one === undefined) return;
        open = open.filter((other) => other !== one);
        if (random() < 0.2) one.lease!.release();
        else speeds.end({ call: one.call, lease: one.lease!, name: one.node });
      };
      for (let step = 0; step < 60; step++) {
        const chance = random();
        const fast = world.hub.findPublic("fast");
        if (chance < 0.45) open.push(speeds.ask({ account: `account-${step % 3}` }));
        else if (chance < 0.8) endOne();
        else if (chance < 0.95) await world.clock.pass(random() * 3_000);
        else if (fast === undefined) world.node("fast", 2);
        else world.hub.remove(fast);
        await settle();
      }
      await world.clock.pass(5_100);
      await settle();
      const isFree = [...world.hub.nodes()].some(({ active, offer }) => active < offer.maxParallel);
      const waiting = open.filter(({ lease }) => lease === undefined);
      expect(isFree && waiting.length > 0, `seed ${seed}`).toBe(false);
      while (open.length > 0) {
        endOne();
        await settle();
        if (open.every(({ lease }) => lease === undefined)) await world.clock.pass(5_100);
        await settle();
        expect(open.some(({ lease }) => lease !== undefined) || open.length === 0).toBe(true);
      }
    }
  });

  function lastOf(speeds: Uneven, options: CallOptions = {}) {
    speeds.fill();
    return speeds.ask(options);
  }

  function nodeNamed({ world }: Speeds, name: string) {
    return world.hub.findPublic(name)!;
  }
});
