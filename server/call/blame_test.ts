/** Whose fault a failed call is, and what follows for its node and its caller. */

import { describe, expect, test } from "bun:test";
import type { ReceivedBody } from "../node/body.ts";
import { settle } from "../base/testing/fake_clock.ts";
import { type CallOptions, KeptAnswer, type Received, World } from "./testing/world.ts";

const whole = { choices: [{ message: { content: "hi" } }] };

function start(nodes: string[], slots = 1) {
  const world = new World();
  const all = nodes.map((name) => world.node(name, slots));
  const run = (options: CallOptions = {}) => {
    const call = world.call({ messages: ["hello"], ...options });
    const answer = new KeptAnswer();
    return { call, answer, done: world.relay.run(call, answer) };
  };
  const answered = new Set<Received>();
  /** The attempt that waits for its node, and the node's name. */
  const next = async () => {
    await settle();
    for (const { node, received } of all) {
      const attempt = received.find((one) => !answered.has(one));
      if (attempt === undefined) continue;
      answered.add(attempt);
      return { attempt, name: node.who.publicId };
    }
    throw new Error("no node was asked");
  };
  const succeed = async () => {
    const { attempt, name } = await next();
    attempt.chunk(whole);
    attempt.sink.finish();
    return name;
  };
  const circuits = () => all.map((node) => world.circuit(node));
  const asked = () => all.reduce((sum, { received }) => sum + received.length, 0);
  return { world, all, run, next, succeed, circuits, asked };
}

describe("a failure that the request or the node may have caused", () => {
  test("is the node's if another one answers", async () => {
    const { run, next, succeed, circuits } = start(["a", "b"]);
    const { answer, done } = run();
    const { attempt, name } = await next();
    attempt.error(500);
    expect(circuits()).toEqual(["clear", "clear"]);
    await succeed();
    await done;
    expect(answer.body).not.toBeNull();
    expect(circuits()).toEqual(name === "a" ? ["penalized", "clear"] : ["clear", "penalized"]);
  });

  test("is nobody's if another node says that the request is wrong", async () => {
    const { run, next, circuits } = start(["a", "b"]);
    const { answer, done } = run();
    (await next()).attempt.error(500);
    (await next()).attempt.error(400, "too long");
    await done;
    expect(answer.rejection).toMatchObject({ status: 400 });
    expect(circuits()).toEqual(["clear", "clear"]);
  });

  test("ends the call when two nodes fail alike: the caller gets the provider's words, and no node is penalised", async () => {
    const { world, run, next, circuits, asked } = start(["a", "b", "c"]);
    const { answer, done } = run();
    for (const id of [17, 18]) {
      const body = `{"error":{"message":"cannot do that, request ${id}"}}`;
      const { attempt } = await next();
      attempt.sink.fail({ kind: "answered", status: 500, headers: { "x-a": "1" }, body });
    }
    await done;
    expect(asked()).toBe(2);
    expect(answer.rejection).toEqual({
      status: 500,
      headers: { "x-should-retry": "false", "x-a": "1" },
      body: `{"error":{"message":"cannot do that, request 18"}}`,
    });
    expect(circuits()).toEqual(["clear", "clear", "clear"]);
    expect(world.ledger[0]).toMatchObject({ outcome: "upstream_error", status: 500, attempts: 2 });
  });

  test("is given to the caller in the provider's words though the next node was lost", async () => {
    const { run, next, all } = start(["a", "b"]);
    const { answer, done } = run();
    (await next()).attempt.error(500, "out of memory");
    const { name, attempt } = await next();
    all.find(({ node }) => node.who.publicId === name)!.leave();
    attempt.sink.fail({ kind: "lost", reason: "gone" });
    await done;
    expect(answer.error).toMatchObject({
      code: "upstream_error",
      message: "Cannot answer: the node's model server failed: out of memory",
    });
  });

  test("of the only node says that a retry may help, and when: as its provider says, or as the nodes are", async () => {
    for (const own of [{}, { "retry-after": "7" }, { "retry-after-ms": "70" }]) {
      const { run, next } = start(["a"]);
      const { answer, done } = run();
      const body = `{"error":{"message":"busy"}}`;
      (await next()).attempt.sink.fail({ kind: "answered", status: 503, headers: own, body });
      await done;
      const { "x-should-retry": mayHelp, ...wait } = answer.rejection!.headers;
      expect(mayHelp).toBe("true");
      if (Object.keys(own).length > 0) expect(wait).toEqual(own);
      else expect(Number(wait["retry-after"])).toBeGreaterThanOrEqual(1);
    }
  });

  test("that three accounts meet in a row at a node is the node's, if another one is well", async () => {
    const { world, run, next, circuits } = start(["a", "b"]);
    world.hub.update(world.hub.find("key/b")!, {
      ...world.hub.find("key/b")!.offer,
      maxParallel: 9,
    });
    // Node a fails each call, and so does b, so that none answers.
    for (const account of ["x", "y", "z"]) {
      const { done } = run({ account });
      for (let i = 0; i < 2; i++) (await next()).attempt.error(500);
      await done;
      if (account === "z") break;
      expect(circuits()).toEqual(["clear", "clear"]);
    }
    // The first to reach three was penalised; the other one is the last, and paced.
    expect(circuits().toSorted()).toEqual(["penalized", "probing"]);
  });

  test("that five prompts of one account meet at a node is the node's, also in streams that had begun", async () => {
    const { run, next, circuits } = start(["a", "b"]);
    for (let i = 0; i < 9 && !circuits().includes("penalized"); i++) {
      const { call, done } = run({ stream: true, messages: [`prompt ${i}`] });
      const { attempt } = await next();
      attempt.chunk({ choices: [{ delta: { content: "hi" } }] });
      // As the gateway does with the body of a stream that has begun.
      (call.request.body as ReceivedBody).giveUp();
      attempt.error(500);
      await done;
      if (i < 4) expect(circuits()).toEqual(["clear", "clear"]);
    }
    expect(circuits()).toContain("penalized");
  });

  test("never takes the last node out: it has one call at a time, after a pause, until one succeeds", async () => {
    const { world, all, run, next, succeed, circuits } = start(["a"], 3);
    for (const account of ["x", "y", "z"]) {
      const { done } = run({ account });
      (await next()).attempt.error(500, "no");
      await done;
    }
    expect(circuits()).toEqual(["probing"]);
    expect(world.reported).toEqual([]);
    const innocent = [run({ account: "p" }), run({ account: "q" })];
    await settle();
    expect(all[0]!.received).toHaveLength(3);
    await world.clock.pass(500);
    expect(all[0]!.received).toHaveLength(4);
    await succeed();
    await succeed();
    await Promise.all(innocent.map(({ done }) => done));
    expect(innocent.map(({ answer }) => answer.error)).toEqual([null, null]);
    expect(circuits()).toEqual(["clear"]);
  });

  test("paces the last node longer with each further failure", async () => {
    const { world, run, next } = start(["a"]);
    const fail = async (account: string) => {
      const { done } = run({ account });
      (await next()).attempt.error(500, "no");
      await done;
    };
    for (const account of ["x", "y", "z"]) await fail(account);
    for (const pauseMs of [500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
      await world.clock.pass(pauseMs - 1);
      expect(world.circuit({ node: world.hub.find("key/a")! })).toBe("probing");
      await world.clock.pass(1);
      expect(world.circuit({ node: world.hub.find("key/a")! })).toBe("probation");
      await fail("x");
    }
  });
});

describe("a failure that is the node's at once", () => {
  test("keeps only the model away from it where the provider has the model no longer", async () => {
    const { world, run, next, succeed } = start(["a", "b"]);
    const { answer, done } = run();
    const { attempt, name } = await next();
    attempt.error(404, "model not found");
    await succeed();
    await done;
    expect(answer.body).not.toBeNull();
    expect(world.penalties.of(`key/${name}`)).toMatchObject([{
      model: "m",
      code: "upstream_error",
    }]);
  });

  test("is a provider that its node cannot reach, even if no other node has the model", async () => {
    const { run, next, circuits } = start(["a"]);
    const { answer, done } = run();
    const error = { code: 502, message: "Cannot reach it", kind: "unreachable" } as const;
    (await next()).attempt.sink.fail({ kind: "refused", error });
    await done;
    expect(answer.error).toMatchObject({
      code: "upstream_error",
      message: "Cannot answer: the node cannot reach its provider; try again",
    });
    expect(circuits()).toEqual(["penalized"]);
  });

  test("is a withdrawn offer that the node still makes; one that it has withdrawn is no fault", async () => {
    for (const stillOffers of [true, false]) {
      const { world, all, run, next } = start(["a"]);
      const { answer, done } = run();
      const { attempt } = await next();
      const { node } = all[0]!;
      if (!stillOffers) world.hub.update(node, { ...node.offer, models: [] });
      const error = { code: 404, message: "gone", kind: "offer_withdrawn" } as const;
      attempt.sink.fail({ kind: "refused", error });
      await done;
      expect(answer.error).toMatchObject({ code: "offer_withdrawn" });
      expect(world.circuit({ node })).toBe(stillOffers ? "penalized" : "clear");
    }
  });

  test("is a withdrawn offer of another gateway's node once that gateway has had the time to publish it", async () => {
    const world = new World();
    const far = world.node("far", 1, ["m"], { gateway: "gw-2" });
    const fail = async () => {
      const answer = new KeptAnswer();
      const done = world.relay.run(world.call(), answer);
      await settle();
      const error = { code: 404, message: "gone", kind: "offer_withdrawn" } as const;
      far.received.at(-1)!.sink.fail({ kind: "refused", error });
      await done;
      expect(answer.error).toMatchObject({ code: "offer_withdrawn" });
      return world.circuit(far);
    };
    expect(await fail()).toBe("clear");
    await world.clock.pass(999);
    expect(await fail()).toBe("clear");
    await world.clock.pass(1);
    expect(await fail()).toBe("penalized");
  });

  test("is no offer of another gateway's node that is withdrawn again, after it was made anew", async () => {
    const world = new World();
    const far = world.node("far", 1, ["m"], { gateway: "gw-2" });
    for (let times = 0; times < 3; times++) {
      const lease = await world.lease();
      world.fails(lease, "offer withdrawn");
      expect(world.circuit(far)).toBe("clear");
      await world.clock.pass(60_001);
    }
  });
});

test("a provider's 429 lets the model rest at the node for exactly as long as it asks, every time", async () => {
  const { world, run, next, circuits } = start(["a"]);
  for (let i = 0; i < 3; i++) {
    const { done } = run();
    (await next()).attempt.error(429, "slow down", 2_000);
    await done;
    await world.clock.pass(1_999);
    expect(circuits()).toEqual(["penalized"]);
    await world.clock.pass(1);
    expect(circuits()).toEqual(["probation"]);
  }
});

test("a node that fails with a Retry-After of 2 s is out for 2 s, not for a minute", async () => {
  const { world, run, next, succeed, circuits } = start(["a", "b"]);
  const { done } = run();
  (await next()).attempt.error(503, "loading", 2_000);
  await succeed();
  await done;
  expect(circuits()).toContain("penalized");
  await world.clock.pass(2_000);
  expect(circuits()).not.toContain("penalized");
});

describe("a whole answer that is none is tried elsewhere, and its node blamed if another one answers", () => {
  const answers: [what: string, bytes: string][] = [
    ["no JSON", "<html>busy</html>"],
    ["cut off", '{"choices":[{"message":{"content":"h'],
    ["a bare word", '"hi"'],
    ["null", "null"],
    ["an error", '{"error":{"message":"failed"}}'],
  ];
  for (const [what, bytes] of answers) {
    test(what, async () => {
      const { run, next, succeed, circuits } = start(["a", "b"]);
      const { answer, done } = run();
      const { attempt } = await next();
      for (const byte of Buffer.from(bytes)) attempt.sink.data(Uint8Array.of(byte));
      attempt.sink.finish();
      await succeed();
      await done;
      expect(JSON.parse(answer.body!)).toEqual(whole);
      expect(circuits()).toContain("penalized");
    });
  }

  test("an error of a request's kind is the call's answer", async () => {
    const { run, next, circuits } = start(["a", "b"]);
    const { answer, done } = run();
    const body = '{"error":{"message":"too long","code":"context_length_exceeded"}}';
    const { attempt } = await next();
    attempt.sink.data(Buffer.from(body));
    attempt.sink.finish();
    await done;
    expect(answer.rejection).toEqual({ status: 400, headers: {}, body });
    expect(circuits()).toEqual(["clear", "clear"]);
  });
});

test("a response that says itself that it has failed is delivered, and recorded as failed", async () => {
  const { world, run, next } = start(["a"]);
  const { answer, done } = run();
  const body = '{"object":"response","status":"failed","error":{"code":"server_error"}}';
  const { attempt } = await next();
  attempt.sink.data(Buffer.from(body));
  attempt.sink.finish();
  await done;
  expect(answer.body).toBe(body);
  expect(world.ledger).toMatchObject([
    { outcome: "upstream_error", status: 200, cause: null },
  ]);
});

test("a program that was restarted is no one's fault: its calls go to any node, once to itself", async () => {
  for (const nodes of [["a", "b"], ["a"]]) {
    const { run, next, succeed, circuits } = start(nodes);
    const { answer, done } = run();
    (await next()).attempt.sink.fail({ kind: "restarted", reason: "restarted" });
    await succeed();
    await done;
    expect(answer.body).toBe(JSON.stringify(whole));
    expect(circuits()).toEqual(nodes.map(() => "clear"));
  }
  const { run, next, circuits, asked } = start(["a"]);
  const { answer, done } = run();
  for (let i = 0; i < 2; i++) {
    (await next()).attempt.sink.fail({ kind: "restarted", reason: "restarted" });
  }
  await done;
  expect(answer.error).toMatchObject({ code: "node_lost" });
  expect([asked(), circuits()]).toEqual([2, ["clear"]]);
});
