import { expect, test } from "bun:test";
import { isNative } from "./native_schema.ts";

const closed = (properties: object, required = Object.keys(properties)) => ({
  type: "object",
  properties,
  required,
});

test("a plain schema is native, and so is one that refers to a part of itself without a loop", () => {
  expect(isNative(closed({ a: { type: "string" } }))).toBe(true);
  const point = closed({ x: { type: "number" } });
  const line = { ...closed({ from: { $ref: "#/$defs/p" }, to: { $ref: "#/$defs/p" } }) };
  expect(isNative({ ...line, $defs: { p: point } })).toBe(true);
});

test("a schema that leads back to itself is not, however long the way", () => {
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

test("an object with any keys is not", () => {
  expect(isNative({ type: "object", additionalProperties: { type: "string" } })).toBe(false);
  expect(isNative(closed({ map: { type: "object" } }))).toBe(false);
  expect(isNative({ type: "object", additionalProperties: false })).toBe(true);
});

test("references to nowhere and of odd shapes are no loop, and many are not followed for long", () => {
  expect(isNative(closed({ a: { $ref: "https://x.y/z" }, b: { $ref: "#/none/1" } }))).toBe(true);
  const $defs = Object.fromEntries(
    Array.from({ length: 2000 }, (_, i) => [`d${i}`, { $ref: `#/$defs/d${i + 1}` }]),
  );
  expect(isNative({ ...closed({ a: { $ref: "#/$defs/d0" } }), $defs })).toBe(false);
});
