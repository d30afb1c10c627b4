import { describe, expect, test } from "bun:test";
import { settle } from "../base/testing/fake_clock.ts";
import { KeptAnswer, World } from "./testing/world.ts";

const whole = {
  choices: [{ message: { content: "hi" } }],
  usage: { prompt_tokens: 7, completion_tokens: 2 },
};
const finishChunk = { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] };

describe("the relay", () => {
  test("writes a complete answer and one ledger entry", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const { answer, done } = run();
    await settle();
    a.received[0]!.chunk(whole);
    expect(answer.endings).toBe(0);
    a.received[0]!.sink.finish();
    await done;
    expect(JSON.parse(answer.body!)).toEqual(whole);
    expect(world.ledger).toHaveLength(1);
    expect(world.ledger[0]).toMatchObject({
      outcome: "ok",
      status: 200,
      promptTokens: 7,
      completionTokens: 2,
      estimated: false,
      attempts: 1,
      nodeId: "a",
      providerAccountId: "owner-a",
    });
    expect(a.node.active).toBe(0);
  });

  test("records a complete answer that says that the upstream failed as an upstream error", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const { done } = run();
    await settle();
    a.received[0]!.chunk(whole);
    a.received[0]!.hasFailed = true;
    a.received[0]!.sink.finish();
    await done;
    expect(world.ledger[0]).toMatchObject({ outcome: "upstream_error", status: 200, cause: null });
  });

  test("streams chunks as they come, and asks for usage without showing it", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const { answer, done } = run({ stream: true });
    await settle();
    const [attempt] = a.received;
    attempt!.chunk({
      choices: [{ index: 0, delta: { role: "assistant", content: "he" } }],
      usage: null,
    });
    attempt!.text("llo");
    expect(answer.text).toBe("hello");
    attempt!.chunk(finishChunk);
    attempt!.chunk({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 5 } });
    attempt!.sink.finish();
    await done;
    expect(world.clock.pending).toBe(0);
    expect(answer.events).toHaveLength(3);
    expect(answer.events.join("")).not.toContain("usage");
    expect(world.ledger[0]).toMatchObject({
      promptTokens: 3,
      completionTokens: 5,
      producedChunks: 4,
    });
  });

  test("a node that fails before the first byte is penalised and another one answers", async () => {
    const { world, run } = start();
    const nodes = [world.node("a"), world.node("b")];
    const { answer, done } = run({ stream: true });
    await settle();
    const [first, second] = askedFirst(nodes);
    first.received[0]!.sink.fail({ kind: "lost", reason: "gone" });
    await settle();
    second.received[0]!.text("fine");
    second.received[0]!.sink.finish();
    await done;
    expect(answer.text).toBe("fine");
    expect(world.circuit(first)).toBe("penalized");
    expect(world.circuit(second)).toBe("clear");
    expect(world.ledger[0]).toMatchObject({ outcome: "ok", attempts: 2 });
  });

  test("at most three other nodes are tried, each once, and the caller gets the last failure", async () => {
    const { world, run } = start();
    const nodes = ["a", "b", "c", "d", "e"].map((name) => world.node(name));
    const { answer, done } = run();
    const isAnswered = new Set<Scripted>();
    for (let i = 0; i < 4; i++) {
      await settle();
      const asked = nodes.find((node) => node.received.length > 0 && !isAnswered.has(node))!;
      isAnswered.add(asked);
      asked.received[0]!.error(500, "own words".slice(i));
    }
    await done;
    expect(nodes.map((n) => n.received.length).sort()).toEqual([0, 1, 1, 1, 1]);
    expect(answer.error).toMatchObject({ code: "upstream_error" });
    expect(world.ledger[0]).toMatchObject({ attempts: 4, status: 502, outcome: "upstream_error" });
  });

  test("after the first byte no other node is asked: the stream fails", async () => {
    const { world, run } = start();
    const nodes = [world.node("a"), world.node("b")];
    const { answer, done } = run({ stream: true });
    await settle();
    const serving = nodes.find((n) => n.received.length)!;
    serving.received[0]!.text("half");
    serving.received[0]!.sink.fail({ kind: "lost", reason: "gone" });
    await done;
    expect(answer.text).toBe("half");
    expect(answer.error).toMatchObject({ code: "node_lost" });
    expect(nodes.flatMap((n) => n.received)).toHaveLength(1);
    expect(world.ledger[0]).toMatchObject({
      outcome: "node_lost",
      producedChunks: 1,
      completionTokens: 1,
      estimated: true,
    });
  });

  test("an answer that does not stream may be retried until it is complete", async () => {
    const { world, run } = start();
    const nodes = [world.node("a"), world.node("b")];
    const { answer, done } = run();
    await settle();
    const [first, second] = askedFirst(nodes);
    first.received[0]!.chunk({ choices: [{ message: { content: "of the first" } }] });
    first.received[0]!.sink.fail({ kind: "lost", reason: "gone before FINISH" });
    await settle();
    second.received[0]!.chunk(whole);
    second.received[0]!.sink.finish();
    await done;
    expect(JSON.parse(answer.body!)).toEqual(whole);
  });

  const rejections = [400, 404, 413, 422, 500, 501];
  for (const code of rejections) {
    test(`an upstream's ${code} is relayed and not retried, and no node is penalised`, async () => {
      const { world, run } = start();
      const nodes = [world.node("a"), world.node("b")];
      const { answer, done } = run();
      await settle();
      const [serving] = askedFirst(nodes);
      serving.received[0]!.sink.fail({
        kind: "refused",
        error: {
          code,
          message: "x",
          error: { message: "too long", code: "context_length_exceeded" },
        },
      });
      await done;
      expect(answer.rejection?.status).toBe(code);
      expect(answer.rejection?.body).toEqual({
        message: "too long",
        type: "invalid_request_error",
        param: null,
        code: "context_length_exceeded",
      });
      expect(world.circuit(serving)).toBe("clear");
      expect(world.ledger[0]).toMatchObject({ status: code, outcome: "rejected", attempts: 1 });
    });
  }

  const failures: [code: number, cause: string, status: number, circuit: "penalized" | "clear"][] =
    [
      [401, "upstream_auth", 502, "penalized"],
      [403, "upstream_auth", 502, "penalized"],
      [404, "upstream_error", 502, "penalized"],
      [429, "upstream_rate_limited", 429, "penalized"],
      [499, "node_protocol", 502, "penalized"],
      [500, "upstream_error", 502, "clear"],
      [503, "upstream_overloaded", 503, "clear"],
      [529, "upstream_overloaded", 503, "clear"],
      [504, "upstream_timeout", 504, "clear"],
    ];
  for (const [code, cause, status, circuit] of failures) {
    test(`an upstream's ${code} reaches the caller as ${status} if there is no other node, which is ${circuit} then`, async () => {
      const { world, run } = start();
      const a = world.node("a");
      const { answer, done } = run();
      await settle();
      a.received[0]!.error(code);
      await done;
      expect(answer.error).toMatchObject({ code: cause, kind: { status } });
      expect(world.circuit(a)).toBe(circuit);
    });
  }

  test("BUSY penalises no node: the call goes to another node at once", async () => {
    const { world, run } = start();
    const nodes = [world.node("a"), world.node("b")];
    const { answer, done } = run();
    await settle();
    const [first, second] = askedFirst(nodes);
    first.received[0]!.error(503, "BUSY: full");
    await settle();
    second.received[0]!.chunk(whole);
    second.received[0]!.sink.finish();
    await done;
    expect(answer.body).not.toBeNull();
    expect(world.circuit(first)).toBe("clear");
    expect(world.ledger[0]).toMatchObject({ attempts: 1 });
  });

  test("the only node is asked again a moment after it answered BUSY", async () => {
    const { world, run } = start();
    const a = world.node("a", 2);
    const { answer, done } = run();
    await settle();
    a.received[0]!.error(503, "BUSY: full");
    await settle();
    expect(a.received).toHaveLength(1);
    await world.clock.pass(500);
    a.received[1]!.chunk(whole);
    a.received[1]!.sink.finish();
    await done;
    expect(answer.body).not.toBeNull();
  });

  test("a call ends when its node keeps answering BUSY", async () => {
    const { world, run } = start();
    const a = world.node("a", 2);
    const { answer, done } = run();
    for (let i = 0; i < 30 && answer.endings === 0; i++) {
      await settle();
      a.received[i]?.error(503, "BUSY: full");
      await world.clock.pass(500);
    }
    await done;
    expect(answer.error).toMatchObject({ code: "node_busy" });
  });

  test("a caller who leaves stops the node's work; the slot is held until the node confirms", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const { call, answer, done } = run({ stream: true });
    await settle();
    a.received[0]!.text("one");
    call.stop("caller_gone");
    await settle();
    expect(answer.error).toMatchObject({ code: "caller_gone" });
    expect(a.received[0]!.isCancelled).toBe(true);
    expect(a.node.active).toBe(1);
    a.received[0]!.text("late");
    expect(answer.text).toBe("one");
    expect(world.ledger).toHaveLength(0);
    a.received[0]!.error(499);
    expect(a.node.active).toBe(0);
    await done;
    expect(world.circuit(a)).toBe("clear");
    expect(world.ledger).toHaveLength(1);
    expect(world.ledger[0]).toMatchObject({ outcome: "cancelled", status: 499, producedChunks: 2 });
  });

  test("a caller who leaves after the finish reason has got its answer, with an estimated prompt", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const { call, done } = run({ stream: true });
    await settle();
    a.received[0]!.text("one");
    a.received[0]!.chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
    call.stop("caller_gone");
    await settle();
    expect(a.received[0]!.isCancelled).toBe(true);
    a.received[0]!.error(499);
    await done;
    const { bytes } = call.request.body;
    expect(world.ledger).toMatchObject([{
      outcome: "ok",
      status: 200,
      cause: null,
      promptTokens: Math.ceil(bytes.byteLength / 4),
      completionTokens: 1,
      estimated: true,
    }]);
  });

  test("a whole call whose caller leaves early has cost its prompt, and one that no node had got nothing", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const running = run({});
    const waiting = run({});
    await settle();
    expect(a.received).toHaveLength(1);
    waiting.call.stop("caller_gone");
    running.call.stop("caller_gone");
    await settle();
    a.received[0]!.error(499);
    await Promise.all([running.done, waiting.done]);
    const { bytes } = running.call.request.body;
    const outcome = "cancelled";
    expect(world.ledger).toMatchObject([
      { outcome, attempts: 0, promptTokens: null, completionTokens: null },
      {
        outcome,
        attempts: 1,
        promptTokens: Math.ceil(bytes.byteLength / 4),
        completionTokens: 0,
        estimated: true,
      },
    ]);
  });

  test("a caller who left before its whole answer was complete has got none of it", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const { call, done } = run({});
    await settle();
    const [attempt] = a.received;
    call.stop("caller_gone");
    // As nodes of wire v2 report the end of a whole answer.
    const tally = { promptTokens: 7, completionTokens: 1, estimated: false, chunks: 1 };
    Object.assign(attempt!, { tally: () => ({ ...tally, isComplete: true }) });
    attempt!.sink.finish();
    await done;
    expect(world.ledger).toMatchObject([{ outcome: "cancelled", status: 499 }]);
  });

  test("a call that is stopped otherwise after its finish reason has not succeeded", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const { call, done } = run({ stream: true });
    await settle();
    a.received[0]!.chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
    call.stop("key_revoked");
    a.received[0]!.error(499);
    await done;
    expect(world.ledger[0]).toMatchObject({ cause: "key_revoked" });
  });

  test("the slot of a node that never confirms a cancel is released once, after the grace period", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const { call, done } = run({ stream: true });
    await settle();
    call.stop("caller_gone");
    await world.clock.pass(999);
    expect(world.ledger).toHaveLength(0);
    await world.clock.pass(1);
    expect(world.ledger).toHaveLength(1);
    await done;
    await world.clock.pass(3_999);
    expect(a.node.active).toBe(1);
    expect(a.received[0]!.isForgotten).toBe(false);
    await world.clock.pass(1);
    expect(a.node.active).toBe(0);
    expect(a.received[0]!.isForgotten).toBe(true);
    a.received[0]!.sink.finish();
    expect(a.node.active).toBe(0);
  });

  test("a node that is silent before its first chunk is penalised, and another one answers", async () => {
    const { world, run } = start();
    const nodes = [world.node("a"), world.node("b")];
    const { answer, done } = run({ stream: true });
    await settle();
    const [first, second] = askedFirst(nodes);
    await world.clock.pass(20_000);
    expect(first.received[0]!.isCancelled).toBe(true);
    second.received[0]!.text("here");
    second.received[0]!.sink.finish();
    await done;
    expect(answer.text).toBe("here");
    expect(world.circuit(first)).toBe("penalized");
  });

  test("a stream that falls silent after chunks ends with an error", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const { answer, done } = run({ stream: true });
    await settle();
    await world.clock.pass(15_000);
    a.received[0]!.text("one");
    await world.clock.pass(9_999);
    a.received[0]!.text("two");
    await world.clock.pass(11_000);
    await done;
    expect(answer.text).toBe("onetwo");
    expect(answer.error).toMatchObject({ code: "node_silent" });
    expect(world.ledger[0]).toMatchObject({ outcome: "timeout" });
  });

  test("a stream's silence counts from its last chunk, with the limit for later chunks", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const { answer, done } = run({ stream: true });
    await settle();
    await world.clock.pass(1_000);
    a.received[0]!.text("one");
    await world.clock.pass(9_999);
    expect(answer.error).toBeNull();
    await world.clock.pass(1);
    expect(answer.error).toMatchObject({ code: "node_silent" });
    await world.clock.pass(1_000);
    await done;
  });

  test("a node that waits for its caller to read is not silent, and has its full time afterwards", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const { answer, done } = run({ stream: true });
    await settle();
    answer.isStalled = true;
    a.received[0]!.text("one");
    await world.clock.pass(60_000);
    expect(answer.error).toBeNull();
    answer.drain();
    await world.clock.pass(5_000);
    expect(answer.error).toBeNull();
    expect(world.circuit(a)).toBe("clear");
    await world.clock.pass(20_000);
    await done;
    expect(answer.error).toMatchObject({ code: "node_silent" });
  });

  test("a call whose time is up fails, and no node is penalised", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const { call, answer, done } = run();
    await settle();
    call.stop("deadline_exceeded");
    await world.clock.pass(1_000);
    await done;
    expect(answer.error).toMatchObject({ code: "deadline_exceeded" });
    expect(a.received[0]!.isCancelled).toBe(true);
    expect(world.circuit(a)).toBe("clear");
    expect(world.ledger[0]).toMatchObject({ outcome: "timeout", status: 504 });
  });

  test("the node gets credit for what its caller has taken, and none while the caller stalls", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const { answer, done } = run({ stream: true });
    await settle();
    const [attempt] = a.received;
    attempt!.sink.data(`data: ${"x".repeat(92)}\n\n`);
    expect(attempt!.consumedBytes).toBe(100);
    answer.isStalled = true;
    attempt!.sink.data(new Uint8Array(30));
    attempt!.sink.data(new Uint8Array(5));
    expect(attempt!.consumedBytes).toBe(100);
    answer.drain();
    expect(attempt!.consumedBytes).toBe(135);
    attempt!.sink.finish();
    await done;
  });

  describe("an answer that is given whole", () => {
    test("is joined from its pieces, text or bytes", async () => {
      const { world, run } = start();
      const a = world.node("a");
      const { answer, done } = run();
      await settle();
      const { sink } = a.received[0]!;
      const pieces = [
        "{",
        '"é"',
        new TextEncoder().encode(":"),
        "1",
        new TextEncoder().encode("}"),
      ];
      for (const piece of pieces) sink.data(piece);
      expect(a.node.keptBytes).toBe(7);
      sink.finish();
      await done;
      expect(answer.body).toBe('{"é":1}');
      expect(a.node.keptBytes).toBe(0);
    });

    test("stops the call when it is too large, and its node", async () => {
      const { world, run } = start();
      const a = world.node("a");
      const { answer, done } = run();
      await settle();
      a.received[0]!.sink.data(`{"a":"${"x".repeat(3_994)}`);
      expect(answer.error).toBeNull();
      a.received[0]!.sink.data(new Uint8Array(1));
      await world.clock.pass(1_000);
      await done;
      expect(answer.error).toMatchObject({ code: "answer_too_large" });
      expect(world.ledger[0]).toMatchObject({ outcome: "interrupted", cause: "answer_too_large" });
      expect(a.received[0]!.isCancelled).toBe(true);
      expect(a.received[0]!.consumedBytes).toBe(4_000);
      expect([a.node.keptBytes, answer.heldBytes]).toEqual([0, 0]);
    });

    test("goes on to its caller once it is large, and is not retried from then on", async () => {
      const { world, run } = start();
      const nodes = [world.node("a"), world.node("b")];
      const { answer, done } = run();
      await settle();
      const [first, second] = askedFirst(nodes);
      first.received[0]!.sink.data(`{"a":"${"x".repeat(1_000)}`);
      expect(answer.events).toHaveLength(1);
      first.received[0]!.error(500);
      await done;
      expect(second.received).toHaveLength(0);
      expect(answer.error).toMatchObject({ code: "upstream_error" });
      expect([first.node.keptBytes, answer.heldBytes]).toEqual([0, 0]);
    });

    test("that is large ends well once its node says so, and only if it is whole", async () => {
      for (const [end, code] of [[`"}`, null], [`"`, "upstream_error"]] as const) {
        const { world, run } = start();
        const a = world.node("a");
        const { answer, done } = run();
        await settle();
        const { sink } = a.received[0]!;
        sink.data(`{"a":"${"x".repeat(1_000)}`);
        sink.data(end);
        expect(answer.events.join("")).not.toContain("}");
        sink.finish();
        await done;
        expect(answer.error?.code ?? null).toBe(code);
        expect(answer.events.join("").endsWith("}")).toBe(code === null);
      }
    });

    test("is given up when its node falls silent in the middle of it", async () => {
      const { world, run } = start();
      const a = world.node("a");
      const { answer, done } = run();
      await settle();
      await world.clock.pass(60_000);
      a.received[0]!.sink.data("{");
      await world.clock.pass(11_000);
      await done;
      expect(answer.error).toMatchObject({ code: "node_silent" });
    });

    test("waits at its node while the caller does not read, however long that is", async () => {
      const { world, run } = start();
      const a = world.node("a");
      const { answer, done } = run();
      await settle();
      const { sink } = a.received[0]!;
      answer.isStalled = true;
      sink.data(`{"a":"${"x".repeat(1_000)}`);
      expect(a.received[0]!.consumedBytes).toBe(0);
      await world.clock.pass(60_000);
      answer.drain();
      expect(a.received[0]!.consumedBytes).toBe(1_006);
      sink.data(`"}`);
      sink.finish();
      await done;
      expect(answer.error).toBeNull();
    });

    test("is discarded when its node fails and another one answers", async () => {
      const { world, run } = start();
      const nodes = [world.node("a"), world.node("b")];
      const { answer, done } = run();
      await settle();
      const [first, second] = askedFirst(nodes);
      first.received[0]!.sink.data(new Uint8Array(900));
      first.received[0]!.error(500);
      await settle();
      expect(first.node.keptBytes).toBe(0);
      second.received[0]!.sink.data("{}");
      second.received[0]!.sink.finish();
      await done;
      expect(answer.body).toBe("{}");
    });
  });

  test("an upstream's own rejection arrives unchanged, with its headers", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const { answer, done } = run();
    await settle();
    const rejection = {
      status: 422,
      headers: { "x-ratelimit-limit-tokens": "9" },
      body: `{ "error":{"x":1}}`,
    };
    a.received[0]!.sink.fail({ kind: "answered", ...rejection });
    await done;
    expect(answer.rejection).toEqual(rejection);
  });

  test("an upstream's 429 with a body is a failure of the node, and its Retry-After is kept", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const { answer, done } = run();
    await settle();
    const headers = { "retry-after": "90" };
    a.received[0]!.sink.fail({ kind: "answered", status: 429, headers, body: `{"error":{}}` });
    await done;
    expect(answer.error).toMatchObject({ code: "upstream_rate_limited", retryAfterMs: 90_000 });
  });

  test("a node that cannot be sent the call is skipped", async () => {
    const { world, run } = start();
    const stuck = world.node("stuck", 9);
    stuck.state.refusesSends = true;
    const { answer, done } = run();
    await settle();
    const fresh = world.node("fresh");
    await settle();
    fresh.received[0]!.chunk(whole);
    fresh.received[0]!.sink.finish();
    await done;
    expect(answer.body).not.toBeNull();
    expect(stuck.node.active).toBe(0);
  });

  test("an unexpected error costs the call its answer, not its ledger entry or the slot", async () => {
    const { world, run } = start();
    const a = world.node("a");
    a.node.connection.start = () => {
      throw new Error("broken");
    };
    const unsent = run();
    await unsent.done;
    expect(unsent.answer.error?.code).toBe("internal_error");
    expect(world.ledger[0]).toMatchObject({ outcome: "interrupted", cause: "internal_error" });
    expect(a.node.active).toBe(0);

    const b = world.node("b");
    world.hub.remove(a.node);
    const untold = run();
    untold.answer.whole = () => {
      throw new Error("broken");
    };
    await settle();
    b.received[0]!.chunk(whole);
    b.received[0]!.sink.finish();
    await untold.done;
    expect(world.ledger.map(({ id }) => id)).toEqual([unsent.call.id, untold.call.id]);
    expect(world.logged.filter(({ level }) => level === "error")).toMatchObject([
      { request: unsent.call.id, message: "unexpected error", err: { message: "broken" } },
      { request: untold.call.id, message: "unexpected error", err: { message: "broken" } },
    ]);
    expect(world.calls.size).toBe(0);
  });

  test("the ledger has the time that a call waited in the queue, without the wait for its node", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const running = run({ stream: true });
    const waiting = run();
    await world.clock.pass(3_000);
    waiting.call.stop("caller_gone");
    await waiting.done;
    expect(world.ledger[0]).toMatchObject({ queuedMs: 3_000, durationMs: 3_000, attempts: 0 });
    running.call.stop("caller_gone");
    await world.clock.pass(500);
    a.received[0]!.error(499);
    await running.done;
    expect(world.ledger[1]).toMatchObject({ queuedMs: 0, durationMs: 3_000, attempts: 1 });
  });

  test("a stopped call whose node does not confirm has a provisional entry before it is recorded", async () => {
    const { world, run } = start();
    const a = world.node("a", 2);
    const [slow, quick] = [run({ stream: true }), run({ stream: true })];
    await settle();
    for (const attempt of a.received) attempt.text("x");
    slow.call.stop("caller_gone");
    quick.call.stop("caller_gone");
    await settle();
    a.received[1]!.error(499);
    await quick.done;
    await world.clock.pass(100);
    expect(world.ledger.map(({ id }) => id)).toEqual([quick.call.id]);
    const known = { outcome: "cancelled", producedChunks: 1, durationMs: 0 };
    expect(world.provisional).toEqual([expect.objectContaining({ id: slow.call.id, ...known })]);
    a.received[0]!.text("y");
    a.received[0]!.error(499);
    await slow.done;
    expect(world.ledger[1]).toMatchObject({ id: slow.call.id, producedChunks: 2 });
    expect(world.provisional).toHaveLength(1);
  });

  test("a slot that is granted to a call which stops in the same moment goes to the next call", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const held = await world.lease();
    const [stopped, next] = [run({ account: "bob" }), run({ account: "carol" })];
    held.release();
    stopped.call.stop("caller_gone");
    await stopped.done;
    expect(stopped.answer.error).toMatchObject({ code: "caller_gone" });
    expect(a.received.map(({ order }) => order.attemptId.startsWith(next.call.id))).toEqual([true]);
    a.received[0]!.chunk(whole);
    a.received[0]!.sink.finish();
    await next.done;
    expect(a.node.active).toBe(0);
  });

  test("a call that its node sent back is served before its account's other calls", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const calls = [run(), run(), run()];
    await settle();
    a.received[0]!.error(503, "BUSY: full");
    await settle();
    await world.clock.pass(500);
    for (let i = 1; i <= calls.length; i++) {
      a.received[i]!.chunk(whole);
      a.received[i]!.sink.finish();
      await settle();
    }
    const [first, second, third] = calls.map(({ call }) => call.id);
    expect(a.received.map(({ order }) => order.attemptId.replace(/-[^-]*$/, "")))
      .toEqual([first!, first!, second!, third!]);
  });

  test("Retry-After follows how long the answered calls took, from their arrival, and no others", async () => {
    const world = new World({ queuePerModel: 0 });
    const a = world.node("a");
    const run = () => {
      const answer = new KeptAnswer();
      return { answer, done: world.relay.run(world.call(), answer) };
    };
    const answered = run();
    await world.clock.pass(8_000);
    a.received[0]!.chunk(whole);
    a.received[0]!.sink.finish();
    await answered.done;
    const rejected = run();
    await world.clock.pass(60_000);
    a.received[1]!.error(400);
    await rejected.done;
    void run();
    const late = run();
    await late.done;
    expect(late.answer.error).toMatchObject({ code: "queue_full", retryAfterMs: 8_000 });
  });

  test("the headers of a node that failed are not those of the one that answers", async () => {
    const { world, run } = start();
    const nodes = [world.node("a"), world.node("b")];
    const { answer, done } = run();
    await settle();
    const [first, second] = askedFirst(nodes);
    first.received[0]!.sink.head({ "x-upstream-request-id": "1" });
    expect(answer.headOf).toEqual({
      node: first.node.who.publicId,
      headers: { "x-upstream-request-id": "1", "x-colink-route": "any" },
    });
    first.received[0]!.error(500);
    await settle();
    expect(answer.headOf).toBeNull();
    second.received[0]!.sink.head({});
    second.received[0]!.chunk(whole);
    second.received[0]!.sink.finish();
    await done;
    const headers = { "x-colink-route": "any" };
    expect(answer.headOf).toEqual({ node: second.node.who.publicId, headers });
  });

  test("the ledger has each attempt with its end, and none of a call that succeeded at once", async () => {
    const { world, run } = start();
    const nodes = [world.node("a"), world.node("b")];
    const retried = run();
    await world.clock.pass(30);
    const [first, second] = askedFirst(nodes);
    first.received[0]!.error(500);
    await world.clock.pass(10);
    second.received[0]!.chunk(whole);
    second.received[0]!.sink.finish();
    await retried.done;
    expect(world.ledger[0]!.attemptLog).toEqual([
      { node: first.node.who.publicId, startMs: 0, durationMs: 30, end: "upstream_error" },
      { node: second.node.who.publicId, startMs: 30, durationMs: 10, end: "ok" },
    ]);

    const single = run();
    await settle();
    second.received[1]!.chunk(whole);
    second.received[1]!.sink.finish();
    await single.done;
    expect(world.ledger[1]!.attemptLog).toEqual([]);

    const rejected = run();
    await settle();
    second.received[2]!.error(400);
    await rejected.done;
    expect(world.ledger[2]).toMatchObject({ cause: null, attemptLog: [{ end: "refused" }] });
  });

  test("the ledger says what was expected of the nodes that the last attempt's was chosen from", async () => {
    const world = new World({ policy: "auto", trustsNodes: true });
    const nodes = [
      world.node("a"),
      world.node("b"),
      world.node("elsewhere", 1, ["m"], {
        gateway: "gw-2",
      }),
    ];
    const answered = async (failsFirst: boolean) => {
      const before = new Set(nodes.flatMap(({ received }) => received));
      const news = () =>
        nodes.flatMap(({ received }) => received).filter((one) => !before.has(one));
      const done = world.relay.run(world.call(), new KeptAnswer());
      await settle();
      if (failsFirst) news()[0]!.error(500);
      await world.clock.pass(20);
      const last = news().at(-1)!;
      last.chunk(whole);
      last.sink.finish();
      return await done;
    };
    expect((await answered(false)).choice).toBeNull();
    for (let i = 0; i < 10; i++) await answered(false);
    const { nodeId, choice, attemptLog } = await answered(true);
    expect(attemptLog).toHaveLength(2);
    expect(choice!.node).toBe(nodeId!);
    expect(choice!.compared.map(({ node }) => node)).toContain(nodeId!);
    expect(choice!.compared.length).toBeLessThanOrEqual(3);
  });

  test("the first byte counts from the call's arrival to the first piece, of whichever attempt", async () => {
    const { world, run } = start();
    const nodes = [world.node("a"), world.node("b")];
    const { done } = run();
    await world.clock.pass(20);
    const [first, second] = askedFirst(nodes);
    first.received[0]!.chunk(whole);
    await world.clock.pass(30);
    first.received[0]!.sink.fail({ kind: "lost", reason: "gone" });
    await settle();
    second.received[0]!.chunk(whole);
    second.received[0]!.sink.finish();
    await done;
    expect(world.ledger[0]).toMatchObject({ firstByteMs: 20, durationMs: 50, outcome: "ok" });

    const failed = run();
    await settle();
    second.received[1]!.error(400);
    await failed.done;
    expect(world.ledger[1]).toMatchObject({ firstByteMs: null });
  });

  test("a policy learns how long an answer took, and its first token only from a stream", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const timings: unknown[] = [];
    const { answered } = world.scheduler;
    world.scheduler.answered = (lease, call, timing) => {
      timings.push(timing);
      return answered.call(world.scheduler, lease, call, timing);
    };
    for (const stream of [true, false]) {
      const { done } = run({ stream });
      await world.clock.pass(100);
      a.received.at(-1)!.chunk(whole);
      await world.clock.pass(200);
      a.received.at(-1)!.sink.finish();
      await done;
    }
    const { done } = run();
    await settle();
    a.received[2]!.error(400);
    await done;
    expect(timings).toEqual([
      { firstTokenMs: 100, durationMs: 300, completionTokens: 2, answerBytes: expect.any(Number) },
      { firstTokenMs: null, durationMs: 300, completionTokens: 2, answerBytes: expect.any(Number) },
      null,
    ]);
  });

  test("a call that its node sent back waits even if the queue is full", async () => {
    const world = new World({ queuePerModel: 0 });
    const a = world.node("a");
    const answer = new KeptAnswer();
    const done = world.relay.run(world.call(), answer);
    await settle();
    a.received[0]!.error(503, "BUSY: full");
    await world.clock.pass(500);
    a.received[1]!.chunk(whole);
    a.received[1]!.sink.finish();
    await done;
    expect(answer.error).toBeNull();
  });

  test("a provider that refuses its node's key is not asked again, and another node answers", async () => {
    const { world, run } = start();
    const nodes = [world.node("a"), world.node("b")];
    const { answer, done } = run();
    await settle();
    const [first, second] = askedFirst(nodes);
    first.received[0]!.error(401);
    await settle();
    second.received[0]!.chunk(whole);
    second.received[0]!.sink.finish();
    await done;
    expect(answer.body).not.toBeNull();
    expect(world.circuit(first)).toBe("penalized");
  });

  const waits: [what: string, askedMs: number, toldMs: number][] = [
    ["the provider asks for, if that is longer than the penalty", 2 * 3_600_000, 2 * 3_600_000],
    ["the provider asks for, though no node is penalised", 5_000, 5_000],
  ];
  for (const [what, askedMs, toldMs] of waits) {
    test(`Retry-After of a failed call is as long as ${what}`, async () => {
      const { world, run } = start();
      const a = world.node("a");
      const { answer, done } = run();
      await settle();
      a.received[0]!.error(500, "x", askedMs);
      await done;
      expect(answer.error).toMatchObject({ code: "upstream_error", retryAfterMs: toldMs });
    });
  }

  test("a running call can be stopped with its key, until it is recorded", async () => {
    const { world, run } = start();
    world.node("a");
    const { answer, done } = run();
    await settle();
    expect(world.calls.size).toBe(1);
    world.calls.stopKeys(new Set(["key-alice"]));
    expect(world.calls.size).toBe(1);
    await world.clock.pass(1_000);
    await done;
    expect(answer.error).toMatchObject({ code: "key_revoked" });
    expect(world.calls.size).toBe(0);
  });

  test("penalties and recoveries are reported once each, and so is every call in the log", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const failed = run();
    await settle();
    a.received[0]!.error(404);
    await failed.done;
    expect(world.reported).toEqual(["a upstream_error"]);
    await world.clock.pass(60_000);
    const answered = run();
    await settle();
    a.received[1]!.chunk(whole);
    a.received[1]!.sink.finish();
    await answered.done;
    expect(world.reported).toEqual(["a upstream_error", "a m recovered"]);
    expect(world.logged.filter(({ message }) => message === "node penalised")).toMatchObject([{
      level: "warn",
      request: failed.call.id,
      node: "a",
      model: "m",
      cause: "upstream_error",
      faults: 1,
    }]);
    expect(world.logged.filter(({ message }) => message === "call")).toEqual([
      expect.objectContaining({ request: failed.call.id, cause: "upstream_error", status: 502 }),
      {
        level: "info",
        message: "call",
        request: answered.call.id,
        model: "m",
        status: 200,
        outcome: "ok",
        node: "a",
        attempts: 1,
        prompt_tokens: 7,
        completion_tokens: 2,
        first_byte_ms: 0,
        ms: 0,
      },
    ]);
  });

  test("a head or a piece that comes after the attempt's end is ignored", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const { answer, done } = run({ stream: true });
    await settle();
    const { sink } = a.received[0]!;
    sink.fail({ kind: "protocol", reason: "x" });
    await done;
    sink.head({ late: "1" });
    sink.data("data: late\n\n");
    expect([answer.headOf, answer.lateWrites, answer.events]).toEqual([null, 0, []]);
  });

  test("every call ends once: no call, slot or timer is left", async () => {
    const { world, run } = start();
    const a = world.node("a", 10);
    const runs = Array.from({ length: 5 }, () => run({ stream: true }));
    await settle();
    a.received[0]!.text("x");
    a.received[0]!.sink.finish();
    a.received[1]!.error(400);
    a.received[2]!.error(500);
    runs[3]!.call.stop("caller_gone");
    a.received[3]!.error(499);
    a.received[4]!.sink.fail({ kind: "protocol", reason: "x" });
    await world.clock.pass(100_000);
    for (const { answer, done } of runs) {
      await done;
      expect(answer.endings).toBe(1);
    }
    expect(world.ledger).toHaveLength(5);
    expect(world.calls.size).toBe(0);
    expect(a.node.active).toBe(0);
    expect(world.clock.pending).toBe(0);
  });
});

function start() {
  const world = new World();
  const run = (options: { stream?: boolean; account?: string } = {}) => {
    const call = world.call(options);
    const answer = new KeptAnswer();
    return { call, answer, done: world.relay.run(call, answer) };
  };
  return { world, run };
}

type Scripted = ReturnType<World["node"]>;

/** Two nodes; the one that was sent the call comes first. */
function askedFirst(nodes: Scripted[]): [Scripted, Scripted] {
  const [a, b] = nodes as [Scripted, Scripted];
  return a.received.length > 0 ? [a, b] : [b, a];
}

describe("a call whose node's link is lost for a while", () => {
  const lose = (world: World, { node, received }: Scripted) => {
    world.hub.interrupted(node, world.clock.now() + 30_000);
    received[0]!.sink.suspended!();
  };
  const comeBack = (world: World, { node, received }: Scripted) => {
    world.hub.reconnected(node);
    received[0]!.sink.resumed!();
  };

  test("and that has had no byte goes to another node that has room, and no node is blamed", async () => {
    const { world, run } = start();
    const nodes = [world.node("a"), world.node("b")];
    const { answer, done } = run({ stream: true });
    await settle();
    const [first, second] = askedFirst(nodes);
    lose(world, first);
    await settle();
    expect(first.received[0]!.isCancelled).toBe(true);
    // Its node may still be at work for it.
    expect(first.node.active).toBe(1);
    second.received[0]!.text("hi");
    second.received[0]!.chunk(finishChunk);
    second.received[0]!.sink.finish();
    await done;
    expect(answer.text).toBe("hi");
    expect(world.reported).toEqual([]);
    comeBack(world, first);
    first.received[0]!.error(499);
    expect(first.node.active).toBe(0);
  });

  test("and that has had an announcement alone goes to another node that has room", async () => {
    const { world, run } = start();
    const nodes = [world.node("a"), world.node("b")];
    const { answer, done } = run({ stream: true });
    await settle();
    const [first, second] = askedFirst(nodes);
    first.received[0]!.chunk({ choices: [{ index: 0, delta: { role: "assistant" } }] });
    lose(world, first);
    await settle();
    expect(first.received[0]!.isCancelled).toBe(true);
    second.received[0]!.text("hi");
    second.received[0]!.chunk(finishChunk);
    second.received[0]!.sink.finish();
    await done;
    expect(answer.text).toBe("hi");
    expect(world.reported).toEqual([]);
    first.received[0]!.error(499);
  });

  test("goes to another node as soon as one has room", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const { done } = run({ stream: true });
    await settle();
    lose(world, a);
    await world.clock.pass(1_500);
    expect(a.received[0]!.isCancelled).toBe(false);
    const b = world.node("b");
    await world.clock.pass(1_000);
    expect(b.received).toHaveLength(1);
    b.received[0]!.chunk(finishChunk);
    b.received[0]!.sink.finish();
    await done;
  });

  test("waits where it has begun, and its clocks stand still", async () => {
    const { world, run } = start();
    const nodes = [world.node("a"), world.node("b")];
    const { answer, done } = run({ stream: true });
    await settle();
    const [node] = askedFirst(nodes);
    node.received[0]!.text("a");
    // 10 s of silence end a call.
    await world.clock.pass(6_000);
    lose(world, node);
    await world.clock.pass(29_000);
    comeBack(world, node);
    await world.clock.pass(3_000);
    expect(answer.endings).toBe(0);
    node.received[0]!.text("b");
    node.received[0]!.chunk(finishChunk);
    node.received[0]!.sink.finish();
    await done;
    expect(answer.text).toBe("ab");
    expect(world.clock.pending).toBe(0);
  });

  test("is stopped for its silence when the node that has come back says nothing for the rest of its time", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const { answer, done } = run({ stream: true });
    await settle();
    a.received[0]!.text("a");
    await world.clock.pass(6_000);
    lose(world, a);
    await world.clock.pass(20_000);
    comeBack(world, a);
    await world.clock.pass(3_900);
    expect(answer.endings).toBe(0);
    await world.clock.pass(1_200);
    expect(answer.endings).toBe(1);
    a.received[0]!.error(499);
    await done;
  });

  test("ends at once where its caller leaves", async () => {
    const { world, run } = start();
    const a = world.node("a");
    const { call, answer, done } = run({ stream: true });
    await settle();
    a.received[0]!.text("a");
    lose(world, a);
    call.stop("caller_gone");
    await world.clock.pass(1_100);
    await done;
    expect(answer.endings).toBe(1);
    expect(a.received[0]!.isCancelled).toBe(true);
    expect(a.node.active).toBe(1);
  });

  test("new calls wait for the node, and are not refused", async () => {
    const { world, run } = start();
    const a = world.node("a");
    world.hub.interrupted(a.node, world.clock.now() + 30_000);
    const { answer, done } = run({ stream: true });
    await world.clock.pass(2_000);
    expect(answer.endings).toBe(0);
    expect(a.received).toEqual([]);
    world.hub.reconnected(a.node);
    await settle();
    expect(a.received).toHaveLength(1);
    a.received[0]!.chunk(finishChunk);
    a.received[0]!.sink.finish();
    await done;
  });
});
