import { expect, test } from "bun:test";
import { isNative } from "./native_schema.ts";

const closed = (properties: object, required = Object.keys(properties)) => ({
  type: "object",
  properties,
  required,
});

test("a plain schema is native, and so is one with references without a loop", () => {
  expect(isNative(closed({ a: { type: "string" } }))).toBe(true);
  const point = closed({ x: { type: "number" } });
  const line = { ...closed({ from: { $ref: "#/$defs/p" }, to: { $ref: "#/$defs/p" } }) };
  expect(isNative({ ...line, $defs: { p: point } })).toBe(true);
});

test("a recursive schema is not native, however long the loop", () => {
  expect(isNative(closed({ child: { $ref: "#" } }))).toBe(false);
  expect(isNative(closed({ a: closed({ b: { $ref: "#/properties/a" } }) }))).toBe(false);
  const $defs = {
    p: closed({ q: { $ref: "#/$defs/q" } }),
    q: closed({ p: { $ref: "#/$defs/p" } }),
  };
  expect(isNative({ ...closed({ p: { $ref: "#/$defs/p" } }), $defs })).toBe(false);
});

test("more than 24 optional properties in all are too many", () => {
  const properties = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, { type: "string" }]));
  expect(isNative(closed(properties(24), []))).toBe(true);
  expect(isNative(closed(properties(25), []))).toBe(false);
  expect(isNative(closed({ a: closed(properties(24), []), b: {} }, ["a"]))).toBe(false);
});

test("an object with arbitrary keys is not native", () => {
  expect(isNative({ type: "object", additionalProperties: { type: "string" } })).toBe(false);
  expect(isNative(closed({ map: { type: "object" } }))).toBe(false);
  expect(isNative({ type: "object", additionalProperties: false })).toBe(true);
});

test("dangling and odd references are no loop, and the number followed is bounded", () => {
  expect(isNative(closed({ a: { $ref: "https://x.y/z" }, b: { $ref: "#/none/1" } }))).toBe(true);
  const $defs = Object.fromEntries(
    Array.from({ length: 2000 }, (_, i) => [`d${i}`, { $ref: `#/$defs/d${i + 1}` }]),
  );
  expect(isNative({ ...closed({ a: { $ref: "#/$defs/d0" } }), $defs })).toBe(false);
});
