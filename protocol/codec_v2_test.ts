import { describe, expect, test } from "bun:test";
import fc from "../tests/harness/fast_check.ts";
import golden from "./golden/v2.json" with { type: "json" };
import {
  decodeV2,
  encodeBody,
  encodeCallV2,
  encodeCancel,
  encodeCredit,
  encodeEnded,
  encodeJson,
  encodeMissing,
  encodePack,
  encodeResume,
  encodeStreamV2,
  FrameTypeV2,
  type FrameV2,
  HEADER_BYTES,
  MAX_CONTROL_BYTES,
  MAX_FRAME_BYTES,
  MAX_JSON_DEPTH,
  type Span,
} from "./mod.ts";

describe("wire v2", () => {
  for (const { name, hex, frame: written, isOnlyRead } of golden as Golden[]) {
    const bytes = Uint8Array.fromHex(hex.replaceAll(" ", ""));
    const frame = withBytes(written);

    test(`reads the golden frame: ${name}`, () => {
      expect(decodeV2(bytes)).toEqual({ kind: "frame", frame });
    });

    if (!isOnlyRead) {
      test(`writes the golden frame: ${name}`, () => {
        expect(encoded(frame, written.messages).toHex()).toBe(bytes.toHex());
      });
    }

    test(`takes every truncation of its header and head for malformed: ${name}`, () => {
      const rawBytes = "bytes" in frame && typeof frame.bytes !== "number" ? frame.bytes.length : 0;
      for (let end = 0; end < bytes.length - rawBytes; end++) {
        // A raw frame without payload is whole; everything else has lost something.
        if (isRaw(frame) && end === HEADER_BYTES) continue;
        expect(decodeV2(bytes.subarray(0, end)).kind).toBe("malformed");
      }
    });
  }

  test("has a golden frame of every type", () => {
    const types = (golden as Golden[]).map(({ frame }) => frame.type as string);
    expect(new Set(types)).toEqual(new Set(Object.keys(FrameTypeV2)));
  });

  const sent: [FrameV2["type"], Uint8Array][] = [
    ["register", encodeJson("register", 0, { max_parallel: 2, models: ["a"], node_id: "n" })],
    [
      "welcome",
      encodeJson("welcome", 0, {
        session: "s",
        node: "n",
        ping_ms: 1,
        silence_ms: 2,
        window_bytes: 3,
        max_frame_bytes: 1024,
      }),
    ],
    ["status", encodeJson("status", 0, { state: "draining", reason: "night" })],
    ["hello", encodeJson("hello", 0, { versions: [1, 2] })],
    ["goaway", encodeJson("goaway", 0, { reason: "restart", redial_within_ms: 5 })],
    ["credit", encodeCredit(9, 4_000_000_000)],
    ["cancel", encodeCancel(9)],
    ["missing", encodeMissing(9)],
    ["ended", encodeEnded([1, 2])],
    ["resume", encodeResume(9, stateOf(1))],
    ["head", encodeJson("head", 9, { status: 200, headers: { "retry-after": "1" } })],
    ["stream", encodeStreamV2(9, new Uint8Array([1, 2, 3]))],
    ["finish", encodeJson("finish", 9, tally())],
    ["pack", encodePack([encodeCancel(9), encodeJson("finish", 9, tally())])!],
    ["error", encodeJson("error", 9, { code: 503, message: "x", busy: true, tally: tally() })],
    ["error", encodeJson("error", 0, { code: 400, message: "about the connection" })],
  ];
  for (const [type, bytes] of sent) {
    test(`what is encoded as ${type} reads back as that`, () => {
      const decoded = decodeV2(bytes);
      expect(decoded.kind === "frame" && decoded.frame.type).toBe(type);
    });
  }

  test("a body of any size arrives whole, in frames that are not too large", () => {
    for (const size of [0, 1, MAX_FRAME_BYTES - 200, MAX_FRAME_BYTES, 3 * MAX_FRAME_BYTES + 17]) {
      const body = new Uint8Array(size).map((_, i) => i * 31);
      const frames = encodeCallV2(3, head(), body);
      const pieces = frames.map((bytes) => {
        expect(bytes.byteLength).toBeLessThanOrEqual(MAX_FRAME_BYTES);
        const decoded = decodeV2(bytes);
        if (decoded.kind !== "frame") throw new Error(JSON.stringify(decoded));
        const { frame } = decoded;
        if (frame.type === "call") expect(frame.data.body_bytes).toBe(size);
        if (frame.type !== "call" && frame.type !== "body") throw new Error(frame.type);
        return frame.bytes;
      });
      expect(Buffer.concat(pieces).equals(body)).toBe(true);
    }
  });

  test("no bytes make the decoder throw", () => {
    const frames = [
      ...sent.map(([, bytes]) => bytes),
      ...encodeCallV2(1, head(), new Uint8Array(9)),
    ];
    const mutated = fc.tuple(fc.constantFrom(...frames), fc.nat(), fc.uint8Array({ maxLength: 20 }))
      .map(([bytes, at, noise]) => {
        const copy = Uint8Array.from(bytes);
        copy.set(noise.subarray(0, copy.length - at % copy.length), at % copy.length);
        return copy;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
        expect(["frame", "unknown", "malformed"]).toContain(decodeV2(bytes).kind);
      }),
      { numRuns: 3000 },
    );
  });

  const wrong: [what: string, bytes: Uint8Array][] = [
    [
      "a REGISTER on a stream",
      encodeJson("register", 1, { max_parallel: 1, models: [], node_id: "n" }),
    ],
    ["a STREAM on the connection", encodeStreamV2(0, new Uint8Array(1))],
    [
      "a REGISTER of −1 slots",
      encodeJson("register", 0, { max_parallel: -1, models: [], node_id: "n" }),
    ],
    [
      "a WELCOME whose frames have no room for anything",
      encodeJson("welcome", 0, {
        session: "s",
        node: "n",
        ping_ms: 1,
        silence_ms: 2,
        window_bytes: 3,
        max_frame_bytes: 1023,
      }),
    ],
    ...[
      ["name turns the direction", { name: "pc\u202egnp" }],
      ["name has a NUL", { name: "pc\0" }],
      ["program has a zero-width space", { agent: "a\u200b/1" }],
      ["model's name has a zero-width joiner", { models: ["m\u200d"] }],
    ].map(([what, change]): [string, Uint8Array] => [
      `a REGISTER whose ${what}`,
      encodeJson("register", 0, {
        max_parallel: 1,
        models: ["m"],
        node_id: "n",
        ...change as object,
      }),
    ]),
    ["a STATUS with an invisible model", encodeJson("status", 0, { models: ["m\u2066"] } as never)],
    ["a STATUS in no known state", encodeJson("status", 0, { state: "dancing" } as never)],
    ["a STATUS whose reason is no text", encodeJson("status", 0, { reason: 7 } as never)],
    ["a STATUS that resumes before now", encodeJson("status", 0, { resumes_in_ms: -1 } as never)],
    ["a GOAWAY without a reason", encodeJson("goaway", 0, { redial_within_ms: 1 } as never)],
    ["a HEAD of status 7", encodeJson("head", 1, { status: 7, headers: {} })],
    [
      "a HEAD whose headers are no text",
      encodeJson("head", 1, { status: 200, headers: { a: 1 } } as never),
    ],
    [
      "an ERROR whose error object has no message",
      encodeJson("error", 1, { code: 500, message: "x", error: {} as { message: string } }),
    ],
    [
      "a FINISH whose response_id has 201 characters",
      encodeJson("finish", 1, { ...tally(), response_id: "r".repeat(201) }),
    ],
    [
      "a CALL whose headers are no text",
      encodeCallV2(1, { ...head(), headers: { a: 1 } } as never, new Uint8Array())[0]!,
    ],
    ...[
      ["are a list", []],
      ["of a model are text", { m: "chat" }],
      ["name endpoints that are no list", { m: { endpoints: "/v1/embeddings" } }],
      ["name endpoints that are no text", { m: { endpoints: [1] } }],
      ["name more endpoints than there can be", { m: { endpoints: Array(51).fill("/v1/x") } }],
      ["tell a context of 0 tokens", { m: { context_length: 0 } }],
      ["tell of tools in words", { m: { tools: "yes" } }],
    ].map(([what, capabilities]): [string, Uint8Array] => [
      `a REGISTER whose capabilities ${what}`,
      encodeJson("register", 0, {
        max_parallel: 1,
        models: ["m"],
        node_id: "n",
        capabilities,
      } as never),
    ]),
    ...[
      ["name a path of 201 characters", { m: { endpoints: ["x".repeat(201)] } }],
      ["tell a context of 1.5 tokens", { m: { context_length: 1.5 } }],
      ["tell of vision in numbers", { m: { vision: 1 } }],
    ].map(([what, capabilities]): [string, Uint8Array] => [
      `a STATUS whose capabilities ${what}`,
      encodeJson("status", 0, { capabilities } as never),
    ]),
    ["an ERROR of status 99", encodeJson("error", 1, { code: 99, message: "x" })],
    ["an ERROR of status 600", encodeJson("error", 1, { code: 600, message: "x" })],
    ["an ERROR without a message", encodeJson("error", 1, { code: 500 } as never)],
    [
      "an ERROR whose tally is a list",
      encodeJson("error", 1, { code: 500, message: "x", tally: [] } as never),
    ],
    [
      "an ERROR whose tally is wrong",
      encodeJson(
        "error",
        1,
        { code: 500, message: "x", tally: { ...tally(), estimated: 1 } } as never,
      ),
    ],
    ["a CALL without an id", callOf({ id: "" })],
    ["a CALL without an endpoint", callOf({ endpoint: 7 })],
    ["a CALL without a model", callOf({ model: null })],
    ["a CALL whose stream is no flag", callOf({ stream: "yes" })],
    ["a CALL of −1 body bytes", callOf({ body_bytes: -1 })],
    ["a CALL with more body than it announces", callOf({ body_bytes: 2 }, "abc")],
    ["a CALL whose head is no JSON", rawCall("nonsense")],
    ["a CALL whose head is cut off", rawCall(JSON.stringify(head()), 1_000)],
    ["a CALL without a head", encodeBody(1, new Uint8Array(3)).with(0, FrameTypeV2.call)],
    ["a HEAD that is no UTF-8", encodeBody(1, Uint8Array.of(0x22, 0xff, 0x22)).with(0, 32)],
    [
      "a HEAD that nests too deep",
      encodeJson("head", 1, { status: 200, headers: {}, x: deep(MAX_JSON_DEPTH) } as never),
    ],
    [
      "a HEAD of more than 256 KiB",
      encodeJson("head", 1, { status: 200, headers: { a: "x".repeat(MAX_CONTROL_BYTES) } }),
    ],
    ["a FINISH with −1 tokens", encodeJson("finish", 1, { ...tally(), completion_tokens: -1 })],
    ["a PACK of one frame", encodePack([encodeCancel(1)])!],
    ["a PACK on a stream", encodePack([encodeCancel(1), encodeCancel(2)])!.with(7, 1)],
    [
      "a PACK within a PACK",
      encodePack([encodePack([encodeCancel(1), encodeCancel(2)])!, encodeCancel(3)])!,
    ],
    ["a RESUME of more bytes than a number can count", encodeResume(1, stateOf(2 ** 60))],
    ["an ENDED without a stream", encodeEnded([])],
    ["an ENDED whose last stream is cut off", encodeEnded([1, 2]).slice(0, -1)],
    ...[
      ["is text", "s-1"],
      ["names no session", { session: "", secret: "r-1" }],
      ["has a secret that is a number", { session: "s-1", secret: 1 }],
      ["has a secret of 201 characters", { session: "s-1", secret: "r".repeat(201) }],
    ].map(([what, resume]): [string, Uint8Array] => [
      `a REGISTER whose resume ${what}`,
      encodeJson("register", 0, {
        max_parallel: 1,
        models: ["m"],
        node_id: "n",
        resume,
      } as never),
    ]),
    ["a frame of more than 1 MiB", encodeStreamV2(1, new Uint8Array(MAX_FRAME_BYTES))],
  ];
  for (const [what, bytes] of wrong) {
    test(`${what} is malformed`, () => {
      expect(decodeV2(bytes).kind).toBe("malformed");
    });
  }

  const right: [what: string, bytes: Uint8Array][] = [
    ["a CALL whose body is all there", callOf({ body_bytes: 3 }, "abc")],
    ["a HEAD of status 100", encodeJson("head", 1, { status: 100, headers: {} })],
    ["a HEAD of status 599", encodeJson("head", 1, { status: 599, headers: {} })],
    [
      "a HEAD as deep as a body may be",
      encodeJson("head", 1, { status: 200, headers: {}, x: deep(MAX_JSON_DEPTH - 1) } as never),
    ],
    [
      "a REGISTER with as many capabilities as there may be",
      encodeJson("register", 0, {
        max_parallel: 1,
        models: ["m"],
        node_id: "n",
        capabilities: {
          m: { endpoints: Array(50).fill("x".repeat(200)), context_length: 1, tools: true },
          n: { vision: false },
        },
      }),
    ],
    [
      "a FINISH without any token, of an answer with a long id",
      encodeJson("finish", 1, { ...tally(), prompt_tokens: 0, response_id: "r".repeat(200) }),
    ],
    ["a frame of exactly 1 MiB", encodeStreamV2(1, new Uint8Array(MAX_FRAME_BYTES - HEADER_BYTES))],
  ];
  for (const [what, bytes] of right) {
    test(`${what} is a frame`, () => expect(decodeV2(bytes).kind).toBe("frame"));
  }

  test("a HEAD with the text of the last one is not parsed again, and any other is", () => {
    const read = (headers: Record<string, string>) => {
      const decoded = decodeV2(encodeJson("head", 1, { status: 200, headers }));
      if (decoded.kind !== "frame" || decoded.frame.type !== "head") throw new Error(decoded.kind);
      return decoded.frame.data;
    };
    const first = read({ a: "1" });
    expect(read({ a: "1" })).toBe(first);
    expect(read({ a: "2" })).toEqual({ status: 200, headers: { a: "2" } });
    const long = { a: "x".repeat(2_000) };
    expect(read(long)).not.toBe(read(long));
  });

  test("a body that fills its frames exactly needs no further one", () => {
    const first = encodeCallV2(1, head(), new Uint8Array(MAX_FRAME_BYTES))[0]!;
    const decoded = decodeV2(first);
    const room = decoded.kind === "frame" && decoded.frame.type === "call"
      ? decoded.frame.bytes.byteLength
      : 0;
    const whole = new Uint8Array(room + MAX_FRAME_BYTES - HEADER_BYTES);
    expect(encodeCallV2(1, head(), whole)).toHaveLength(2);
  });

  test("frames that would be too much together are not packed", () => {
    const frames = [encodeStreamV2(1, new Uint8Array(80)), encodeCancel(1)];
    const packed = encodePack(frames)!;
    expect(encodePack(frames, packed.byteLength)).toEqual(packed);
    expect(encodePack(frames, packed.byteLength - 1)).toBeNull();
  });

  test("a type of a later version is unknown, not malformed", () => {
    expect(decodeV2(new Uint8Array([99, 0, 0, 0, 0, 0, 0, 1]))).toEqual({
      kind: "unknown",
      type: 99,
    });
  });
});

function head() {
  return {
    id: "req-1",
    endpoint: "/v1/chat/completions",
    model: "m",
    stream: true,
    hide_usage: true,
  };
}

/** A CALL whose head has these members. */
function callOf(change: object, body = ""): Uint8Array {
  const text = JSON.stringify({ ...head(), body_bytes: body.length, ...change });
  return rawCall(text + body, text.length);
}

/** A CALL with this text after the length of its head. */
function rawCall(text: string, headBytes = text.length): Uint8Array {
  const payload = new Uint8Array(4 + text.length);
  new DataView(payload.buffer).setUint32(0, headBytes);
  payload.set(new TextEncoder().encode(text), 4);
  return encodeBody(1, payload).with(0, FrameTypeV2.call);
}

/** A value that nests so deep. */
function deep(levels: number): unknown {
  return levels === 0 ? 1 : [deep(levels - 1)];
}

function stateOf(receivedBytes: number) {
  return { receivedBytes, grantedBytes: 0, hasHead: true, isCancelled: false };
}

function tally() {
  return {
    prompt_tokens: 1,
    completion_tokens: null,
    estimated: false,
    finish_reason: "stop",
    first_byte_ms: 1,
    total_ms: 2,
  };
}

/** A frame of the golden file. */
interface Golden {
  name: string;
  hex: string;
  /** Raw bytes stand there as text, or, where they are a part of some, in hex. */
  frame: { type: string; bytes?: string | number | { hex: string }; messages?: string[] };
  /** This version does not write it so: it has what a later one may add, or is split finer. */
  isOnlyRead?: true;
}

function withBytes(frame: Golden["frame"]): FrameV2 {
  const { bytes, messages } = frame;
  if (messages !== undefined) {
    const { messages: _, ...rest } = frame;
    return { ...rest, frames: spansOf(messages) } as never;
  }
  if (bytes === undefined || typeof bytes === "number") return frame as FrameV2;
  const raw = typeof bytes === "string"
    ? new TextEncoder().encode(bytes)
    : Uint8Array.fromHex(bytes.hex);
  return { ...frame, bytes: raw } as FrameV2;
}

function isRaw(frame: FrameV2): boolean {
  return frame.type === "stream" || frame.type === "body";
}

/** Where they are in a PACK. */
function spansOf(messages: readonly string[]): Span[] {
  let end = HEADER_BYTES;
  return messages.map((hex) => {
    const start = end + 4;
    end = start + hex.length / 2;
    return { start, end };
  });
}

/** `messages`: those of a PACK, in hexadecimal. */
function encoded(frame: FrameV2, messages: readonly string[] = []): Uint8Array {
  switch (frame.type) {
    case "credit":
      return encodeCredit(frame.stream, frame.bytes);
    case "cancel":
      return encodeCancel(frame.stream);
    case "missing":
      return encodeMissing(frame.stream);
    case "resume":
      return encodeResume(frame.stream, frame.state);
    case "ended":
      return encodeEnded(frame.streams);
    case "stream":
      return encodeStreamV2(frame.stream, frame.bytes);
    case "call": {
      const { body_bytes: _, ...head } = frame.data;
      return encodeCallV2(frame.stream, head, frame.bytes)[0]!;
    }
    case "body":
      return encodeBody(frame.stream, frame.bytes);
    case "pack":
      return encodePack(messages.map((hex) => Uint8Array.fromHex(hex)))!;
    default:
      return encodeJson(frame.type, frame.stream, frame.data);
  }
}
