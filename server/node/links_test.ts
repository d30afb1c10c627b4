import { describe, expect, test } from "bun:test";
import { bodyOf, call, Desk } from "./testing/link_harness.ts";

function connected() {
  const desk = new Desk();
  const socket = desk.dial();
  desk.register(socket);
  return { desk, socket };
}

const stream = (request_id: string, content: string) => ({
  type: "STREAM",
  data: { request_id, chunk: { choices: [{ index: 0, delta: { content } }] } },
});
const finish = (request_id: string) => ({ type: "FINISH", data: { request_id } });

describe("a node's link in wire v1", () => {
  test("a node that registers is in the hub with what it offers", () => {
    const { desk } = connected();
    const [node] = desk.hub.nodes();
    expect(node!.offer).toEqual({ name: "node", agent: null, maxParallel: 2, models: ["m"] });
    expect(desk.hub.models()).toEqual(["m"]);
  });

  test("a node is called at chat only, whatever its REGISTER says of endpoints", () => {
    const { desk, socket } = connected();
    const capabilities = { m: { endpoints: "/v1/embeddings" } };
    desk.register(socket, { models: ["m"], capabilities } as never);
    expect(desk.hub.factsOf("m")?.endpoints).toEqual(["/v1/chat/completions"]);
  });

  test("a second REGISTER replaces the first", () => {
    const { desk, socket } = connected();
    desk.register(socket, { max_parallel: 9, models: ["n", "n", "o"] });
    expect(desk.hub.models()).toEqual(["n", "o"]);
    expect([...desk.hub.nodes()][0]!.offer.maxParallel).toBe(9);
  });

  test("a node that has not registered within its time is closed", async () => {
    const desk = new Desk();
    const late = desk.dial();
    const timely = desk.dial();
    await desk.clock.pass(4_999);
    desk.register(timely);
    await desk.clock.pass(1);
    expect(late.closed).toMatchObject({ code: 4002 });
    expect(timely.closed).toBeNull();
  });

  test("CALL carries the body to the letter", () => {
    const { desk, socket } = connected();
    const [node] = desk.hub.nodes();
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
      headers: null,
    }, sink);
    expect(texts).toEqual([
      `{"type":"CALL","data":{"request_id":"req-1","model":"m","payload":${bodyText}}}`,
    ]);
  });

  test("a stream asks for usage where its caller did not, keeping the caller's other options", () => {
    const { desk, socket } = connected();
    const bodyText = `{"model":"m","stream":true,"stream_options":{"include_obfuscation":false}}`;
    call(desk, {
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
    const { desk, socket } = connected();
    const { heard } = call(desk, { stream: true });
    desk.say(socket, stream("req-1", "a"));
    desk.say(socket, stream("req-1", "b"));
    desk.say(socket, finish("req-1"));
    desk.say(socket, finish("req-1"));
    expect(heard.data.map((text) => JSON.parse(text.slice(6)).choices[0].delta.content)).toEqual([
      "a",
      "b",
    ]);
    expect(heard.data.every((text) => text.startsWith("data: ") && text.endsWith("\n\n"))).toBe(
      true,
    );
    expect(heard).toMatchObject({ finished: 1, failures: [] });
  });

  test("a chunk with line breaks between its tokens stays one event", () => {
    const { desk, socket } = connected();
    const { heard } = call(desk, { stream: true });
    desk.say(
      socket,
      `{"type":"STREAM","data":{"request_id":"req-1","chunk":{\n"choices":[\r\n{"index":0}]}}}`,
    );
    expect(heard.data).toEqual([`data: {"choices":[{"index":0}]}\n\n`]);
  });

  test("a caller who asked for usage sees it", () => {
    const { desk, socket } = connected();
    const { heard } = call(desk, { stream: true, wantsUsage: true });
    const chunk = { choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } };
    desk.say(socket, { type: "STREAM", data: { request_id: "req-1", chunk } });
    expect(heard.data).toEqual([`data: ${JSON.stringify(chunk)}\n\n`]);
  });

  test("where the upstream tells no usage, chunks that carry tokens are counted, and marked as a guess", () => {
    const { desk, socket } = connected();
    const { running } = call(desk, { stream: true });
    const chunks = [
      { delta: { role: "assistant", content: "" } },
      { delta: { content: "one" } },
      { delta: { reasoning_content: "two" } },
      { delta: { tool_calls: [{ index: 0 }] } },
      { delta: {}, finish_reason: "stop" },
    ];
    for (const choice of chunks) {
      desk.say(socket, {
        type: "STREAM",
        data: { request_id: "req-1", chunk: { choices: [choice] } },
      });
    }
    expect(running!.tally()).toEqual({
      promptTokens: null,
      completionTokens: 3,
      estimated: true,
      chunks: 5,
    });
  });

  test("late frames of a call that ended are dropped quietly", () => {
    const { desk, socket } = connected();
    const { heard } = call(desk, { stream: true });
    desk.say(socket, stream("req-1", "a"));
    desk.say(socket, finish("req-1"));
    for (let i = 0; i < 50; i++) desk.say(socket, stream("req-1", "late"));
    expect(heard.data).toHaveLength(1);
    expect(socket.closed).toBeNull();
  });

  for (const how of ["has ended", "was called off"]) {
    test(`a node that floods a call that ${how} loses its connection; one that only goes on does not`, () => {
      const { desk, socket } = connected();
      const { running } = call(desk, { stream: true });
      desk.say(socket, stream("req-1", "a"));
      if (how === "has ended") desk.say(socket, finish("req-1"));
      else running!.cancel();
      const mebibyte = stream("req-1", "x".repeat(1 << 20));
      for (let i = 0; i < 31; i++) desk.say(socket, mebibyte);
      expect(socket.closed).toBeNull();
      for (let i = 0; i < 2; i++) desk.say(socket, mebibyte);
      expect(socket.closed).toMatchObject({ code: 4003 });
    });
  }

  test("frames for another node's call reach nobody, and ten of them end the connection", () => {
    const { desk, socket } = connected();
    const { heard } = call(desk, { stream: true });
    const stranger = desk.dial({ keyId: "other-key" });
    desk.register(stranger);
    for (let i = 0; i < 9; i++) desk.say(stranger, stream("req-1", "injected"));
    expect(stranger.closed).toBeNull();
    desk.say(stranger, finish("req-1"));
    expect(stranger.closed).toMatchObject({ code: 4003 });
    desk.say(socket, stream("req-1", "mine"));
    expect(heard.data.join("")).toContain("mine");
    expect(heard.data.join("")).not.toContain("injected");
    expect(heard.finished).toBe(0);
  });

  test("ten malformed frames in a row end the connection; a good one in between forgives", () => {
    const { desk, socket } = connected();
    for (let i = 0; i < 9; i++) desk.say(socket, "not JSON");
    desk.register(socket);
    for (let i = 0; i < 9; i++) desk.bytes(socket, new Uint8Array([1, 2, 3]));
    expect(socket.closed).toBeNull();
    desk.say(socket, "{}");
    expect(socket.closed).toMatchObject({ code: 4003 });
  });

  test("a malformed REGISTER is answered with what is wrong, and does not count as one", async () => {
    const desk = new Desk();
    const socket = desk.dial();
    desk.register(socket, { max_parallel: -1 });
    expect(JSON.stringify(socket.sent)).toContain("max_parallel");
    expect(desk.hub.size).toBe(0);
    await desk.clock.pass(5_000);
    expect(socket.closed).toMatchObject({ code: 4002 });
  });

  test("a frame of an unknown type is ignored", () => {
    const { desk, socket } = connected();
    for (let i = 0; i < 50; i++) desk.say(socket, { type: "LATER", data: {} });
    expect(socket.closed).toBeNull();
    expect(socket.sent).toEqual([]);
  });

  test("more than 16 MiB of such frames within a minute end the link", async () => {
    const { desk, socket } = connected();
    const mebibyte = { type: "LATER", data: { x: "x".repeat(1024 * 1024) } };
    for (let i = 0; i < 15; i++) desk.say(socket, mebibyte);
    // The desk pings each node, and whoever does not answer is gone.
    for (let i = 0; i < 6; i++) {
      await desk.clock.pass(10_000);
      desk.say(socket, { type: "LATER", data: {} });
    }
    for (let i = 0; i < 15; i++) desk.say(socket, mebibyte);
    expect(socket.closed).toBeNull();
    desk.say(socket, mebibyte);
    expect(socket.closed).toMatchObject({ code: 4003 });
  });

  test("an attempt whose node finishes without an answer, or answers twice, has failed", () => {
    const { desk, socket } = connected();
    const empty = call(desk, { attemptId: "req-1" });
    desk.say(socket, finish("req-1"));
    expect(empty.heard.failures).toMatchObject([{ kind: "protocol" }]);
    const twice = call(desk, { attemptId: "req-2" });
    desk.say(socket, stream("req-2", "a"));
    desk.say(socket, stream("req-2", "b"));
    expect(twice.heard.failures).toMatchObject([{ kind: "protocol" }]);
    expect(twice.heard.finished).toBe(0);
  });

  test("a lost connection fails every open attempt, after its node has left the hub", () => {
    const { desk, socket } = connected();
    const { heard } = call(desk);
    desk.gone(socket);
    expect(desk.hub.size).toBe(0);
    expect(heard.failures).toMatchObject([{ kind: "lost" }]);
  });

  test("cancel tells the node 499 with the call's id", () => {
    const { desk, socket } = connected();
    const { running } = call(desk);
    running!.cancel();
    expect(socket.sent.at(-1)).toMatchObject({
      type: "ERROR",
      data: { request_id: "req-1", code: 499 },
    });
  });

  test("a send that is dropped means that the call was not started; a queued one is", () => {
    const { desk, socket } = connected();
    socket.sendAnswers = 0;
    expect(call(desk).running).toBeNull();
    socket.sendAnswers = -1;
    expect(call(desk).running).not.toBeNull();
  });

  test("a node that does not read what it is sent gets no further calls", () => {
    const { desk, socket } = connected();
    socket.buffered = 9 * 1024 * 1024;
    expect(call(desk).running).toBeNull();
  });

  test("nodes are pinged, and a silent one is dropped within its time while a living one stays", async () => {
    const desk = new Desk();
    desk.links.start();
    const [silent, living] = [desk.dial(), desk.dial()];
    for (const socket of [silent, living]) desk.register(socket);
    for (let second = 0; second < 50; second += 5) {
      await desk.clock.pass(5_000);
      desk.pong(living);
    }
    expect(silent.isTerminated).toBe(true);
    expect(living.isTerminated).toBe(false);
    expect(living.pings).toBeGreaterThanOrEqual(2);
    desk.links.stop();
  });

  test("two machines under one token and one address keep identities apart, and get them back", () => {
    const desk = new Desk();
    const [first, second] = [desk.dial(), desk.dial()];
    desk.register(first);
    desk.register(second);
    expect(desk.ids).toEqual(["public:key/10.0.0.1", "public:key/10.0.0.1#1"]);
    desk.gone(first);
    desk.register(desk.dial());
    expect(desk.ids).toEqual(["public:key/10.0.0.1#1", "public:key/10.0.0.1"]);
  });

  test("a node that redials while its old socket is half open gets rid of the old one", async () => {
    const desk = new Desk();
    const stale = desk.dial();
    desk.register(stale, { node_id: "n1" });
    await desk.clock.pass(10);
    desk.register(desk.dial(), { node_id: "n1" });
    expect(stale.pings).toBe(1);
    await desk.clock.pass(5_000);
    expect(stale.isTerminated).toBe(true);
  });

  test("a revoked token's connections are closed, registered or not", () => {
    const desk = new Desk();
    const [registered, fresh, other] = [
      desk.dial({ keyId: "k1" }),
      desk.dial({ keyId: "k1" }),
      desk.dial({ keyId: "k2" }),
    ];
    desk.register(registered);
    desk.links.closeKey("k1");
    expect(registered.closed).toMatchObject({ code: 4001 });
    expect(fresh.closed).toMatchObject({ code: 4001 });
    expect(other.closed).toBeNull();
  });
});
