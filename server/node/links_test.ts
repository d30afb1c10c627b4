import { describe, expect, test } from "bun:test";
import { encodeJson } from "../../protocol/mod.ts";
import { bodyOf, call, type FakeSocket, LinkHarness } from "./testing/link_harness.ts";

function connected() {
  const harness = new LinkHarness();
  const socket = harness.dial();
  harness.register(socket);
  return { harness, socket };
}

const stream = (request_id: string, content: string) => ({
  type: "STREAM",
  data: { request_id, chunk: { choices: [{ index: 0, delta: { content } }] } },
});
const finish = (request_id: string) => ({ type: "FINISH", data: { request_id } });

describe("a node's link in wire v1", () => {
  test("a node that registers is in the hub with what it offers", () => {
    const { harness } = connected();
    const [node] = harness.hub.nodes();
    expect(node!.offer).toEqual({ name: "node", agent: null, maxParallel: 2, models: ["m"] });
    expect(harness.hub.models()).toEqual(["m"]);
  });

  test("a node is called at chat only, whatever its REGISTER says of endpoints", () => {
    const { harness, socket } = connected();
    const capabilities = { m: { endpoints: "/v1/embeddings" } };
    harness.register(socket, { models: ["m"], capabilities } as never);
    expect(harness.hub.factsOf("m")?.endpoints).toEqual(["/v1/chat/completions"]);
  });

  test("a second REGISTER replaces the first", () => {
    const { harness, socket } = connected();
    harness.register(socket, { max_parallel: 9, models: ["n", "n", "o"] });
    expect(harness.hub.models()).toEqual(["n", "o"]);
    expect([...harness.hub.nodes()][0]!.offer.maxParallel).toBe(9);
  });

  test("a node that has not registered within its time is closed", async () => {
    const harness = new LinkHarness();
    const late = harness.dial();
    const timely = harness.dial();
    await harness.clock.pass(4_999);
    harness.register(timely);
    await harness.clock.pass(1);
    expect(late.closed).toMatchObject({ code: 4002 });
    expect(timely.closed).toBeNull();
  });

  test("CALL carries the body unchanged", () => {
    const { harness, socket } = connected();
    const [node] = harness.hub.nodes();
    const texts: string[] = [];
    socket.send = (text) => texts.push(text as string);
    const sink = { head() {}, data() {}, finish() {}, fail() {} };
    const bodyText = `{ "model":"m" ,"seed":9007199254740993,"x":null}`;
    node!.connection.start({
      attemptId: "req-1",
      endpoint: "/v1/chat/completions",
      model: "m",
      body: bodyOf(bodyText),
      stream: false,
      wantsUsage: false,
      streamOptions: null,
      choices: 1,
      headers: null,
    }, sink);
    expect(texts).toEqual([
      `{"type":"CALL","data":{"request_id":"req-1","model":"m","payload":${bodyText}}}`,
    ]);
  });

  test("a stream asks for usage where its caller did not, keeping the caller's other options", () => {
    const { harness, socket } = connected();
    const bodyText = `{"model":"m","stream":true,"stream_options":{"include_obfuscation":false}}`;
    call(harness, {
      stream: true,
      body: bodyOf(bodyText),
      streamOptions: { include_obfuscation: false },
    });
    expect(socket.sent.at(-1)!.data.payload).toEqual({
      model: "m",
      stream: true,
      stream_options: { include_obfuscation: false, include_usage: true },
    });
  });

  test("chunks become events, in order, and FINISH ends the attempt once", () => {
    const { harness, socket } = connected();
    const { received } = call(harness, { stream: true });
    harness.text(socket, stream("req-1", "a"));
    harness.text(socket, stream("req-1", "b"));
    harness.text(socket, finish("req-1"));
    harness.text(socket, finish("req-1"));
    expect(received.data.map((text) => JSON.parse(text.slice(6)).choices[0].delta.content)).toEqual(
      [
        "a",
        "b",
      ],
    );
    expect(received.data.every((text) => text.startsWith("data: ") && text.endsWith("\n\n"))).toBe(
      true,
    );
    expect(received).toMatchObject({ finished: 1, failures: [] });
  });

  test("the one chunk of a call that does not stream is its answer", () => {
    const { harness, socket } = connected();
    const { received } = call(harness);
    harness.text(socket, stream("req-1", "whole"));
    harness.text(socket, finish("req-1"));
    expect(received.data).toEqual([JSON.stringify(stream("req-1", "whole").data.chunk)]);
    expect(received).toMatchObject({ finished: 1, failures: [] });
  });

  test("a chunk with line breaks between its tokens stays one event", () => {
    const { harness, socket } = connected();
    const { received } = call(harness, { stream: true });
    harness.text(
      socket,
      `{"type":"STREAM","data":{"request_id":"req-1","chunk":{\n"choices":[\r\n{"index":0}]}}}`,
    );
    expect(received.data).toEqual([`data: {"choices":[{"index":0}]}\n\n`]);
  });

  test("a frame of millions of values is refused unread, and a long one of text is not", () => {
    const { harness, socket } = connected();
    const register = { max_parallel: 2, models: ["m"], later: new Array(99_000).fill(0) };
    harness.register(socket, register);
    expect(socket.sent).toEqual([]);
    harness.register(socket, { ...register, later: new Array(101_000).fill(0) } as never);
    expect(socket.sent.at(-1)!.data.message).toBe("Cannot read frame: too many values");
    const { received } = call(harness, { stream: true });
    const frame = (chunk: string) =>
      `{"type":"STREAM","data":{"request_id":"req-1","chunk":{"x":${chunk},"choices":[]}}}`;
    harness.text(socket, frame(`[${"[],".repeat(760_000)}0]`));
    expect(received.data).toEqual([]);
    expect(socket.sent.at(-1)!.data.message).toBe("Cannot read frame: too many values");
    harness.text(socket, frame(`"${'text, with a \\"quote\\" '.repeat(200_000)}"`));
    expect(received.data).toHaveLength(1);
    harness.text(socket, frame(`[${"0.25,".repeat(300_000)}0]`));
    expect(received.data).toHaveLength(2);
  });

  test("a whole answer with the probabilities of thousands of tokens is passed on", () => {
    const { harness, socket } = connected();
    const { received } = call(harness);
    const likely = { token: " token", logprob: -12.345678901234567, bytes: [32, 116, 111, 107] };
    const token = { ...likely, top_logprobs: new Array(20).fill(likely) };
    const content = `[${new Array(4_200).fill(JSON.stringify(token)).join()}]`;
    const answer = `{"choices":[{"index":0,"logprobs":{"content":${content}}}]}`;
    expect(answer.length).toBeGreaterThan(6 * 1024 * 1024);
    harness.text(
      socket,
      `{"type":"STREAM","data":{"request_id":"req-1","chunk":${answer}}}`,
    );
    harness.text(socket, finish("req-1"));
    expect(received).toMatchObject({ data: [answer], finished: 1, failures: [] });
  });

  test("a caller who asked for usage sees it", () => {
    const { harness, socket } = connected();
    const { received } = call(harness, { stream: true, wantsUsage: true });
    const chunk = { choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } };
    harness.text(socket, { type: "STREAM", data: { request_id: "req-1", chunk } });
    expect(received.data).toEqual([`data: ${JSON.stringify(chunk)}\n\n`]);
  });

  test("without usage from the upstream, chunks that carry tokens are counted and marked as an estimate", () => {
    const { harness, socket } = connected();
    const { running } = call(harness, { stream: true });
    const chunks = [
      { delta: { role: "assistant", content: "" } },
      { delta: { content: "one" } },
      { delta: { reasoning_content: "two" } },
      { delta: { tool_calls: [{ index: 0 }] } },
      { delta: {}, finish_reason: "stop" },
    ];
    for (const choice of chunks) {
      harness.text(socket, {
        type: "STREAM",
        data: { request_id: "req-1", chunk: { choices: [choice] } },
      });
    }
    expect(running!.tally()).toEqual({
      promptTokens: null,
      completionTokens: 3,
      estimated: true,
      chunks: 5,
      isComplete: true,
    });
  });

  test("late frames of a call that ended are ignored", () => {
    const { harness, socket } = connected();
    const { received } = call(harness, { stream: true });
    harness.text(socket, stream("req-1", "a"));
    harness.text(socket, finish("req-1"));
    for (let i = 0; i < 50; i++) harness.text(socket, stream("req-1", "late"));
    expect(received.data).toHaveLength(1);
    expect(socket.closed).toBeNull();
  });

  test("late frames are ignored for the last 1,024 calls at least, and foreign after 2,048 more", () => {
    const { harness, socket } = connected();
    const end = (id: string) => {
      call(harness, { stream: true, attemptId: id });
      harness.text(socket, stream(id, "a"));
      harness.text(socket, finish(id));
    };
    end("oldest");
    for (let i = 0; i < 1_024; i++) end(`req-${i}`);
    for (let i = 0; i < 20; i++) harness.text(socket, stream("oldest", "late"));
    expect(harness.log.filter((line) => line.startsWith("warn"))).toEqual([]);
    expect(socket.closed).toBeNull();
    for (let i = 1_024; i < 2_047; i++) end(`req-${i}`);
    for (let i = 1_023; i < 2_047; i++) harness.text(socket, stream(`req-${i}`, "late"));
    expect(socket.closed).toBeNull();
    for (let i = 0; i < 10; i++) harness.text(socket, stream("oldest", "late"));
    expect(socket.closed).toMatchObject({ code: 4003 });
  });

  test("what may still come of a call is counted on after another 1,024 calls", () => {
    const { harness, socket } = connected();
    call(harness, { stream: true });
    harness.text(socket, finish("req-1"));
    const half = stream("req-1", "x".repeat(20 << 20));
    harness.text(socket, half);
    for (let i = 0; i < 1_024; i++) {
      call(harness, { attemptId: `other-${i}` });
      harness.text(socket, finish(`other-${i}`));
    }
    expect(socket.closed).toBeNull();
    harness.text(socket, half);
    expect(socket.closed).toMatchObject({ code: 4003 });
  });

  for (const how of ["has ended", "was cancelled"]) {
    test(`a node that floods a call that ${how} loses its connection; one that answers on for a while does not`, () => {
      const { harness, socket } = connected();
      const { running } = call(harness, { stream: true });
      harness.text(socket, stream("req-1", "a"));
      if (how === "has ended") harness.text(socket, finish("req-1"));
      else running!.cancel();
      const mebibyte = stream("req-1", "x".repeat(1 << 20));
      for (let i = 0; i < 31; i++) harness.text(socket, mebibyte);
      expect(socket.closed).toBeNull();
      for (let i = 0; i < 2; i++) harness.text(socket, mebibyte);
      expect(socket.closed).toMatchObject({ code: 4003 });
    });
  }

  test("frames for another node's call are ignored, and ten of them end the connection", () => {
    const { harness, socket } = connected();
    const { received } = call(harness, { stream: true });
    const stranger = harness.dial({ keyId: "other-key" });
    harness.register(stranger);
    for (let i = 0; i < 9; i++) harness.text(stranger, stream("req-1", "injected"));
    expect(stranger.closed).toBeNull();
    harness.text(stranger, {
      type: "ERROR",
      data: { request_id: "req-1", code: 500, message: "injected" },
    });
    expect(stranger.closed).toMatchObject({ code: 4003 });
    harness.text(socket, stream("req-1", "mine"));
    expect(received.data.join("")).toContain("mine");
    expect(received.data.join("")).not.toContain("injected");
    expect(received.finished).toBe(0);
  });

  test("ten malformed frames in a row end the connection; a good one in between forgives", () => {
    const { harness, socket } = connected();
    for (let i = 0; i < 9; i++) harness.text(socket, "not JSON");
    harness.register(socket);
    for (let i = 0; i < 9; i++) harness.bytes(socket, new Uint8Array([1, 2, 3]));
    expect(socket.closed).toBeNull();
    harness.text(socket, "{}");
    expect(socket.closed).toMatchObject({ code: 4003 });
  });

  const padding = "x".repeat(1024 * 1024);
  const besideCalls: [what: string, frame: string | object][] = [
    ["a REGISTER", { type: "REGISTER", data: { max_parallel: 1, models: ["m"], padding } }],
    ["an ERROR about the connection", { type: "ERROR", data: { code: 1, message: "m", padding } }],
    ["the end of a call that has ended", {
      type: "FINISH",
      data: { request_id: "req-1", padding },
    }],
    ["what a malformed frame is", `{${padding}`],
    ["what stands around a piece of a running call's answer", {
      type: "STREAM",
      data: { request_id: "req-2", chunk: { choices: [] }, padding },
    }],
  ];
  for (const [what, frame] of besideCalls) {
    test(`a megabyte of ${what}, sixteen times within a minute, ends the connection`, () => {
      const { harness, socket } = connected();
      call(harness, { stream: true });
      harness.text(socket, stream("req-1", "hi"));
      harness.text(socket, finish("req-1"));
      call(harness, { stream: true, attemptId: "req-2" });
      const send = () => {
        harness.text(socket, frame);
        // Malformed ones are forgiven.
        harness.text(socket, { type: "LATER", data: {} });
      };
      for (let i = 0; i < 15; i++) send();
      expect(socket.closed).toBeNull();
      send();
      const reason = "Too many bytes that belong to no call within a minute";
      expect(socket.closed).toEqual({ code: 4003, reason });
    });
  }

  test("a malformed REGISTER is answered with what is wrong, and does not count as one", async () => {
    const harness = new LinkHarness();
    const socket = harness.dial();
    harness.register(socket, { max_parallel: -1 });
    expect(JSON.stringify(socket.sent)).toContain("max_parallel");
    expect(harness.hub.size).toBe(0);
    await harness.clock.pass(5_000);
    expect(socket.closed).toMatchObject({ code: 4002 });
  });

  test("a frame of an unknown type is ignored", () => {
    const { harness, socket } = connected();
    for (let i = 0; i < 50; i++) harness.text(socket, { type: "LATER", data: {} });
    expect(socket.closed).toBeNull();
    expect(socket.sent).toEqual([]);
  });

  test("more than 16 MiB of such frames within a minute end the link", async () => {
    const { harness, socket } = connected();
    const mebibyte = { type: "LATER", data: { x: "x".repeat(1024 * 1024) } };
    for (let i = 0; i < 15; i++) harness.text(socket, mebibyte);
    // Each frame is a sign of life, too: a silent node would be dropped.
    for (let i = 0; i < 6; i++) {
      await harness.clock.pass(10_000);
      harness.text(socket, { type: "LATER", data: {} });
    }
    for (let i = 0; i < 15; i++) harness.text(socket, mebibyte);
    expect(socket.closed).toBeNull();
    harness.text(socket, mebibyte);
    expect(socket.closed).toMatchObject({ code: 4003 });
  });

  test("an attempt whose node finishes without an answer, or answers twice, has failed", () => {
    const { harness, socket } = connected();
    const empty = call(harness, { attemptId: "req-1" });
    harness.text(socket, finish("req-1"));
    expect(empty.received.failures).toMatchObject([{ kind: "no answer" }]);
    const twice = call(harness, { attemptId: "req-2" });
    harness.text(socket, stream("req-2", "a"));
    harness.text(socket, stream("req-2", "b"));
    expect(twice.received.failures).toMatchObject([{ kind: "protocol" }]);
    expect(twice.received.finished).toBe(0);
  });

  const chunk = (request_id: string, chunk: unknown) => ({
    type: "STREAM",
    data: { request_id, chunk },
  });
  const ended = (id: string, index = 0) =>
    chunk(id, { choices: [{ index, finish_reason: "stop" }] });

  test("a stream whose choices have ended is complete 2 s later, whatever chunks still come", async () => {
    const { harness, socket } = connected();
    const { received } = call(harness, { stream: true });
    harness.text(socket, stream("req-1", "a"));
    harness.text(socket, ended("req-1"));
    for (let i = 0; i < 4; i++) {
      expect(received.finished).toBe(0);
      await harness.clock.pass(500);
      harness.text(socket, chunk("req-1", { choices: [] }));
    }
    expect(received.finished).toBe(1);
    expect(received.failures).toEqual([]);
    expect(socket.sent.at(-1)).toMatchObject({ type: "ERROR", data: { code: 499 } });
    // What the node still says of it is late, and nothing else.
    harness.text(socket, finish("req-1"));
    await harness.clock.pass(5_000);
    expect(received.finished).toBe(1);
  });

  test("a stream of several choices is complete once all have ended that were asked for or have begun", async () => {
    for (const choices of [2, 1]) {
      const { harness, socket } = connected();
      const { received } = call(harness, { stream: true, choices });
      harness.text(
        socket,
        chunk("req-1", { choices: [{ index: choices === 1 ? 1 : 0, delta: {} }] }),
      );
      harness.text(socket, ended("req-1"));
      await harness.clock.pass(10_000);
      expect(received.finished).toBe(0);
      harness.text(socket, ended("req-1", 1));
      await harness.clock.pass(2_000);
      expect(received.finished).toBe(1);
    }
  });

  test("a stream whose choices have ended is complete though its connection is lost or an error comes", () => {
    for (const isLost of [true, false]) {
      const { harness, socket } = connected();
      const { received } = call(harness, { stream: true });
      harness.text(socket, ended("req-1"));
      if (isLost) harness.gone(socket);
      else {harness.text(socket, {
          type: "ERROR",
          data: { request_id: "req-1", code: 502, message: "x" },
        });}
      expect(received.finished).toBe(1);
      expect(received.failures).toEqual([]);
      expect(harness.clock.pending).toBeLessThanOrEqual(2);
    }
  });

  test("a cancelled stream whose choices have ended waits for its node's confirmation", async () => {
    const { harness, socket } = connected();
    const { received, running } = call(harness, { stream: true });
    harness.text(socket, ended("req-1"));
    running!.cancel();
    await harness.clock.pass(3_000);
    expect(received.finished).toBe(0);
    harness.text(socket, { type: "ERROR", data: { request_id: "req-1", code: 499, message: "x" } });
    expect(received.failures).toMatchObject([{ kind: "refused" }]);
  });

  test("a stream that its node ends only after the call was stopped is not complete", () => {
    const { harness, socket } = connected();
    const { running } = call(harness, { stream: true });
    harness.text(socket, stream("req-1", "a"));
    running!.cancel();
    harness.text(socket, stream("req-1", "late"));
    harness.text(socket, ended("req-1"));
    harness.text(socket, finish("req-1"));
    expect(running!.tally()).not.toHaveProperty("isComplete");
  });

  const errors: [chunk: object, status: number][] = [
    [{ error: { message: "no", code: "context_length_exceeded" } }, 400],
    [{ error: { message: "no", type: "server_error" } }, 502],
    [{ error: "no" }, 502],
    [{ object: "error", message: "no", code: 422 }, 422],
  ];
  for (const [error, status] of errors) {
    test(`a chunk ${JSON.stringify(error)} is a failure, and its node is told to stop`, () => {
      const { harness, socket } = connected();
      const { received } = call(harness, { stream: true });
      harness.text(socket, chunk("req-1", error));
      expect(received.failures)
        .toEqual([{ kind: "answered", status, headers: {}, body: JSON.stringify(error) }]);
      expect(socket.sent.at(-1)).toMatchObject({ type: "ERROR", data: { code: 499 } });
    });
  }

  test("a lost connection fails every open attempt, after its node has left the hub", () => {
    const { harness, socket } = connected();
    const { received } = call(harness);
    harness.gone(socket);
    expect(harness.hub.size).toBe(0);
    expect(received.failures).toMatchObject([{ kind: "lost" }]);
  });

  test("cancel tells the node 499 with the call's id", () => {
    const { harness, socket } = connected();
    const { running } = call(harness);
    running!.cancel();
    expect(socket.sent.at(-1)).toMatchObject({
      type: "ERROR",
      data: { request_id: "req-1", code: 499 },
    });
  });

  test("a chunk's head comes once, before the first piece", () => {
    const { harness, socket } = connected();
    const { received } = call(harness, { stream: true });
    expect(received.headers).toEqual([]);
    harness.text(socket, stream("req-1", "a"));
    expect(received.headers).toEqual([{}]);
    harness.text(socket, stream("req-1", "b"));
    expect(received.headers).toEqual([{}]);
  });

  test("an ERROR with a call's id fails the call, and one without it is logged", () => {
    const { harness, socket } = connected();
    const { received } = call(harness);
    harness.text(socket, { type: "ERROR", data: { code: 500, message: "no disk" } });
    expect(received.failures).toEqual([]);
    expect(harness.log).toContain("warn node reports an error");
    const error = { request_id: "req-1", code: 503, message: "BUSY: full" };
    harness.text(socket, { type: "ERROR", data: error });
    harness.text(socket, { type: "ERROR", data: error });
    expect(received.failures).toEqual([{ kind: "refused", error }]);
    expect(socket.closed).toBeNull();
  });

  test("a cancelled call may still send a whole answer, to the byte, however often it is cancelled", () => {
    const { harness, socket } = connected();
    const { running } = call(harness, { stream: true });
    running!.cancel();
    const chunk = (bytes: number) => `"${"x".repeat(bytes - 2)}"`;
    const text = (bytes: number) =>
      `{"type":"STREAM","data":{"request_id":"req-1","chunk":{"a":${chunk(bytes - 6)}}}}`;
    harness.text(socket, text(20 << 20));
    running!.cancel();
    harness.text(socket, text(12 << 20));
    expect(socket.closed).toBeNull();
    harness.text(socket, stream("req-1", ""));
    expect(socket.closed).toMatchObject({ code: 4003 });
  });

  test("cancel after the end sends nothing", () => {
    const { harness, socket } = connected();
    const { running } = call(harness, { stream: true });
    harness.text(socket, stream("req-1", "a"));
    harness.text(socket, finish("req-1"));
    const { length } = socket.sent;
    running!.cancel();
    expect(socket.sent).toHaveLength(length);
  });

  test("a send that is dropped means that the call was not started; a queued one is", () => {
    const { harness, socket } = connected();
    socket.sendAnswers = 0;
    const dropped = call(harness);
    expect(dropped.running).toBeNull();
    socket.sendAnswers = -1;
    expect(call(harness, { attemptId: "req-2" }).running).not.toBeNull();
    harness.gone(socket);
    expect(dropped.received.failures).toEqual([]);
  });

  test("a node that does not read what it is sent gets no further calls", () => {
    const { harness, socket } = connected();
    socket.buffered = 9 * 1024 * 1024;
    expect(call(harness).running).toBeNull();
  });

  test("nodes are pinged, and a silent one is dropped within its time while a living one stays", async () => {
    const harness = new LinkHarness();
    harness.links.start();
    const [silent, living] = [harness.dial(), harness.dial()];
    for (const socket of [silent, living]) harness.register(socket);
    for (let second = 0; second < 50; second += 5) {
      await harness.clock.pass(5_000);
      harness.pong(living);
    }
    expect(silent.isTerminated).toBe(true);
    expect(living.isTerminated).toBe(false);
    expect(living.pings).toBeGreaterThanOrEqual(2);
    harness.links.stop();
  });

  for (const kind of ["ping", "pong"] as const) {
    test(`more than 600 ${kind}s within a minute that no one asked for end the connection`, async () => {
      const { harness, socket } = connected();
      const send = (times: number) => {
        for (let i = 0; i < times; i++) harness[kind](socket);
      };
      for (let minute = 0; minute < 2; minute++) {
        send(600);
        expect(socket.closed).toBeNull();
        await harness.clock.pass(60_000);
      }
      send(601);
      expect(socket.closed).toEqual({ code: 4003, reason: "Too many pings within a minute" });
    });
  }

  test("answers to pings of the gateway's are not among them", async () => {
    const harness = new LinkHarness();
    harness.links.start();
    const socket = harness.dial();
    harness.register(socket);
    await harness.clock.pass(15_000);
    for (let i = 0; i < 601; i++) harness.pong(socket);
    expect(socket.pings).toBe(1);
    expect(socket.closed).toBeNull();
    harness.pong(socket);
    expect(socket.closed).not.toBeNull();
    harness.links.stop();
  });

  test("two machines with one token and one address have different ids, and get them back", () => {
    const harness = new LinkHarness();
    const [first, second] = [harness.dial(), harness.dial()];
    harness.register(first);
    harness.register(second);
    expect(harness.ids).toEqual(["public:key/10.0.0.1", "public:key/10.0.0.1#1"]);
    harness.gone(first);
    harness.register(harness.dial());
    expect(harness.ids).toEqual(["public:key/10.0.0.1#1", "public:key/10.0.0.1"]);
  });

  test("a node that reconnects while its old socket is half open has the old one cut", async () => {
    const harness = new LinkHarness();
    const stale = harness.dial();
    harness.register(stale, { node_id: "n1" });
    await harness.clock.pass(10);
    harness.register(harness.dial(), { node_id: "n1" });
    expect(stale.pings).toBe(1);
    await harness.clock.pass(5_000);
    expect(stale.isTerminated).toBe(true);
  });

  test("the connections of revoked tokens are closed, registered or not", () => {
    const harness = new LinkHarness();
    const dials = ["k1", "k1", "k2", "k3"].map((keyId) => harness.dial({ keyId }));
    harness.register(dials[0]!);
    harness.links.closeKeys(new Set(["k1", "k3"]));
    expect(dials.map(({ closed }) => closed?.code)).toEqual([4001, 4001, undefined, 4001]);
  });
});

describe("a node that is asked to dial another gateway", () => {
  function asked() {
    const harness = new LinkHarness();
    const socket = harness.dial({ wire: 2 });
    harness.register(socket);
    const [node] = harness.hub.nodes();
    const { received } = call(harness, { stream: true });
    expect(harness.links.move(node!, "there are too many", 2_000)).toBe(true);
    return { harness, socket, received };
  }

  test("is sent GOAWAY, and serves until it has moved", () => {
    const { harness, socket } = asked();
    const data = { reason: "there are too many", redial_within_ms: 2_000 };
    expect(socket.frames.at(-1)).toMatchObject({ type: "goaway", data });
    expect([harness.hub.size, socket.closed]).toEqual([1, null]);
  });

  test("is not asked in wire v1, nor once it has left", () => {
    const { harness, socket } = connected();
    const [node] = harness.hub.nodes();
    const before = socket.messages.length;
    expect(harness.links.move(node!, "there are too many", 2_000)).toBe(false);
    expect(socket.messages).toHaveLength(before);
    harness.gone(socket);
    expect(harness.links.move(node!, "there are too many", 2_000)).toBe(false);
  });

  test("stays the same node where it comes back to this one, and its calls end on the old link", () => {
    const { harness, socket, received } = asked();
    const again = harness.dial({ wire: 2 });
    harness.register(again);
    expect(harness.ids).toEqual(["public:key/n1"]);
    harness.bytes(socket, encodeJson("error", 1, { code: 500, message: "its own end" }));
    expect(received.failures).toMatchObject([{ kind: "refused" }]);
    harness.bytes(socket, encodeJson("status", 0, { state: "draining" }));
    harness.gone(socket);
    const [node] = harness.hub.nodes();
    expect([harness.hub.size, node!.isDraining]).toEqual([1, false]);
    expect(harness.observed.filter((what) => what.startsWith("left"))).toEqual([]);
    harness.gone(again);
    expect([harness.hub.size, harness.observed.at(-1)]).toEqual([0, "left public:key/n1 1006"]);
    harness.register(harness.dial({ wire: 2 }));
    expect(harness.ids).toEqual(["public:key/n1"]);
  });
});

describe("a node that has moved to another gateway", () => {
  function moved() {
    const harness = new LinkHarness();
    const socket = harness.dial({ wire: 2 });
    harness.register(socket);
    const [node] = harness.hub.nodes();
    const { received } = call(harness, { stream: true });
    harness.links.move(node!, "there are too many", 2_000);
    harness.bytes(socket, encodeJson("status", 0, { state: "draining" }));
    return { harness, socket, received, node: node! };
  }

  test("takes calls here until the other gateway offers it, so that none finds it nowhere", async () => {
    const { harness, socket, received, node } = moved();
    await harness.clock.pass(400);
    expect(node.isDraining).toBe(false);
    harness.links.challenge(node);
    expect(harness.ids).toEqual([]);
    harness.bytes(socket, encodeJson("head", 1, { status: 200, headers: {} }));
    harness.bytes(socket, encodeJson("error", 1, { code: 500, message: "its own end" }));
    expect(received.failures).toMatchObject([{ kind: "refused" }]);
    harness.gone(socket, 1000);
    expect(harness.observed.filter((what) => what.startsWith("left"))).toEqual([]);
  });

  test("takes none here from half a second on, whatever the others know", async () => {
    const { harness, node } = moved();
    await harness.clock.pass(600);
    expect([harness.hub.size, node.isDraining]).toEqual([1, true]);
  });
});

describe("the connections of all nodes", () => {
  test("are recorded: before the node gets calls, when its offer changes, and when they end", () => {
    const { harness, socket } = connected();
    harness.register(socket, { models: ["n"] });
    harness.gone(socket);
    harness.gone(socket);
    const id = "public:key/10.0.0.1";
    expect(harness.observed).toEqual([
      `connected ${id}, 0 in the hub`,
      `changed ${id} n`,
      `left ${id} 1006`,
    ]);
    expect(harness.log).toEqual([
      "info node connected",
      "info node changed its offer",
      "info node disconnected",
    ]);
  });

  test("that end before REGISTER are not recorded, nor closed when their time is over", async () => {
    const harness = new LinkHarness();
    const socket = harness.dial();
    harness.gone(socket);
    await harness.clock.pass(10_000);
    expect([harness.observed, socket.closed, harness.links.size]).toEqual([[], null, 0]);
  });

  test("are recorded as silent if they were cut for their silence", async () => {
    const { harness, socket } = connected();
    harness.links.start();
    await harness.clock.pass(50_000);
    harness.gone(socket);
    expect(harness.observed.at(-1)).toBe("left public:key/10.0.0.1 1006 silent");
    harness.links.stop();
    expect(harness.clock.pending).toBe(0);
  });

  test("are neither pinged nor cut once the watch is stopped", async () => {
    const { harness, socket } = connected();
    harness.links.start();
    harness.links.stop();
    await harness.clock.pass(100_000);
    expect([socket.pings, socket.isTerminated]).toEqual([0, false]);
  });

  test("are all closed, then all cut, when the gateway stops", () => {
    const harness = new LinkHarness();
    const sockets = [harness.dial(), harness.dial({ wire: 2 })];
    harness.register(sockets[0]!);
    harness.links.closeAll(1012, "restart");
    expect(sockets.map(({ closed }) => closed)).toEqual([
      { code: 1012, reason: "restart" },
      { code: 1012, reason: "restart" },
    ]);
    expect(sockets.some(({ isTerminated }) => isTerminated)).toBe(false);
    harness.links.dropAll();
    expect(sockets.every(({ isTerminated }) => isTerminated)).toBe(true);
  });

  test("are checked when another gateway reports the node: without a sign of life they are cut", async () => {
    for (const answers of [true, false]) {
      const harness = new LinkHarness();
      const [socket, other] = [harness.dial(), harness.dial({ address: "10.0.0.2" })];
      for (const one of [socket, other]) harness.register(one);
      await harness.clock.pass(10);
      harness.links.challenge(harness.hub.find("key/10.0.0.1")!);
      expect([socket.pings, other.pings]).toEqual([1, 0]);
      if (answers) harness.pong(socket);
      await harness.clock.pass(5_000);
      expect([socket.isTerminated, other.isTerminated]).toEqual([!answers, false]);
    }
  });

  test("are asked for one sign of life at a time, however many newcomers claim to be the same node", async () => {
    const harness = new LinkHarness();
    const first = harness.dial();
    harness.register(first, { node_id: "one" });
    for (let i = 0; i < 50; i++) harness.register(harness.dial(), { node_id: "one" });
    expect(first.pings).toBe(1);
    harness.pong(first);
    await harness.clock.pass(5_000);
    expect(first.isTerminated).toBe(false);
    harness.register(harness.dial(), { node_id: "one" });
    expect(first.pings).toBe(2);
  });

  test("are asked for at most 64 signs of life for each newcomer, however many claim to be the same node", async () => {
    const harness = new LinkHarness();
    let pings = 0;
    const twins = Array.from({ length: 2_000 }, () => {
      const twin = harness.dial();
      twin.ping = () => void pings++;
      return twin;
    });
    const pingsFor = (newcomer: FakeSocket) => {
      const before = pings;
      harness.register(newcomer, { node_id: "one" });
      return pings - before;
    };
    const [dead, ...living] = twins as [FakeSocket, ...FakeSocket[]];
    pingsFor(dead);
    await harness.clock.pass(10);
    expect(Math.max(...living.map(pingsFor))).toBe(1);
    for (const twin of living) harness.pong(twin);
    await harness.clock.pass(5_000);
    expect(twins.filter(({ isTerminated }) => isTerminated)).toEqual([dead]);
    harness.gone(dead);
    expect(pingsFor(harness.dial())).toBe(64);
    expect(harness.ids.at(-1)).toBe("public:key/one");
  });

  test("with one token and address get the lowest free number each time", () => {
    const harness = new LinkHarness();
    const sockets = [harness.dial(), harness.dial(), harness.dial()];
    for (const socket of sockets) harness.register(socket);
    harness.gone(sockets[1]!);
    harness.register(harness.dial());
    harness.register(harness.dial());
    expect(harness.ids.sort()).toEqual([
      "public:key/10.0.0.1",
      "public:key/10.0.0.1#1",
      "public:key/10.0.0.1#2",
      "public:key/10.0.0.1#3",
    ]);
  });
});

describe("what the nodes of one account offer", () => {
  const names = (count: number) => Array.from({ length: count }, (_, i) => `m${i}`);

  for (const wire of [1, 2] as const) {
    test(`in wire v${wire} is bounded: the link that goes beyond it ends, the others stay, and what ends makes room`, () => {
      const harness = new LinkHarness({ offersPerAccount: 10 });
      const join = (id: string, models: number) => {
        const socket = harness.dial({ wire });
        harness.register(socket, { node_id: id, models: names(models) });
        return socket;
      };
      const first = join("first", 5);
      const second = join("second", 4);
      expect(second.closed).toEqual({
        code: 4003,
        reason:
          "This account's nodes and their models are more than 10 (COLINK_OFFERS_PER_ACCOUNT)",
      });
      expect(harness.ids).toEqual(["public:key/first"]);
      harness.gone(second);
      expect(join("third", 3).closed).toBeNull();
      // No link has room any more, registered or not.
      expect(harness.dial().closed).toMatchObject({ code: 4003 });
      harness.gone(first);
      expect(join("fourth", 4).closed).toBeNull();
    });
  }

  test("has at most 2,000 different models, each at however many nodes", () => {
    const harness = new LinkHarness();
    const join = (id: string, from: number) => {
      const socket = harness.dial();
      const models = Array.from({ length: 1000 }, (_, i) => `m${from + i}`);
      harness.register(socket, { node_id: id, models });
      return socket;
    };
    const [first] = [join("first", 0), join("second", 0), join("third", 1000)];
    expect(join("fourth", 500).closed).toBeNull();
    expect(join("fifth", 1001).closed).toEqual({
      code: 4003,
      reason: "This account's nodes offer more than 2000 different models",
    });
    // Another node offers the first one's models, too.
    harness.gone(first!);
    expect(join("sixth", 1001).closed).toMatchObject({ code: 4003 });
    expect(join("seventh", 1000).closed).toBeNull();
  });

  test("is announced again and again only up to 20,000 models, and to more with time", async () => {
    const harness = new LinkHarness({ offersPerAccount: 10_000 });
    const dial = () => {
      const socket = harness.dial();
      harness.register(socket, { node_id: "again", models: names(1000) });
      const { closed } = socket;
      if (closed === null) harness.gone(socket);
      return closed;
    };
    for (let dials = 0; dials < 20; dials++) expect(dial()).toBeNull();
    expect(dial()).toEqual({
      code: 4003,
      reason:
        "This account's nodes announce models again and again: more than 20000 within 5 minutes",
    });
    expect(harness.ids).toEqual([]);
    await harness.clock.pass(15_000);
    expect(dial()).toBeNull();
    expect(dial()).not.toBeNull();
    await harness.clock.pass(5 * 60_000);
    for (let dials = 0; dials < 20; dials++) expect(dial()).toBeNull();
  });

  test("is counted again when a node changes it", async () => {
    const harness = new LinkHarness({ offersPerAccount: 10 });
    const socket = harness.dial();
    for (const count of [9, 1, 9, 1]) {
      harness.register(socket, { node_id: "one", models: names(count) });
      await harness.clock.pass(100);
    }
    expect(socket.closed).toBeNull();
    harness.register(socket, { node_id: "one", models: names(10) });
    await harness.clock.pass(100);
    expect(socket.closed).toMatchObject({ code: 4003 });
    harness.gone(socket);
    expect(harness.dial().closed).toBeNull();
  });
});

describe("memory that fills while nothing is received", () => {
  const filled = async (wire: 1 | 2, callsEach = 0) => {
    const harness = new LinkHarness();
    harness.links.start();
    const sockets = Array.from({ length: 12 }, () => harness.dial({ wire, accountId: "many" }));
    const others = Array.from({ length: 8 }, () => harness.dial({ wire, accountId: "few" }));
    for (const socket of [...sockets, ...others]) harness.register(socket);
    const calls = [...harness.hub.nodes()].flatMap((node) =>
      Array.from({ length: callsEach }, (_, i) => call(harness, { attemptId: `req-${i}` }, node))
    );
    await harness.clock.pass(10_000);
    harness.residentBytes += 300 * 1024 * 1024;
    await harness.clock.pass(4_000);
    return { harness, sockets, others, calls };
  };

  for (const wire of [1, 2] as const) {
    test(`costs an account of many links those over 64 MiB, in wire v${wire}`, async () => {
      const { harness, sockets, others } = await filled(wire);
      expect(sockets.filter(({ isTerminated }) => isTerminated)).toHaveLength(4);
      expect(others.filter(({ isTerminated }) => isTerminated)).toEqual([]);
      const line = "warn cut links that may hold unfinished messages: memory has grown";
      expect(harness.log.filter((entry) => entry === line)).toHaveLength(1);
    });
  }

  test("ends calls in wire v1 without blame for their nodes", async () => {
    const { harness, sockets, calls } = await filled(1, 2);
    for (const socket of sockets) if (socket.isTerminated) harness.gone(socket);
    const failures = calls.flatMap(({ received }) => received.failures);
    expect(failures.map(({ kind }) => kind)).toEqual(new Array(8).fill("interrupted"));
  });

  test("costs no links where it waits for nodes that read slowly", async () => {
    const harness = new LinkHarness();
    harness.links.start();
    const sockets = Array.from({ length: 40 }, () => harness.dial());
    for (const socket of sockets) harness.register(socket);
    await harness.clock.pass(10_000);
    for (const socket of sockets) socket.buffered = 8 * 1024 * 1024;
    harness.residentBytes += 320 * 1024 * 1024;
    await harness.clock.pass(4_000);
    expect(sockets.filter(({ isTerminated }) => isTerminated)).toEqual([]);
  });
});
