import { describe, expect, test } from "bun:test";
import {
  encodeCallV2,
  encodeCancel,
  encodeCredit,
  encodeJson,
  encodePack,
  encodeStreamV2,
  type Failure,
  type Finish,
  type FrameV2,
  type Head,
  HEADER_BYTES,
  MAX_FRAME_BYTES,
  type Status,
  WINDOW_BYTES,
} from "../../protocol/mod.ts";
import { UNDER_WAY_BYTES } from "./outbox.ts";
import { bodyOf, call, type FakeSocket, LinkHarness } from "./testing/link_harness.ts";

const success: Head = { status: 200, headers: {} };
const tally: Finish = {
  prompt_tokens: 7,
  completion_tokens: 3,
  estimated: false,
  finish_reason: "stop",
  first_byte_ms: 1,
  total_ms: 2,
};

/** The body bytes in the frames. */
function bodyBytes(frames: readonly FrameV2[]): Buffer {
  return Buffer.concat(
    frames.flatMap((one) => one.type === "call" || one.type === "body" ? [one.bytes] : []),
  );
}

/** A registered v2 node. The frames that it was sent until then are left out. */
class V2Node {
  readonly harness: LinkHarness;
  readonly socket: FakeSocket;

  constructor(options: ConstructorParameters<typeof LinkHarness>[0] = {}) {
    this.harness = new LinkHarness(options);
    this.socket = this.harness.dial({ wire: 2 });
    this.harness.register(this.socket);
    this.socket.messages.length = 0;
  }

  call(change: Parameters<typeof call>[1] = { stream: true }) {
    return call(this.harness, change);
  }

  send(...frames: Uint8Array[]): void {
    for (const frame of frames) this.harness.bytes(this.socket, frame);
  }

  head(stream: number, head: Head = success): void {
    this.send(encodeJson("head", stream, head));
  }

  text(stream: number, text: string): void {
    this.send(encodeStreamV2(stream, new TextEncoder().encode(text)));
  }

  zeros(stream: number, bytes: number): void {
    this.send(encodeStreamV2(stream, new Uint8Array(bytes)));
  }

  finish(stream: number, finish: Finish = tally): void {
    this.send(encodeJson("finish", stream, finish));
  }

  error(stream: number, failure: Failure): void {
    this.send(encodeJson("error", stream, failure));
  }

  /** Sends STATUS, and waits until the next one may be applied. */
  async status(status: Status): Promise<void> {
    this.send(encodeJson("status", 0, status));
    await this.harness.clock.pass(100);
  }

  /** Answers the last ping; returns the frames that are sent then. */
  readsAll(): FrameV2[] {
    this.harness.pong(this.socket);
    return this.received();
  }

  /** The frames sent to it since the last call of this method. */
  received(): FrameV2[] {
    const { frames } = this.socket;
    this.socket.messages.length = 0;
    return frames;
  }

  get inHub() {
    const [node] = this.harness.hub.nodes();
    return node!;
  }
}

describe("the beginning of a link in wire v2", () => {
  test("HELLO comes at once, WELCOME after REGISTER, with the link's terms", () => {
    const harness = new LinkHarness();
    const socket = harness.dial({ wire: 2 });
    expect(socket.frames).toEqual([{
      type: "hello",
      stream: 0,
      data: { versions: [1, 2], takes_share_with: true },
    }]);
    harness.register(socket, { models: ["a", "b"], max_parallel: 4, name: "studio", agent: "x/1" });
    expect(socket.frames[1]).toEqual({
      type: "welcome",
      stream: 0,
      data: {
        session: expect.any(String),
        node: "public:key/n1",
        ping_ms: 15_000,
        silence_ms: 45_000,
        window_bytes: WINDOW_BYTES,
        max_frame_bytes: MAX_FRAME_BYTES,
        takes_packs: true,
      },
    });
    const [node] = harness.hub.nodes();
    expect(node!.offer).toEqual({
      name: "studio",
      agent: "x/1",
      maxParallel: 4,
      models: ["a", "b"],
    });
  });

  test("REGISTER states what the models can do; other models are ignored", () => {
    const harness = new LinkHarness();
    const capabilities = {
      m: {
        endpoints: ["/v1/messages", "/v9/later"],
        context_length: 8192,
        vision: false,
        loaded: true,
      },
      stranger: { tools: true },
    };
    harness.register(harness.dial({ wire: 2 }), { models: ["m", "n"], capabilities } as never);
    const [node] = harness.hub.nodes();
    expect(node!.offer.facts).toEqual(
      new Map([["m", {
        endpoints: ["/v1/messages"],
        contextLength: 8192,
        maxOutputTokens: null,
        tools: null,
        vision: false,
        thinking: null,
        loaded: true,
      }]]),
    );
    expect([...node!.services()]).toEqual([
      { model: "m", endpoint: "/v1/messages" },
      { model: "n", endpoint: "/v1/chat/completions" },
    ]);
  });

  test("a second REGISTER replaces the offer, and the session stays the same", () => {
    const harness = new LinkHarness();
    const socket = harness.dial({ wire: 2 });
    harness.register(socket);
    harness.register(socket, { models: ["n"] });
    expect(harness.hub.models()).toEqual(["n"]);
    const [first, second] = socket.frames.filter((frame) => frame.type === "welcome");
    expect(first?.data.session).toBe(second!.data.session);
  });

  test("text on a link that agreed to v2 is malformed, even a REGISTER", async () => {
    const harness = new LinkHarness();
    const socket = harness.dial({ wire: 2 });
    harness.text(socket, { type: "REGISTER", data: { max_parallel: 1, models: ["m"] } });
    expect(harness.hub.size).toBe(0);
    expect(socket.frames[1]).toMatchObject({ type: "error", stream: 0, data: { code: 400 } });
    await harness.clock.pass(5_000);
    expect(socket.closed).toMatchObject({ code: 4002 });
  });

  test("WELCOME limits frames to what the gateway takes", () => {
    const harness = new LinkHarness({ maxFrameBytes: 65_536 });
    const socket = harness.dial({ wire: 2 });
    harness.register(socket);
    expect(socket.frames[1]).toMatchObject({ data: { max_frame_bytes: 65_536 } });
  });

  test("the window is no larger than what may be held for a caller", () => {
    const harness = new LinkHarness({ maxBufferedBytes: 1000 });
    const socket = harness.dial({ wire: 2 });
    harness.register(socket);
    expect(socket.frames[1]).toMatchObject({ data: { window_bytes: 1000 } });
  });
});

describe("a call in wire v2", () => {
  test("carries the caller's body to the byte, in one frame where it fits", () => {
    const node = new V2Node();
    const body = bodyOf(`{"model":"m", "seed":9007199254740993,\n"x":"é"}`);
    node.call({ stream: true, body });
    const [frame, ...rest] = node.received();
    expect(rest).toEqual([]);
    expect(frame).toEqual({
      type: "call",
      stream: 1,
      data: {
        id: "req-1",
        endpoint: "/v1/chat/completions",
        model: "m",
        stream: true,
        hide_usage: true,
        body_bytes: body.bytes.byteLength,
      },
      bytes: body.bytes,
    });
  });

  test("with a large body is sent in pieces as the node reads, and arrives whole", () => {
    const node = new V2Node();
    const body = bodyOf(JSON.stringify({ model: "m", text: "é".repeat(1_200_000) }));
    node.call({ body });
    const frames = node.received();
    expect(bodyBytes(frames).byteLength).toBe(UNDER_WAY_BYTES);
    for (let more; (more = node.readsAll()).length > 0;) frames.push(...more);
    expect(new Set(frames.map(({ stream }) => stream))).toEqual(new Set([1]));
    expect(frames.map(({ type }) => type).lastIndexOf("call")).toBe(0);
    expect(bodyBytes(frames).equals(body.bytes)).toBe(true);
  });

  test("with a large body holds up neither other calls nor grants nor cancels", () => {
    const node = new V2Node();
    const streaming = node.call();
    node.head(1);
    node.received();
    const large = node.call({ body: bodyOf("x".repeat(4 * UNDER_WAY_BYTES)) });
    expect(bodyBytes(node.received()).byteLength).toBe(UNDER_WAY_BYTES);
    node.zeros(1, WINDOW_BYTES);
    streaming.running!.consumed(WINDOW_BYTES);
    node.call({ body: bodyOf("{}") });
    large.running!.cancel();
    expect(node.received().map(({ type, stream }) => [type, stream])).toEqual([
      ["credit", 1],
      ["call", 3],
      ["cancel", 2],
    ]);
    // The rest of the cancelled body is dropped, and the small body is sent.
    const rest: FrameV2[] = [];
    for (let more; (more = node.readsAll()).length > 0;) rest.push(...more);
    expect(rest.map(({ type, stream }) => [type, stream])).toEqual([["body", 3]]);
  });

  test("that its node rejects before the whole body was sent sends no more of it", () => {
    const node = new V2Node();
    const { received } = node.call({ body: bodyOf("x".repeat(4 * UNDER_WAY_BYTES)) });
    node.error(1, { code: 413, message: "too large for this node" });
    expect(received.failures).toHaveLength(1);
    node.received();
    expect(node.readsAll()).toEqual([]);
  });

  test("is not sent to a node with megabytes of unsent bodies", () => {
    const node = new V2Node();
    const body = bodyOf("x".repeat(9 * 1024 * 1024));
    expect(node.call({ body }).running).not.toBeNull();
    expect(node.call().running).toBeNull();
    while (node.readsAll().length > 0);
    expect(node.call().running).not.toBeNull();
  });

  test("hides usage only from a caller who streams and did not ask for it", () => {
    const node = new V2Node();
    node.call({ stream: true, wantsUsage: false });
    node.call({ stream: true, wantsUsage: true });
    node.call({ stream: false });
    expect(node.received().map((frame) => frame.type === "call" && frame.data.hide_usage)).toEqual([
      true,
      false,
      false,
    ]);
  });

  test("gets its answer's bytes as they come, and the tally from FINISH", () => {
    const node = new V2Node();
    const { received, running } = node.call();
    node.head(1);
    node.text(1, "data: 1\n\ndata: 2");
    node.text(1, "\n\n");
    expect(running!.tally()).toEqual({
      promptTokens: null,
      completionTokens: 2,
      estimated: true,
      chunks: 2,
    });
    node.finish(1);
    expect(received).toEqual({
      headers: [{}],
      data: ["data: 1\n\ndata: 2", "\n\n"],
      finished: 1,
      failures: [],
    });
    expect(running!.tally()).toEqual({
      promptTokens: 7,
      completionTokens: 3,
      estimated: false,
      chunks: 2,
      isComplete: true,
    });
  });

  test("passes on the upstream's headers that callers may see, and no others", () => {
    const node = new V2Node();
    const { received } = node.call();
    const headers = {
      "x-ratelimit-remaining-tokens": "17",
      "retry-after": "1\r\nset-cookie: session=stolen",
      "x-should-retry": "fal\u0000se",
      "retry-after-ms": "1".repeat(1000),
      "openai-processing-ms": "é",
      "set-cookie": "a=b",
      "access-control-allow-origin": "*",
    };
    node.head(1, { status: 200, headers });
    expect(received.headers).toEqual([{ "x-ratelimit-remaining-tokens": "17" }]);
  });

  test("that the upstream rejects fails with the upstream's status, headers and body", () => {
    const node = new V2Node();
    const { received } = node.call();
    node.head(1, { status: 429, headers: { "retry-after": "7", "x-secret": "no" } });
    const body = new TextEncoder().encode(`{"error":{"message":"slów down"}}`);
    const middle = body.indexOf(0xc3) + 1;
    node.send(
      encodeStreamV2(1, body.subarray(0, middle)),
      encodeStreamV2(1, body.subarray(middle)),
    );
    expect(received).toMatchObject({ data: [], failures: [], headers: [] });
    node.finish(1);
    expect(received.failures).toEqual([{
      kind: "answered",
      status: 429,
      headers: { "retry-after": "7" },
      body: `{"error":{"message":"slów down"}}`,
    }]);
  });

  test("whose rejection does not end fails after 64 KiB of it, and its node is told to stop", () => {
    const node = new V2Node();
    const { received } = node.call();
    node.received();
    node.head(1, { status: 400, headers: {} });
    for (let sent = 0; sent < WINDOW_BYTES; sent += 16 * 1024) node.zeros(1, 16 * 1024);
    expect(received.failures).toMatchObject([{ kind: "answered", status: 400 }]);
    expect(received.failures[0]).toHaveProperty("body.length", 64 * 1024);
    expect(node.received()).toEqual([{ type: "cancel", stream: 1 }]);
    expect(node.socket.closed).toBeNull();
  });

  test("that fails has the upstream's code, its retry delay and its tally", () => {
    const node = new V2Node();
    const { received, running } = node.call();
    node.error(1, { code: 503, message: "overloaded", retry_after_ms: 1500, tally });
    expect(received.failures).toEqual([
      { kind: "refused", error: { code: 503, message: "overloaded", retry_after_ms: 1500 } },
    ]);
    expect(running!.tally().completionTokens).toBe(3);
  });

  test("that fails has the upstream's error object, and the kind that the node names", () => {
    const node = new V2Node();
    const { received } = node.call();
    const failure = {
      code: 500,
      message: "no",
      kind: "internal" as const,
      error: { message: "no" },
    };
    node.error(1, failure);
    expect(received.failures).toEqual([{ kind: "refused", error: failure }]);
  });

  test("that finds no free slot is reported as busy", () => {
    const node = new V2Node();
    const { received } = node.call();
    node.error(1, { code: 503, message: "all 2 slots are in use", busy: true });
    expect(received.failures).toMatchObject([
      { kind: "refused", error: { message: "BUSY: all 2 slots are in use" } },
    ]);
  });

  test("has failed if its finish reason is that of a failed response", () => {
    const node = new V2Node();
    const { received, running } = node.call();
    node.head(1);
    node.text(1, "data: 1\n\n");
    node.finish(1, { ...tally, finish_reason: "failed" });
    expect(received.finished).toBe(1);
    expect(running!.tally().hasFailed).toBe(true);
  });

  test("is lost with its connection, with an estimate of what had arrived", () => {
    const node = new V2Node();
    const { received, running } = node.call();
    node.head(1);
    node.text(1, "data: 1\n\n");
    node.harness.gone(node.socket);
    expect(node.harness.hub.size).toBe(0);
    expect(received.failures).toMatchObject([{ kind: "lost" }]);
    expect(running!.tally()).toMatchObject({ completionTokens: 1, estimated: true, chunks: 1 });
  });
});

describe("an upstream's answer of wire v2 that is none fails its attempt", () => {
  for (const text of [null, ""]) {
    test(`with ${text === null ? "no" : "an empty"} STREAM`, () => {
      const node = new V2Node();
      const { received } = node.call();
      node.head(1);
      if (text !== null) node.text(1, text);
      node.finish(1);
      expect(received.failures).toEqual([{ kind: "no answer", reason: "it finished without one" }]);
      expect(received.finished).toBe(0);
    });
  }

  const errors: [events: string, status: number][] = [
    ['data: {"error":{"message":"no","code":"context_length_exceeded"}}\n\n', 400],
    ['event: error\ndata: {"type":"error","code":"invalid_prompt","message":"no"}\n\n', 400],
    ['data: {"error":{"message":"no","code":429}}\n\ndata: {}\n\n', 429],
    ['data: { "object":"error","message":"no"}\n\n', 502],
  ];
  for (const [events, status] of errors) {
    test(`with a stream that begins with ${events.trim()}`, () => {
      const node = new V2Node();
      const { received } = node.call({ stream: true });
      node.received();
      node.head(1);
      node.text(1, events);
      const body = /^data: ?(.*)$/m.exec(events)![1]!;
      expect(received.failures).toEqual([{ kind: "answered", status, headers: {}, body }]);
      expect(received.finished).toBe(0);
      expect(node.received()).toEqual([{ type: "cancel", stream: 1 }]);
    });
  }

  for (const events of ['data: {"error":null}\n\n', 'data: {"error"', "event: errors\n\n"]) {
    test(`but not with a stream that begins with ${events.trim()}`, () => {
      const node = new V2Node();
      const { received } = node.call({ stream: true });
      node.head(1);
      node.text(1, events);
      expect(received.failures).toEqual([]);
    });
  }
});

describe("an answer that breaks the rules of wire v2 fails its attempt, and its node is told to stop", () => {
  const breaches: [what: string, send: (node: V2Node) => void, reason: string][] = [
    ["STREAM before HEAD", (node) => node.text(1, "x"), "STREAM before HEAD"],
    ["FINISH before HEAD", (node) => node.finish(1), "FINISH before HEAD"],
    [
      "a second HEAD",
      (node) => {
        node.head(1);
        node.head(1);
      },
      "a second HEAD",
    ],
    [
      "one byte more than was granted",
      (node) => {
        node.head(1);
        node.zeros(1, WINDOW_BYTES);
        node.zeros(1, 1);
      },
      "more bytes than it had credit for",
    ],
  ];
  for (const [what, send, reason] of breaches) {
    test(what, () => {
      const node = new V2Node();
      const { received } = node.call();
      node.received();
      send(node);
      expect(received.failures).toEqual([{ kind: "protocol", reason }]);
      expect(received.finished).toBe(0);
      expect(node.received()).toEqual([{ type: "cancel", stream: 1 }]);
      expect(node.socket.closed).toBeNull();
    });
  }
});

describe("credit", () => {
  test("is granted again once half a window was sent to the caller, to the byte", () => {
    const node = new V2Node();
    const { running } = node.call();
    node.received();
    node.head(1);
    node.zeros(1, WINDOW_BYTES);
    running!.consumed(WINDOW_BYTES / 2 - 1);
    expect(node.received()).toEqual([]);
    running!.consumed(2);
    expect(node.received()).toEqual([{ type: "credit", stream: 1, bytes: WINDOW_BYTES / 2 + 1 }]);
    running!.consumed(WINDOW_BYTES / 2 - 1);
    expect(node.received()).toEqual([]);
  });

  test("lasts for an answer of any length while the caller reads", () => {
    const node = new V2Node();
    const { received, running } = node.call();
    node.head(1);
    const size = 50_000;
    for (let i = 0; i < 100; i++) {
      node.zeros(1, size);
      running!.consumed(size);
    }
    expect(received.failures).toEqual([]);
    expect(received.data).toHaveLength(100);
  });

  test("is not granted while the caller takes nothing", () => {
    const node = new V2Node();
    const { received } = node.call();
    node.received();
    node.head(1);
    for (let i = 0; i < 4; i++) node.zeros(1, WINDOW_BYTES / 4);
    expect(node.received()).toEqual([]);
    expect(received.failures).toEqual([]);
  });

  test("of one stream does not count for another", () => {
    const node = new V2Node();
    const [stalled, other] = [node.call(), node.call({ stream: true, attemptId: "req-2" })];
    node.head(1);
    node.head(2);
    node.zeros(1, WINDOW_BYTES);
    node.zeros(2, WINDOW_BYTES);
    other.running!.consumed(WINDOW_BYTES);
    node.zeros(2, WINDOW_BYTES);
    expect(other.received.failures).toEqual([]);
    node.zeros(1, 1);
    expect(stalled.received.failures).toMatchObject([{ kind: "protocol" }]);
  });

  test("is not granted to a call that has ended", () => {
    const node = new V2Node();
    const { running } = node.call();
    node.head(1);
    node.zeros(1, WINDOW_BYTES);
    node.finish(1);
    node.received();
    running!.consumed(WINDOW_BYTES);
    expect(node.received()).toEqual([]);
  });
});

describe("a cancel", () => {
  for (const code of [499, 200] as const) {
    test(`is confirmed by ${code === 499 ? "ERROR 499" : "FINISH"}, with the tally`, () => {
      const node = new V2Node();
      const { received, running } = node.call();
      node.received();
      node.head(1);
      node.text(1, "data: 1\n\n");
      running!.cancel();
      expect(node.received()).toEqual([{ type: "cancel", stream: 1 }]);
      if (code === 499) node.error(1, { code, message: "stopped", tally });
      else node.finish(1);
      expect(received.finished + received.failures.length).toBe(1);
      expect(running!.tally()).toMatchObject({ promptTokens: 7, completionTokens: 3 });
      running!.cancel();
      expect(node.received()).toEqual([]);
    });
  }

  test("after the finish reason leaves the answer complete, and one that more of it follows does not", () => {
    for (const [lateChunks, isComplete] of [[2, true], [3, undefined]] as const) {
      const node = new V2Node();
      const { running } = node.call();
      node.head(1);
      node.text(1, "data: 1\n\n");
      running!.cancel();
      for (let i = 0; i < lateChunks; i++) node.text(1, "data: late\n\n");
      node.finish(1);
      expect(running!.tally().isComplete).toBe(isComplete);
    }
  });

  test("that is not confirmed is given up: frames that come later are ignored", () => {
    const node = new V2Node();
    const { received, running } = node.call();
    running!.cancel();
    running!.forget();
    node.head(1);
    node.text(1, "late");
    node.finish(1);
    expect(received).toEqual({ headers: [], data: [], finished: 0, failures: [] });
    expect(node.socket.closed).toBeNull();
  });
});

describe("frames without an open stream", () => {
  test("are ignored if their call has ended", () => {
    const node = new V2Node();
    const { received } = node.call();
    node.head(1);
    node.text(1, "all");
    node.finish(1);
    for (let i = 0; i < 50; i++) {
      node.head(1);
      node.text(1, "late");
      node.finish(1);
      node.error(1, { code: 500, message: "late" });
    }
    expect(received).toMatchObject({ data: ["all"], finished: 1, failures: [] });
    expect(node.socket.closed).toBeNull();
    expect(node.harness.log).toEqual(["info node connected"]);
  });

  test("end the link if more comes than a node needs to stop", () => {
    const node = new V2Node();
    node.call();
    node.head(1);
    for (let i = 0; i < 8; i++) node.zeros(1, WINDOW_BYTES / 4);
    expect(node.socket.closed).toBeNull();
    node.zeros(1, WINDOW_BYTES / 4);
    node.zeros(1, WINDOW_BYTES / 4);
    expect(node.socket.closed).toMatchObject({ code: 4003 });
  });

  test("end the link at the tenth if their stream was never this node's", () => {
    const node = new V2Node();
    node.call();
    const strange = [
      encodeStreamV2(2, new Uint8Array(1)),
      encodeJson("head", 3, success),
      encodeJson("finish", 4, tally),
      encodeJson("error", 5, { code: 500, message: "x" }),
      encodeCredit(1, 1),
      encodeCancel(1),
      ...encodeCallV2(1, {
        id: "x",
        endpoint: "/",
        model: "m",
        stream: false,
        hide_usage: false,
      }, new Uint8Array()),
      encodeJson("goaway", 0, { reason: "no", redial_within_ms: 1 }),
      encodeJson("hello", 0, { versions: [2] }),
    ];
    node.send(...strange);
    expect(node.socket.closed).toBeNull();
    node.text(9, "x");
    expect(node.socket.closed).toMatchObject({ code: 4003 });
  });

  test("cannot reach a stream of another node, which has the same number", () => {
    const node = new V2Node();
    const { received } = node.call();
    node.head(1);
    const stranger = node.harness.dial({ wire: 2, keyId: "other" });
    node.harness.register(stranger, { node_id: "n2" });
    for (const frame of [encodeStreamV2(1, new Uint8Array(5)), encodeJson("finish", 1, tally)]) {
      node.harness.bytes(stranger, frame);
    }
    expect(received).toMatchObject({ data: [], finished: 0, failures: [] });
  });
});

describe("frames in a PACK", () => {
  test("count as if each had come alone", () => {
    const node = new V2Node();
    const { received } = node.call();
    const text = new TextEncoder().encode("hi");
    node.send(
      encodePack([
        encodeJson("head", 1, success),
        encodeStreamV2(1, text),
        encodeJson("finish", 1, tally),
      ])!,
    );
    expect(received).toMatchObject({ data: ["hi"], finished: 1, failures: [] });
  });

  test("of too many changes of the offer, or too many unknown ones or reports, end the link", () => {
    const tooManyBytes = "Too many bytes that belong to no call within a minute";
    const frames: [frame: Uint8Array, packs: number, reason: string][] = [
      [
        encodeJson("status", 0, { max_parallel: 1 }),
        2,
        "Too many changes of the offer within a minute",
      ],
      [Uint8Array.of(99, 0, 0, 0, 0, 0, 0, 1), 8, tooManyBytes],
      [encodeJson("error", 0, { code: 500, message: "m" }), 1, tooManyBytes],
    ];
    for (const [frame, packs, reason] of frames) {
      const node = new V2Node();
      node.send(encodePack(Array.from({ length: 1500 }, () => frame))!);
      expect(node.socket.closed).toBeNull();
      for (let i = 0; i < packs; i++) {
        node.send(encodePack(Array.from({ length: 1900 }, () => frame))!);
      }
      expect(node.socket.closed).toMatchObject({ code: 4003, reason });
    }
  });

  const padding = "x".repeat(250_000);
  const besideCalls: Record<string, Uint8Array[]> = {
    "changes of the offer": [encodeJson("status", 0, { padding } as never)],
    "errors about the connection": [
      encodeJson("error", 0, { code: 500, message: "m", padding } as never),
    ],
    "ends of a call that has ended": [encodeJson("finish", 1, { ...tally, padding } as never)],
    "malformed bytes between good frames": [
      new Uint8Array(250_000).fill(3),
      encodeJson("status", 0, { max_parallel: 1 }),
    ],
  };
  for (const [what, frames] of Object.entries(besideCalls)) {
    test(`of ${what}, 16 MiB of them within a minute, end the link, and no sooner`, async () => {
      const node = new V2Node();
      node.call();
      node.head(1);
      node.text(1, "hi");
      node.finish(1);
      const send = (times: number) => {
        for (let i = 0; i < times; i++) node.send(...frames);
      };
      for (let minute = 0; minute < 2; minute++) {
        send(64);
        expect(node.socket.closed).toBeNull();
        await node.harness.clock.pass(60_000);
      }
      send(68);
      const reason = "Too many bytes that belong to no call within a minute";
      expect(node.socket.closed).toEqual({ code: 4003, reason });
    });
  }

  test("that are thousands of pieces of a few bytes end their call, larger ones do not", () => {
    const node = new V2Node();
    for (const [bytes, failures] of [[1, 1], [40, 0]] as const) {
      const { received, running } = node.call();
      const id = bytes === 1 ? 1 : 2;
      node.head(id);
      const piece = encodeStreamV2(id, new Uint8Array(bytes));
      for (let i = 0; i < 60; i++) {
        node.send(encodePack(Array.from({ length: 100 }, () => piece))!);
        running?.consumed(100 * bytes);
      }
      expect(received.failures).toHaveLength(failures);
      if (failures === 1) expect(received.data.join("").length).toBe(5_000);
    }
    expect(node.socket.closed).toBeNull();
  });

  test("shorter than a header make the PACK malformed as a whole", () => {
    const node = new V2Node();
    node.send(encodePack([encodeJson("status", 0, {}), new Uint8Array(7)])!);
    expect(node.harness.log.filter((line) => line.includes("malformed"))).toHaveLength(1);
  });

  test("of changes are counted by the minute", async () => {
    const node = new V2Node();
    const changes = encodePack(
      Array.from({ length: 1500 }, () => encodeJson("status", 0, { max_parallel: 1 })),
    )!;
    for (let minute = 0; minute < 3; minute++) {
      node.send(changes);
      await node.harness.clock.pass(60_000);
    }
    expect(node.socket.closed).toBeNull();
  });

  test("are not read any further once one of them has ended the link", () => {
    const node = new V2Node();
    const malformed = encodeJson("head", 1, { status: 7, headers: {} });
    node.send(encodePack(Array.from({ length: 1000 }, () => malformed))!);
    expect(node.socket.closed?.code).toBe(4003);
    expect(node.harness.log.filter((line) => line.includes("malformed"))).toHaveLength(10);
  });
});

describe("malformed frames", () => {
  const frames: [what: string, bytes: Uint8Array][] = [
    ["shorter than a header", new Uint8Array(HEADER_BYTES - 1)],
    ["a HEAD that is no JSON", new Uint8Array([32, 0, 0, 0, 0, 0, 0, 1, 123])],
    ["a STREAM on the connection", encodeStreamV2(0, new Uint8Array(1))],
    ["a REGISTER of no slots", encodeJson("register", 0, { max_parallel: 0, models: [] } as never)],
    ["a FINISH of −1 tokens", encodeJson("finish", 1, { ...tally, prompt_tokens: -1 })],
  ];
  for (const [what, bytes] of frames) {
    test(`are answered with ERROR, and the tenth in a row ends the link: ${what}`, () => {
      const node = new V2Node();
      const { received } = node.call();
      node.received();
      for (let i = 0; i < 9; i++) node.send(bytes);
      expect(node.received()).toEqual(
        Array(9).fill({ type: "error", stream: 0, data: expect.objectContaining({ code: 400 }) }),
      );
      expect(node.socket.closed).toBeNull();
      node.send(bytes, bytes);
      expect(node.socket.closed).toMatchObject({ code: 4003 });
      expect(received.failures).toEqual([]);
    });
  }

  test("are forgiven after a readable one, even of an unknown type", () => {
    const node = new V2Node();
    for (let i = 0; i < 30; i++) {
      node.send(i % 6 === 5 ? new Uint8Array([99, 0, 0, 0, 0, 0, 0, 1]) : new Uint8Array(1));
    }
    expect(node.socket.closed).toBeNull();
  });

  test("are not read after they have ended the link", () => {
    const node = new V2Node();
    for (let i = 0; i < 50; i++) node.send(new Uint8Array(1));
    expect(node.received()).toHaveLength(10);
  });
});

describe("STATUS", () => {
  test("changes capacity and models, and keeps what it does not name", async () => {
    const node = new V2Node();
    await node.status({ max_parallel: 5 });
    expect(node.inHub.offer).toMatchObject({ maxParallel: 5, models: ["m"] });
    await node.status({ models: ["x", "y", "x"] });
    expect(node.inHub.offer).toMatchObject({ maxParallel: 5, models: ["x", "y"] });
    expect(node.harness.hub.models()).toEqual(["x", "y"]);
    expect(node.harness.observed.slice(1)).toEqual([
      "changed public:key/n1 m",
      "changed public:key/n1 x,y",
    ]);
  });

  test("replaces the capabilities of all models", async () => {
    const node = new V2Node();
    await node.status({
      models: ["x", "y"],
      capabilities: { x: { endpoints: ["/v1/embeddings"] } },
    });
    expect(node.harness.hub.factsOf("x")?.endpoints).toEqual(["/v1/embeddings"]);
    expect(node.harness.hub.factsOf("y")?.endpoints).toEqual(["/v1/chat/completions"]);
    await node.status({ max_parallel: 9 });
    expect(node.harness.hub.factsOf("x")?.endpoints).toEqual(["/v1/embeddings"]);
    await node.status({ capabilities: { y: { tools: true } } });
    expect(node.harness.hub.factsOf("x")?.endpoints).toEqual(["/v1/chat/completions"]);
    expect(node.harness.hub.factsOf("y")?.tools).toBe(true);
  });

  test("describes the machine again, and keeps the description otherwise", async () => {
    const node = new V2Node();
    const gpus = [{ name: "Apple M2" }];
    await node.status({ machine: { os: "macOS 15.1", gpus, cores: 8 } as never });
    const machine = {
      os: "macOS 15.1",
      arch: null,
      gpus: [{ name: "Apple M2", memory_bytes: null }],
      policy: null,
    };
    expect(node.inHub.offer.machine).toEqual(machine);
    await node.status({ max_parallel: 5 });
    expect(node.inHub.offer).toMatchObject({ maxParallel: 5, machine });
    await node.status({ machine: {} });
    expect(node.inHub.offer.machine).toBeUndefined();
    node.harness.register(node.socket, { machine: { arch: "arm64" } } as never);
    await node.harness.clock.pass(1000);
    expect(node.inHub.offer.machine).toEqual({ os: null, arch: "arm64", gpus: [], policy: null });
  });

  test("keeps calls away while the node drains or pauses, until it serves again", async () => {
    const node = new V2Node();
    for (const state of ["draining", "paused"] as const) {
      await node.status({ state, reason: "somebody plays a game" });
      expect(node.inHub.isDraining).toBe(true);
      await node.status({ max_parallel: 3 });
      expect(node.inHub.isDraining).toBe(true);
      await node.status({ state: "serving" });
      expect(node.inHub.isDraining).toBe(false);
    }
  });

  test("shows why the node is paused and until when, for as long as it is", async () => {
    const node = new V2Node();
    const reason = "outside the owner's hours";
    await node.status({ state: "paused", reason, resumes_in_ms: 60_000 });
    const until = node.harness.clock.now() + 60_000;
    expect(node.inHub.view([])).toMatchObject({
      state: "paused",
      pause_reason: reason,
      paused_until: expect.closeTo(until, -4),
    });
    await node.status({ max_parallel: 3 });
    expect(node.inHub.pause?.reason).toBe(reason);
    await node.status({ state: "paused", reason: "the owner uses the machine" });
    expect(node.inHub.pause).toEqual({ reason: "the owner uses the machine", until: null });
    await node.status({ state: "serving" });
    expect(node.inHub.view([])).toMatchObject({ state: "ready", pause_reason: null });
  });

  test("shows no time that is further away than a year: the furthest are no dates", async () => {
    const node = new V2Node();
    const year = 366 * 24 * 60 * 60 * 1000;
    await node.status({ state: "paused", reason: "long", resumes_in_ms: year });
    expect(node.inHub.pause?.until).toBeGreaterThanOrEqual(node.harness.clock.now() + year - 1000);
    for (const resumes_in_ms of [year + 1, Number.MAX_SAFE_INTEGER]) {
      await node.status({ state: "paused", reason: `${resumes_in_ms}`, resumes_in_ms });
      expect(node.inHub.pause).toEqual({ reason: `${resumes_in_ms}`, until: null });
    }
  });

  test("shows no reason that cannot be seen, and no more than 200 characters of a long one", async () => {
    const node = new V2Node();
    await node.status({ state: "paused", reason: "night\u202e" });
    expect(node.inHub.pause).toEqual({ reason: null, until: null });
    await node.status({ state: "paused", reason: "x".repeat(1_000) });
    expect(node.inHub.pause?.reason).toBe("x".repeat(200));
  });

  test("of the same pause again is not applied", async () => {
    const node = new V2Node();
    await node.status({ state: "paused", reason: "night", resumes_in_ms: 60_000 });
    const { pause } = node.inHub;
    await node.status({ state: "paused", reason: "night", resumes_in_ms: 59_900 });
    expect(node.inHub.pause).toBe(pause);
  });

  test("without a member is a sign of life that changes and logs nothing", async () => {
    const node = new V2Node();
    const { offer } = node.inHub;
    for (let i = 0; i < 10; i++) await node.status({});
    expect(node.inHub.offer).toBe(offer);
    expect(node.harness.log).toEqual(["info node connected"]);
  });

  test("that changes nothing is not applied", async () => {
    const node = new V2Node();
    const { offer } = node.inHub;
    for (let i = 0; i < 3; i++) {
      await node.status({ max_parallel: offer.maxParallel, models: ["m"] });
    }
    expect(node.inHub.offer).toBe(offer);
    expect(node.harness.observed).toHaveLength(1);
  });

  test("is applied once in 100 ms, however many come: the first at once, the others together", async () => {
    const node = new V2Node();
    const statuses = Array.from(
      { length: 1_900 },
      (_, i) =>
        encodeJson(
          "status",
          0,
          i % 2 === 0 ? { max_parallel: 3 + i } : { models: ["m", `${i}`] },
        ),
    );
    for (const frame of [encodePack(statuses.slice(0, 950))!, ...statuses.slice(950)]) {
      node.send(frame);
    }
    expect(node.inHub.offer).toMatchObject({ maxParallel: 3, models: ["m"] });
    await node.harness.clock.pass(99);
    expect(node.harness.observed).toHaveLength(2);
    await node.harness.clock.pass(1);
    expect(node.inHub.offer).toMatchObject({ maxParallel: 1901, models: ["m", "1899"] });
    expect(node.harness.observed).toHaveLength(3);
  });

  test("that waits is in force before a call fails because the node has withdrawn what it asks for", async () => {
    const node = new V2Node();
    const service = { model: "m", endpoint: "/v1/chat/completions" } as const;
    const { received } = node.call();
    const servedAtFailure: boolean[] = [];
    received.failures.push = () => servedAtFailure.push(node.inHub.serves(service));
    const change = (...models: string[]) => node.send(encodeJson("status", 0, { models }));
    change("m", "n");
    change("n");
    node.error(1, { code: 404, message: "gone", kind: "offer_withdrawn" });
    expect([servedAtFailure, node.inHub.offer.models]).toEqual([[false], ["n"]]);
    // What comes next waits the time of both.
    await node.harness.clock.pass(50);
    change("m");
    await node.harness.clock.pass(149);
    expect(node.inHub.offer.models).toEqual(["n"]);
    await node.harness.clock.pass(1);
    expect(node.inHub.offer.models).toEqual(["m"]);
  });

  test("that waits is in force early only about ten times in a row, whatever the node's answers say", async () => {
    const node = new V2Node();
    const changeAndFail = (stream: number) => {
      node.call({ stream: true, attemptId: `req-${stream}` });
      node.send(encodeJson("status", 0, { max_parallel: 100 + stream }));
      node.error(stream, { code: 404, message: "gone", kind: "offer_withdrawn" });
    };
    for (let stream = 1; stream <= 100; stream++) changeAndFail(stream);
    const changes = () => node.harness.observed.filter((what) => what.startsWith("changed")).length;
    expect(changes()).toBe(11);
    await node.harness.clock.pass(1_099);
    expect(changes()).toBe(11);
    await node.harness.clock.pass(1);
    expect([changes(), node.inHub.offer.maxParallel]).toEqual([12, 200]);
  });

  test("that waits goes on waiting where a call fails for another reason", () => {
    const node = new V2Node();
    node.call();
    node.send(encodeJson("status", 0, { max_parallel: 3 }));
    node.send(encodeJson("status", 0, { max_parallel: 4 }));
    node.error(1, { code: 500, message: "failed" });
    expect(node.inHub.offer.maxParallel).toBe(3);
  });

  test("that waits ends with its connection", async () => {
    const node = new V2Node();
    node.send(encodeJson("status", 0, { max_parallel: 3 }));
    node.send(encodeJson("status", 0, { max_parallel: 4 }));
    node.harness.gone(node.socket);
    await node.harness.clock.pass(100);
    expect(node.harness.hub.size).toBe(0);
    expect(node.harness.observed.at(-1)).toStartWith("left");
  });

  test("before REGISTER changes nothing", () => {
    const harness = new LinkHarness();
    const socket = harness.dial({ wire: 2 });
    harness.bytes(socket, encodeJson("status", 0, { models: ["m"] }));
    expect(harness.hub.size).toBe(0);
  });
});

describe("what the gateway sends", () => {
  test("GOAWAY is sent to v2 nodes only", () => {
    const node = new V2Node();
    const old = node.harness.dial({ wire: 1 });
    node.harness.register(old);
    node.harness.links.goAway("restart", 5_000);
    expect(node.received()).toEqual([
      { type: "goaway", stream: 0, data: { reason: "restart", redial_within_ms: 5_000 } },
    ]);
    expect(old.messages).toEqual([]);
  });

  test("counts as sent if it is queued", () => {
    const node = new V2Node();
    node.socket.sendAnswers = -1;
    const { received, running } = node.call();
    expect(running).not.toBeNull();
    node.head(1);
    node.zeros(1, WINDOW_BYTES);
    running!.consumed(WINDOW_BYTES);
    node.zeros(1, WINDOW_BYTES);
    expect(received.failures).toEqual([]);
    expect(node.socket.isTerminated).toBe(false);
  });

  test("if dropped, means that a call was not started", () => {
    const node = new V2Node();
    node.socket.sendAnswers = 0;
    expect(node.call().running).toBeNull();
    expect(node.socket.isTerminated).toBe(false);
    node.socket.sendAnswers = 1;
    // The stream's number is not used again.
    node.call();
    expect(node.received()).toMatchObject([{ type: "call", stream: 2 }]);
  });

  test("if dropped in the middle of a body, ends the link, which has a gap", () => {
    const node = new V2Node();
    node.call({ body: bodyOf("x".repeat(2 * UNDER_WAY_BYTES)) });
    node.socket.sendAnswers = 0;
    node.readsAll();
    expect(node.socket.isTerminated).toBe(true);
  });

  const needed: [what: string, send: (call: ReturnType<V2Node["call"]>) => void][] = [
    ["a grant", ({ running }) => running!.consumed(WINDOW_BYTES)],
    ["a cancel", ({ running }) => running!.cancel()],
  ];
  for (const [what, send] of needed) {
    test(`if dropped, ends the link, because the stream would wait for ever: ${what}`, () => {
      const node = new V2Node();
      const call = node.call();
      node.head(1);
      node.zeros(1, WINDOW_BYTES);
      node.socket.sendAnswers = 0;
      send(call);
      expect(node.socket.isTerminated).toBe(true);
    });
  }

  test("is no call if the node does not read", () => {
    const node = new V2Node();
    node.socket.buffered = 9 * 1024 * 1024;
    expect(node.call().running).toBeNull();
    expect(node.received()).toEqual([]);
  });
});

test("an error in the gateway's own code ends one link, not the process", () => {
  const node = new V2Node();
  node.inHub.connection.start({
    attemptId: "req-1",
    model: "m",
    endpoint: "/v1/chat/completions",
    body: bodyOf("{}"),
    stream: true,
    wantsUsage: false,
    streamOptions: null,
    choices: 1,
    headers: null,
  }, {
    head: () => {
      throw new Error("a bug");
    },
    data: () => {},
    finish: () => {},
    fail: () => {},
  });
  node.head(1);
  expect(node.socket.isTerminated).toBe(true);
  expect(node.harness.log).toContain("error could not handle a node's message");
});
