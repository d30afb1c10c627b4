import { describe, expect, test } from "bun:test";
import fc from "../tests/harness/fast_check.ts";
import golden from "./golden/v1.json" with { type: "json" };
import {
  decode,
  encodeCall,
  encodeError,
  encodeFinish,
  encodeRegister,
  encodeStream,
  MAX_JSON_DEPTH,
  MAX_MODELS_PER_NODE,
  MAX_PARALLEL_LIMIT,
} from "./mod.ts";

describe("wire v1", () => {
  for (const { name, text, frame, bodyText } of golden) {
    test(`reads the golden frame: ${name}`, () => {
      const decoded = decode(text);
      expect(decoded).toEqual({ kind: "frame", frame, bodyText: bodyText ?? "" } as never);
    });

    test(`takes every truncation of it for malformed: ${name}`, () => {
      const whole = text.trimEnd();
      for (let end = 0; end < whole.length; end++) {
        expect(decode(text.slice(0, end)).kind).toBe("malformed");
      }
    });
  }

  test("what is encoded reads back as it was", () => {
    const register = {
      max_parallel: 2,
      models: ["a"],
      node_id: "n",
      name: "x",
      agent: "co-link/1",
    };
    expect(frameOf(encodeRegister(register))).toEqual({ type: "REGISTER", data: register });
    expect(frameOf(encodeFinish("r"))).toEqual({ type: "FINISH", data: { request_id: "r" } });
    const error = { request_id: "r", code: 429, message: "slow down", retry_after_ms: 5 };
    expect(frameOf(encodeError(error))).toEqual({ type: "ERROR", data: error });
  });

  test("any JSON object survives inside CALL and STREAM, to the letter", () => {
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 })), (value) => {
      const text = JSON.stringify(value, null, 1);
      const call = decode(encodeCall('req-"1"', "m\\", text));
      const stream = decode(encodeStream("req", text));
      expect(call.kind === "frame" && call.bodyText).toBe(text);
      expect(stream.kind === "frame" && stream.bodyText).toBe(text);
    }));
  });

  test("no text makes the decoder throw", () => {
    const pieces = golden.map(({ text }) => text);
    const mutated = fc.tuple(fc.constantFrom(...pieces), fc.nat(), fc.string({ unit: "binary" }))
      .map(([text, at, noise]) => {
        const cut = at % text.length;
        return text.slice(0, cut) + noise + text.slice(cut + noise.length);
      });
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), mutated), (text) => {
      expect(["frame", "unknown", "malformed"]).toContain(decode(text).kind);
    }));
  });

  test("a type of a later version is unknown, not malformed", () => {
    expect(decode(`{"type":"CREDIT","data":{}}`)).toEqual({ kind: "unknown", type: "CREDIT" });
    expect(decode(`{"type":"toString","data":{}}`)).toEqual({ kind: "unknown", type: "toString" });
  });

  test("a frame that nests 10,000 deep is refused before it is parsed", () => {
    const deep = `{"type":"STREAM","data":{"request_id":"r","chunk":${"[".repeat(10_000)}`;
    expect(decode(deep)).toEqual({ kind: "malformed", reason: "nested too deeply" });
  });

  const wrong: [what: string, text: string][] = [
    ["a list", "[]"],
    ["null", "null"],
    ["no data", `{"type":"FINISH"}`],
    ["an empty request id", `{"type":"FINISH","data":{"request_id":""}}`],
    ["max_parallel 0", register({ max_parallel: 0 })],
    ["max_parallel −1", register({ max_parallel: -1 })],
    ["max_parallel 1.5", register({ max_parallel: 1.5 })],
    ["max_parallel 1e9", register({ max_parallel: 1e9 })],
    ["max_parallel as text", register({ max_parallel: "3" })],
    ["models that are no list", register({ models: "a" })],
    [
      "ten thousand models",
      register({ models: Array.from({ length: 10_000 }, (_, i) => `m${i}`) }),
    ],
    ["an empty model name", register({ models: [""] })],
    ["a model name with a line break", register({ models: ["a\nb"] })],
    ["a model name of 201 characters", register({ models: ["x".repeat(201)] })],
    ["a name that is no text", register({ name: 7 })],
    ["a name that turns the direction", register({ name: "pc\u202egnp" })],
    ["a name with a NUL", register({ name: "pc\0" })],
    ["a name of blanks", register({ name: "  " })],
    ["a program with a zero-width space", register({ agent: "a\u200b/1" })],
    ["a model name that turns the direction", register({ models: ["m\u202e"] })],
    ["a chunk that is text", `{"type":"STREAM","data":{"request_id":"r","chunk":"hi"}}`],
    [
      "a payload that is a list",
      `{"type":"CALL","data":{"request_id":"r","model":"m","payload":[]}}`,
    ],
    ["an error without code", `{"type":"ERROR","data":{"message":"x"}}`],
    ["an error without message", `{"type":"ERROR","data":{"code":500}}`],
    [
      "an error for the call 7",
      `{"type":"ERROR","data":{"request_id":7,"code":500,"message":"x"}}`,
    ],
    ["a chunk for no call", `{"type":"STREAM","data":{"chunk":{}}}`],
    ["a call without an id", `{"type":"CALL","data":{"model":"m","payload":{}}}`],
    ["a call of no model", `{"type":"CALL","data":{"request_id":"r","payload":{}}}`],
    ["a request id of 201 characters", encodeFinish("r".repeat(201))],
    ["a name of 201 characters", register({ name: "n".repeat(201) })],
    ["a node id that is no text", register({ node_id: 7 })],
    ["one slot too many", register({ max_parallel: MAX_PARALLEL_LIMIT + 1 })],
    ["one model too many", register({ models: names(MAX_MODELS_PER_NODE + 1) })],
    ["a chunk that nests one level too deep", encodeStream("r", nested(MAX_JSON_DEPTH + 1))],
  ];
  for (const [what, text] of wrong) {
    test(`${what} is malformed`, () => {
      expect(decode(text).kind).toBe("malformed");
    });
  }
});

describe("the largest REGISTER and the deepest chunk", () => {
  const right: [what: string, text: string][] = [
    ["as many slots as there may be", register({ max_parallel: MAX_PARALLEL_LIMIT })],
    ["as many models as there may be", register({ models: names(MAX_MODELS_PER_NODE) })],
    ["names of 200 characters", register({ node_id: "i".repeat(200), agent: "a".repeat(200) })],
    ["a request id of 200 characters", encodeFinish("r".repeat(200))],
    ["a chunk as deep as a body may be", encodeStream("r", nested(MAX_JSON_DEPTH))],
  ];
  for (const [what, text] of right) {
    test(`may have ${what}`, () => expect(decode(text).kind).toBe("frame"));
  }
});

/** An object that nests so deep. */
function nested(depth: number): string {
  return `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
}

function names(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `m${i}`);
}

function frameOf(text: string): unknown {
  const decoded = decode(text);
  return decoded.kind === "frame" ? decoded.frame : decoded;
}

function register(change: Record<string, unknown>): string {
  return JSON.stringify({ type: "REGISTER", data: { max_parallel: 1, models: ["a"], ...change } });
}

test("an ERROR keeps its upstream's error object only where it is one", () => {
  const data = { request_id: "r", code: 500, message: "x" };
  const kept = (error: unknown) =>
    frameOf(JSON.stringify({ type: "ERROR", data: { ...data, error } }));
  const error = { message: "no", code: 1 };
  expect(kept(error)).toEqual({ type: "ERROR", data: { ...data, error } });
  for (const wrong of ["no", null, [], { code: 1 }, { message: "no", type: {} }]) {
    expect(kept(wrong)).toEqual({ type: "ERROR", data });
  }
});
