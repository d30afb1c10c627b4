import { describe, expect, test } from "bun:test";
import {
  type CallHead,
  encodeCallV2,
  encodeCancel,
  encodeCredit,
  encodeEnded,
  encodeJson,
  encodeStreamV2,
  Endpoint,
  FrameTypeV2,
  HEADER_BYTES,
  MAX_CONTROL_BYTES,
  MAX_FRAME_BYTES,
  type Welcome,
  WINDOW_BYTES,
} from "../../protocol/mod.ts";
import golden from "../../protocol/golden/v2.json" with { type: "json" };
import type { WireEvent } from "./wire_session.ts";
import type { AnswerStream } from "./answer_stream.ts";
import { READ_AHEAD_BYTES } from "./read_ahead.ts";
import { WireSessionV2 } from "./wire_session_v2.ts";
import { usageMeter } from "../adapter/usage_meter.ts";
import { isSettled, RecordedFrames } from "../testing/recorded_frames.ts";

const head: Omit<CallHead, "body_bytes"> = {
  id: "req-1",
  endpoint: "/v1/chat/completions",
  model: "pro",
  stream: true,
  hide_usage: false,
};

/** The node's end of a link, and the frames of its gateway. */
class Wire {
  readonly line = new RecordedFrames();
  readonly session: WireSessionV2;

  constructor(readAheadBytes?: number) {
    const budget = readAheadBytes === undefined ? undefined : () => readAheadBytes;
    this.session = new WireSessionV2(this.line, this.line.world, budget);
  }

  /** What the last of the frames means. */
  receive(...frames: Uint8Array[]): WireEvent {
    const events = frames.map((frame) => this.session.read(frame));
    return events.at(-1)!;
  }

  /** WELCOME to a session that can be resumed, as every gateway gives one. */
  welcomeBack(windowBytes = WINDOW_BYTES): this {
    return this.welcome(windowBytes, MAX_FRAME_BYTES, false, { secret: "x", resume_ms: 60_000 });
  }

  welcome(
    windowBytes = 1000,
    maxFrameBytes = MAX_FRAME_BYTES,
    takesPacks = false,
    more: Partial<Welcome> = {},
  ): this {
    this.receive(encodeJson("welcome", 0, {
      session: "s",
      node: "n",
      ping_ms: 1,
      silence_ms: 2,
      window_bytes: windowBytes,
      max_frame_bytes: maxFrameBytes,
      ...(takesPacks ? { takes_packs: true } : {}),
      ...more,
    }));
    return this;
  }

  call(body: string, change: Partial<typeof head> = {}, stream = 1) {
    const bytes = new TextEncoder().encode(body);
    return callIn(this.receive(...encodeCallV2(stream, { ...head, ...change }, bytes)));
  }
}

function callIn(event: WireEvent) {
  if (event.kind !== "call") throw new Error(`Got ${event.kind}`);
  return event;
}

function receiveBody(wire: Wire, body: string | Uint8Array, change: Partial<typeof head> = {}) {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return wire.receive(...encodeCallV2(1, { ...head, ...change }, bytes));
}

const never = new AbortController().signal;

describe("the beginning of wire v2", () => {
  test("HELLO is followed by REGISTER", () => {
    const { session, line } = new Wire();
    expect(session.read(encodeJson("hello", 0, { versions: [1, 2] }))).toEqual({
      kind: "hello",
      takesShareWith: false,
    });
    const data = { max_parallel: 2, models: ["pro"], node_id: "n1", name: "studio", agent: "a/1" };
    session.register(data);
    // `resume` asks for a session that can be resumed.
    expect(line.frames()).toEqual([
      { type: "register", stream: 0, data: { ...data, resume: { after_goaway: true } } },
    ]);
  });

  test("STATUS waits for WELCOME, and keep-alive is an empty one", () => {
    const wire = new Wire();
    wire.session.announceStatus({ state: "draining" });
    wire.session.keepAlive();
    expect(wire.line.frames()).toEqual([]);
    wire.welcome();
    expect(wire.line.frames()).toEqual([
      { type: "status", stream: 0, data: { state: "draining" } },
    ]);
    wire.session.announceStatus({ state: "draining", reason: "night" });
    wire.session.keepAlive();
    expect(wire.line.frames()).toEqual([
      { type: "status", stream: 0, data: { state: "draining", reason: "night" } },
      { type: "status", stream: 0, data: {} },
    ]);
  });

  test("a session is kept for minutes at most, whatever WELCOME says: a timer of weeks fires at once", () => {
    const wire = new Wire();
    wire.welcome(1000, MAX_FRAME_BYTES, false, { secret: "x", resume_ms: 2 ** 40 });
    expect(wire.session.resumeMs).toBe(300_000);
  });

  test("frames leave together only where WELCOME says that they may", () => {
    for (const takesPacks of [true, false, null]) {
      const wire = new Wire();
      if (takesPacks !== null) wire.welcome(1000, MAX_FRAME_BYTES, takesPacks);
      const { reply } = wire.call("{}");
      reply.piece({ bytes: new TextEncoder().encode("first"), tokenEvents: 1 });
      expect(wire.line.messages()).toEqual(
        takesPacks ? [["head", "first"]] : [["head"], ["first"]],
      );
    }
  });

  test("models that change before WELCOME are announced once it has come, the newest only", () => {
    const wire = new Wire();
    const register = { max_parallel: 1, node_id: "n1" };
    wire.session.announceOffer({ ...register, models: ["a"], capabilities: {} });
    wire.session.announceOffer({
      ...register,
      models: ["b"],
      capabilities: { b: { tools: true } },
    });
    expect(wire.line.frames()).toEqual([]);
    wire.welcome();
    expect(wire.line.frames()).toEqual([
      {
        type: "status",
        stream: 0,
        data: { models: ["b"], capabilities: { b: { tools: true } }, max_parallel: 1 },
      },
    ]);
    expect(wire.welcome().line.frames()).toEqual([]);
  });
});

describe("a call in wire v2", () => {
  test("runs when its body has come, which is passed on to the letter", () => {
    const body = `{"seed":9007199254740993, "x":null,\n"text":"é"}`;
    const { call } = new Wire().call(body, { stream: false });
    expect(call).toEqual({
      id: "req-1",
      endpoint: "/v1/chat/completions",
      headers: {},
      model: "pro",
      bodyText: body,
      stream: false,
      hidesUsage: false,
    });
  });

  test("waits for a body of several frames, wherever these cut its letters", () => {
    const body = JSON.stringify({ text: "é€😀".repeat(150_000) });
    const bytes = new TextEncoder().encode(body);
    const wire = new Wire();
    const frames = encodeCallV2(1, head, bytes);
    expect(frames.length).toBeGreaterThan(1);
    for (const frame of frames.slice(0, -1)) expect(wire.receive(frame).kind).toBe("ignored");
    expect(callIn(wire.receive(frames.at(-1)!)).call.bodyText).toBe(body);
  });

  test("reads the golden file's split body", () => {
    const wire = new Wire();
    const frames = golden.filter(({ name, frame }) =>
      frame.stream === 8 && /^(CALL|BODY)/.test(name)
    );
    expect(frames).toHaveLength(3);
    const events = frames.map(({ hex }) =>
      wire.receive(Uint8Array.fromHex(hex.replaceAll(" ", "")))
    );
    expect(events.map(({ kind }) => kind)).toEqual(["ignored", "ignored", "call"]);
    expect(callIn(events[2]!).call.bodyText).toContain("Grüß dich");
  });

  test("two bodies may arrive in turns", () => {
    const wire = new Wire();
    const bodies = ["a", "b"].map((letter) =>
      JSON.stringify({ text: letter.repeat(MAX_FRAME_BYTES) })
    );
    const [one, two] = bodies.map((body, i) =>
      encodeCallV2(i + 1, head, new TextEncoder().encode(body))
    );
    const events = [one![0]!, two![0]!, one![1]!, two![1]!].map((frame) => wire.receive(frame));
    expect(events.map((one) => one.kind === "call" && one.call.bodyText)).toEqual([
      false,
      false,
      ...bodies,
    ]);
  });

  test("asks the upstream for usage where only the gateway wants it", () => {
    const wire = new Wire();
    const body = `{"stream":true,"stream_options":{"include_obfuscation":false}}`;
    expect(JSON.parse(wire.call(body, { hide_usage: true }).call.bodyText)).toEqual({
      stream: true,
      stream_options: { include_obfuscation: false, include_usage: true },
    });
    expect(wire.call(body, { hide_usage: false }, 2).call.bodyText).toBe(body);
    const { call } = wire.call(`{"stream":true,"stream_options":null}`, { hide_usage: true }, 3);
    expect(JSON.parse(call.bodyText).stream_options).toEqual({ include_usage: true });
  });

  test("has the window that WELCOME said, and more by CREDIT", async () => {
    const wire = new Wire().welcome(9);
    const { reply } = wire.call("{}");
    reply.piece("1");
    reply.piece("2");
    wire.line.turn();
    const waiting = reply.ready(never);
    expect(await isSettled(waiting)).toBe(false);
    expect(sentBytes(wire)).toBe(9);
    wire.receive(encodeCredit(2, 100), encodeCredit(1, 9));
    expect(sentBytes(wire)).toBe(9);
    expect(await isSettled(waiting)).toBe(true);
  });

  test("sends no frame that is larger than WELCOME said", () => {
    const wire = new Wire().welcome(10_000, 1024);
    const { reply } = wire.call("{}");
    reply.piece({ bytes: new Uint8Array(1_500), tokenEvents: 1 });
    const sizes = wire.line.frames().flatMap((frame) =>
      frame.type === "stream" ? [frame.bytes.byteLength] : []
    );
    expect(sizes).toEqual([1016, 484]);
  });

  test("is forgotten at its end: later credits and cancels are ignored", () => {
    const wire = new Wire();
    const { reply } = wire.call("{}");
    reply.piece("1");
    reply.finish(usageMeter(Endpoint.chat));
    wire.line.frames();
    expect(wire.receive(encodeCredit(1, 5))).toEqual({ kind: "ignored" });
    expect(wire.receive(encodeCancel(1))).toEqual({ kind: "ignored" });
    expect(wire.line.frames()).toEqual([]);
  });
});

describe("what answers keep for a gateway whose callers do not read", () => {
  const FLOOR_BYTES = WINDOW_BYTES / 2;
  const piece = { bytes: new Uint8Array(16 * 1024), tokenEvents: 1 };

  /** A stream that is read from its provider until it is held back: how many bytes it keeps. */
  function stalled(wire: Wire, stream: number) {
    const { reply } = wire.call("{}", { id: `req-${stream}` }, stream);
    const answer = reply as AnswerStream;
    while (answer.ready(never) === null) answer.piece(piece);
    return answer;
  }

  function keptBytes(answers: readonly AnswerStream[]): number {
    return answers.reduce((sum, answer) => sum + answer.keptBytes, 0);
  }

  test("is a whole window for one alone, and bounded for a thousand of them", () => {
    const wire = new Wire().welcomeBack();
    const answers = Array.from({ length: 1_000 }, (_, at) => stalled(wire, at + 1));
    // Each has read one piece more than it may send.
    expect(answers[0]!.keptBytes).toBe(WINDOW_BYTES + piece.bytes.length);
    expect(answers.at(-1)!.keptBytes).toBe(FLOOR_BYTES + piece.bytes.length);
    const mostBytes = READ_AHEAD_BYTES + 1_000 * (FLOOR_BYTES + piece.bytes.length);
    expect(keptBytes(answers)).toBe(mostBytes);
  });

  test("is bounded too where the gateway says that its window is as large as can be", () => {
    const wire = new Wire().welcomeBack(2 ** 31);
    const answers = Array.from({ length: 10 }, (_, at) => stalled(wire, at + 1));
    expect(keptBytes(answers)).toBeLessThan(READ_AHEAD_BYTES + 10 * 256 * 1024);
  });

  test("is nothing where the gateway has granted more than was sent", () => {
    const wire = new Wire().welcomeBack();
    const { reply } = wire.call("{}");
    const answer = reply as AnswerStream;
    wire.receive(encodeCredit(1, 2 ** 31));
    for (let pieces = 0; pieces < 100; pieces++) answer.piece(piece);
    expect(answer.keptBytes).toBe(0);
  });

  const ends: readonly [string, (wire: Wire, answer: AnswerStream) => void][] = [
    ["grants what it has", (wire) => wire.receive(encodeCredit(1, WINDOW_BYTES))],
    ["acknowledges its end", (wire, answer) => {
      wire.receive(encodeCancel(1));
      answer.finish(usageMeter(Endpoint.chat));
      wire.receive(encodeEnded([1]));
    }],
    ["does not want it after a lost link", (wire) => {
      wire.session.suspend();
      wire.session.attach(wire.line);
      wire.welcome(WINDOW_BYTES, MAX_FRAME_BYTES, false, { resumed: true });
    }],
  ];
  for (const [what, end] of ends) {
    test(`makes room for another one when the gateway ${what}`, () => {
      const wire = new Wire(FLOOR_BYTES).welcomeBack();
      const first = stalled(wire, 1);
      expect(first.keptBytes).toBe(WINDOW_BYTES + piece.bytes.length);
      expect(stalled(wire, 2).keptBytes).toBe(FLOOR_BYTES + piece.bytes.length);
      end(wire, first);
      expect(stalled(wire, 3).keptBytes).toBe(WINDOW_BYTES + piece.bytes.length);
    });
  }

  test("is never so little that a gateway that grants half windows has nothing to grant", () => {
    for (
      const windowBytes of [1, 1_000, FLOOR_BYTES, FLOOR_BYTES + 1, WINDOW_BYTES - 1, WINDOW_BYTES]
    ) {
      const wire = new Wire(0).welcomeBack(windowBytes);
      const { reply } = wire.call("{}");
      const answer = reply as AnswerStream;
      let arrivedBytes = 0;
      let ungrantedBytes = 0;
      for (
        let writtenBytes = 0;
        writtenBytes < 3 * windowBytes;
        writtenBytes += piece.bytes.length
      ) {
        answer.piece(piece);
        let bytes: number;
        while ((bytes = sentBytes(wire)) > 0) {
          arrivedBytes += bytes;
          ungrantedBytes += bytes;
          if (ungrantedBytes < windowBytes / 2) continue;
          wire.receive(encodeCredit(1, ungrantedBytes));
          ungrantedBytes = 0;
        }
        expect(arrivedBytes).toBe(writtenBytes + piece.bytes.length);
      }
    }
  });
});

describe("CANCEL", () => {
  test("stops the call that runs on the stream", () => {
    const wire = new Wire();
    wire.call("{}");
    wire.call("{}", { id: "req-2" }, 2);
    expect(wire.receive(encodeCancel(2))).toEqual({ kind: "cancel", id: "req-2" });
    expect(wire.line.frames()).toEqual([]);
  });

  test("before the body has come is confirmed at once, and the rest of the body ignored", () => {
    const wire = new Wire();
    const frames = encodeCallV2(1, head, new Uint8Array(3 * MAX_FRAME_BYTES));
    wire.receive(frames[0]!, frames[1]!);
    expect(wire.receive(encodeCancel(1))).toEqual({ kind: "refused" });
    expect(wire.line.frames()).toMatchObject([{ type: "error", stream: 1, data: { code: 499 } }]);
    expect(wire.receive(frames[2]!, frames[3]!)).toEqual({ kind: "ignored" });
    expect(wire.line.frames()).toEqual([]);
  });

  test("of a call whose answer waits for credit lets it go: FINISH confirms", () => {
    const wire = new Wire().welcome(3);
    const { reply } = wire.call("{}");
    reply.piece("1");
    reply.finish(usageMeter(Endpoint.chat));
    wire.line.frames();
    wire.receive(encodeCancel(1));
    expect(wire.line.frames()).toMatchObject([{ type: "finish", stream: 1 }]);
  });
});

describe("what a gateway should not send", () => {
  test("BODY frames without bytes are malformed, before a body, during it and after it", () => {
    const wire = new Wire();
    const malformed: WireEvent = { kind: "malformed", reason: "body without bytes" };
    const empty = () => wire.receive(body(new Uint8Array()));
    expect(empty()).toEqual(malformed);
    wire.receive(callHead(2));
    for (let i = 0; i < 3; i++) expect(empty()).toEqual(malformed);
    expect(callIn(wire.receive(body(new TextEncoder().encode("{}")))).call.bodyText).toBe("{}");
    expect(empty()).toEqual(malformed);
  });

  test("a body in single bytes arrives whole, and no message of it is kept", () => {
    const wire = new Wire();
    const bytes = new TextEncoder().encode('{"é":"ü"}');
    wire.receive(callHead(bytes.byteLength));
    const message = body(new Uint8Array(1));
    const events = Array.from(bytes, (byte) => {
      // The same message each time, written over: a piece that was kept would change with it.
      message[message.length - 1] = byte;
      return wire.receive(message);
    });
    expect(callIn(events.at(-1)!).call.bodyText).toBe('{"é":"ü"}');
  });

  const bodies: [what: string, send: (wire: Wire) => WireEvent, code: number][] = [
    [
      "a body over 64 MiB",
      (wire) => wire.receive(callHead(64 * 1024 * 1024 + 1)),
      413,
    ],
    [
      "a body longer than announced",
      (wire) => wire.receive(callHead(2), body(new Uint8Array(3))),
      400,
    ],
    [
      "a body that is no JSON where usage is to be asked for",
      (wire) => wire.receive(...encodeCallV2(1, { ...head, hide_usage: true }, new Uint8Array(2))),
      400,
    ],
    ["a body that is no object", (wire) => receiveBody(wire, "[]"), 400],
    ["a body that is not UTF-8", (wire) => receiveBody(wire, new Uint8Array([0x22, 0xff])), 400],
    [
      "a member that servers written in Go read as the model",
      (wire) => receiveBody(wire, '{"model":"m","Model":"other"}'),
      400,
    ],
    [
      "a body of null where usage is to be asked for",
      (wire) => receiveBody(wire, "null", { hide_usage: true }),
      400,
    ],
  ];
  for (const [what, send, code] of bodies) {
    test(`${what} is refused with ${code}, and nothing runs`, () => {
      const wire = new Wire();
      expect(send(wire)).toEqual({ kind: "refused" });
      expect(wire.line.frames()).toMatchObject([{ type: "error", stream: 1, data: { code } }]);
    });
  }

  test("more bodies than there is room for go elsewhere until one has come", () => {
    const wire = new Wire();
    const size = 60 * 1024 * 1024;
    for (let stream = 1; stream <= 4; stream++) wire.receive(callHead(size, stream));
    expect(wire.line.frames()).toEqual([]);
    wire.receive(callHead(size, 5));
    expect(wire.line.frames()).toMatchObject([{ type: "error", stream: 5, data: { busy: true } }]);
    wire.receive(encodeCancel(1));
    wire.line.frames();
    wire.receive(callHead(size, 6));
    expect(wire.line.frames()).toEqual([]);
  });

  test("as many bodies as there is room for are taken, to the byte", () => {
    const wire = new Wire();
    const most = 64 * 1024 * 1024;
    for (let stream = 1; stream <= 3; stream++) wire.receive(callHead(most, stream));
    const room = 256 * 1024 * 1024 - 3 * (most + MAX_CONTROL_BYTES);
    wire.receive(callHead(room + 1, 4));
    expect(wire.line.frames()).toMatchObject([{ type: "error", stream: 4 }]);
    wire.receive(callHead(room, 5));
    expect(wire.line.frames()).toEqual([]);
  });

  test("very many small bodies are refused, too: each one's head takes room", () => {
    const wire = new Wire();
    let taken = 0;
    for (; taken < 2_000; taken++) {
      wire.receive(callHead(1, taken + 1));
      if (wire.line.frames().length > 0) break;
    }
    expect(taken).toBe(1024);
  });

  test("text, and frames that cannot be read, are malformed", () => {
    const wire = new Wire();
    expect(wire.session.read("{}").kind).toBe("malformed");
    expect(wire.receive(new Uint8Array(3)).kind).toBe("malformed");
    expect(wire.receive(encodeStreamV2(0, new Uint8Array(3))).kind).toBe("malformed");
  });

  test("frames that only gateways receive, and types of a later version, are ignored", () => {
    const wire = new Wire();
    expect(wire.receive(encodeStreamV2(1, new Uint8Array(3)))).toEqual({ kind: "ignored" });
    expect(wire.receive(new Uint8Array([99, 0, 0, 0, 0, 0, 0, 1]))).toEqual({ kind: "ignored" });
  });
});

test("GOAWAY says that the gateway leaves, an ERROR about the connection is for the log", () => {
  const wire = new Wire();
  expect(wire.receive(encodeJson("goaway", 0, { reason: "restart", redial_within_ms: 9 }))).toEqual(
    {
      kind: "goaway",
      reason: "restart",
      redialWithinMs: 9,
    },
  );
  expect(wire.receive(encodeJson("error", 0, { code: 400, message: "hm" }))).toEqual({
    kind: "notice",
    code: 400,
    message: "hm",
  });
});

function sentBytes({ line }: Wire): number {
  return line.frames().reduce(
    (sum, frame) => sum + (frame.type === "stream" ? frame.bytes.byteLength : 0),
    0,
  );
}

/** A CALL that announces a body and brings none of it. */
function callHead(bodyBytes: number, stream = 1): Uint8Array {
  const [whole] = encodeCallV2(stream, head, new Uint8Array());
  const json = JSON.stringify({ ...head, body_bytes: bodyBytes });
  const frame = new Uint8Array(HEADER_BYTES + 4 + json.length);
  frame.set(whole!.subarray(0, HEADER_BYTES));
  new DataView(frame.buffer).setUint32(HEADER_BYTES, json.length);
  frame.set(new TextEncoder().encode(json), HEADER_BYTES + 4);
  return frame;
}

function body(bytes: Uint8Array): Uint8Array {
  const frame = encodeStreamV2(1, bytes);
  frame[0] = FrameTypeV2.body;
  return frame;
}
