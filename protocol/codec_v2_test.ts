import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import golden from "./golden/v2.json" with { type: "json" };
import {
  decodeV2,
  encodeCallV2,
  encodeCancel,
  encodeCredit,
  encodeJson,
  encodeStreamV2,
  type FrameV2,
  HEADER_BYTES,
  MAX_FRAME_BYTES,
} from "./mod.ts";

const text = new TextDecoder();

describe("wire v2", () => {
  for (const { name, hex, frame } of golden) {
    const bytes = Uint8Array.fromHex(hex.replaceAll(" ", ""));

    test(`reads the golden frame: ${name}`, () => {
      expect(readable(decodeV2(bytes))).toEqual(frame as never);
    });

    test(`takes every truncation of its header and head for malformed: ${name}`, () => {
      const bodyBytes = "bytes" in frame && typeof frame.bytes === "string"
        ? frame.bytes.length
        : 0;
      for (let end = 0; end < bytes.length - bodyBytes; end++) {
        // A raw frame without payload is whole; everything else has lost something.
        if (frame.type === "stream" && end === HEADER_BYTES) continue;
        expect(decodeV2(bytes.subarray(0, end)).kind).toBe("malformed");
      }
    });
  }

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
        max_frame_bytes: 4,
      }),
    ],
    ["status", encodeJson("status", 0, { state: "draining", reason: "night" })],
    ["hello", encodeJson("hello", 0, { versions: [1, 2] })],
    ["goaway", encodeJson("goaway", 0, { reason: "restart", redial_within_ms: 5 })],
    ["credit", encodeCredit(9, 4_000_000_000)],
    ["cancel", encodeCancel(9)],
    ["head", encodeJson("head", 9, { status: 200, headers: { "retry-after": "1" } })],
    ["stream", encodeStreamV2(9, new Uint8Array([1, 2, 3]))],
    ["finish", encodeJson("finish", 9, tally())],
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
    ["a STATUS in no known state", encodeJson("status", 0, { state: "dancing" } as never)],
    ["a HEAD of status 7", encodeJson("head", 1, { status: 7, headers: {} })],
    [
      "a HEAD whose headers are no text",
      encodeJson("head", 1, { status: 200, headers: { a: 1 } } as never),
    ],
    ["a FINISH with −1 tokens", encodeJson("finish", 1, { ...tally(), completion_tokens: -1 })],
    ["a frame of more than 1 MiB", encodeStreamV2(1, new Uint8Array(MAX_FRAME_BYTES))],
  ];
  for (const [what, bytes] of wrong) {
    test(`${what} is malformed`, () => {
      expect(decodeV2(bytes).kind).toBe("malformed");
    });
  }

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

/** With raw bytes as text, as the golden file writes them. */
function readable(decoded: ReturnType<typeof decodeV2>): unknown {
  if (decoded.kind !== "frame") return decoded;
  const { frame } = decoded;
  return "bytes" in frame && typeof frame.bytes !== "number"
    ? { ...frame, bytes: text.decode(frame.bytes) }
    : frame;
}
