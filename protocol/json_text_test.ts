import { describe, expect, test } from "bun:test";
import fc from "../tests/harness/fast_check.ts";
import {
  arrayItems,
  memberWithin,
  objectMembers,
  structureProblem,
  withMember,
  withoutMember,
} from "./json_text.ts";

const objects = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }));
const spacing = fc.constantFrom("", " ", "\n", "\t");

describe("JSON text", () => {
  test("every member's span parses to the member's value", () => {
    fc.assert(fc.property(objects, spacing, (value, space) => {
      const text = JSON.stringify(value, null, space);
      const members = objectMembers(text);
      expect(members.map(({ key }) => key)).toEqual(Object.keys(JSON.parse(text)));
      for (const { key, start, end } of members) {
        expect(JSON.parse(text.slice(start, end))).toEqual(JSON.parse(text)[key]);
      }
    }));
  });

  test("every item's span parses to the item, and what is no array has none", () => {
    fc.assert(fc.property(fc.array(fc.jsonValue({ maxDepth: 4 })), spacing, (value, space) => {
      const text = JSON.stringify(value, null, space);
      const items = arrayItems(text, 0).map(({ start, end }) => JSON.parse(text.slice(start, end)));
      expect(items).toEqual(JSON.parse(text));
    }));
    for (const text of ["{}", `"[1]"`, "1", ""]) expect(arrayItems(text, 0)).toEqual([]);
  });

  test("setting a member changes nothing else", () => {
    fc.assert(fc.property(objects, fc.string(), spacing, (value, key, space) => {
      const text = JSON.stringify(value, null, space);
      const changed = JSON.parse(withMember(text, key, `"new"`));
      const expected = JSON.parse(text);
      Object.defineProperty(expected, key, { value: "new", enumerable: true, configurable: true });
      expect(changed).toEqual(expected);
    }));
  });

  test("removing a member changes nothing else", () => {
    fc.assert(fc.property(objects, fc.nat(), spacing, (value, at, space) => {
      const text = JSON.stringify(value, null, space);
      const keys = Object.keys(value);
      const key = keys[at % Math.max(1, keys.length)] ?? "none";
      const expected = JSON.parse(text);
      delete expected[key];
      expect(JSON.parse(withoutMember(text, key))).toEqual(expected);
    }));
  });

  test("a member that occurs tens of thousands of times is removed in one pass", () => {
    for (const others of [`"a":1`, ""]) {
      const repeated = Array.from({ length: 40_000 }, () => `"usage":null`).join(",");
      const text = `{${[others, repeated].filter((part) => part !== "").join(", ")} }`;
      expect(withoutMember(text, "usage")).toBe(`{${others} }`);
    }
    expect(withoutMember(`{"u":1,"a":1 , "\\u0075":2,"u":3, "b":2,"u":4}`, "u"))
      .toBe(`{"a":1 , "b":2}`);
  });

  test("a 64-bit seed, key order and duplicate keys survive a change of model", () => {
    const text = `{"z":1,"model":"a","seed":9007199254740993,"z":2, "model" : "b"}`;
    expect(withMember(text, "model", `"local"`)).toBe(
      `{"z":1,"model":"local","seed":9007199254740993,"z":2, "model" : "local"}`,
    );
  });

  test("a key that is only written otherwise is the same key", () => {
    expect(withMember(`{"mod\\u0065l":"a"}`, "model", `"b"`)).toBe(`{"mod\\u0065l":"b"}`);
  });

  test("depth counts brackets outside strings only", () => {
    const nestsDeeperThan = (text: string, maxDepth: number) =>
      structureProblem(text, { maxDepth }) === "nested too deeply";
    expect(nestsDeeperThan(`{"a":"[[[[{{{{\\"[[["}`, 1)).toBe(false);
    expect(nestsDeeperThan("[[[]]]", 3)).toBe(false);
    expect(nestsDeeperThan("[[[]]]", 2)).toBe(true);
    expect(nestsDeeperThan("[".repeat(10_000), 64)).toBe(true);
  });

  test("steps are what stands outside strings, and the quotes inside them", () => {
    const isTooMuch = (text: string, maxSteps: number) =>
      structureProblem(text, { maxDepth: 9, maxSteps }) === "too many values";
    const steps: [text: string, steps: number][] = [
      [`[0,0,0]`, 7],
      [`["${"a".repeat(1000)}"]`, 3],
      [`["${"\\n\\\\ ".repeat(1000)}"]`, 3],
      [`["${'\\"'.repeat(10)}"]`, 13],
      [`["${"\\\\".repeat(10)}"]`, 23],
      [`["`, 2],
    ];
    for (const [text, count] of steps) {
      expect([text, isTooMuch(text, count)]).toEqual([text, false]);
      expect([text, isTooMuch(text, count - 1)]).toEqual([text, true]);
    }
  });

  test("values are counted however long they are, with the quotes inside strings", () => {
    const isTooMuch = (text: string, maxValues: number) =>
      structureProblem(text, { maxDepth: 9, maxValues }) === "too many values";
    const values: [text: string, values: number][] = [
      [`[0,0,0]`, 3],
      [`[ 0.12345678901234567 , -1e-300 ]`, 2],
      [`{"a":{},"b":[]}`, 6],
      [`["${'\\"'.repeat(10)}"]`, 12],
      [`["a","b",`, 5],
    ];
    for (const [text, count] of values) {
      expect([text, isTooMuch(text, count)]).toEqual([text, false]);
      expect([text, isTooMuch(text, count - 1)]).toEqual([text, true]);
    }
  });

  test("a member within a member is the last of that name in the last of that name", () => {
    const text = `{"d":{"x":1}, "e":{"x":2},"\\u0064" : {"x":{"d":3},"y":4, "x" : [5] } ,"x":6}`;
    const span = memberWithin(text, "d", "x")!;
    expect(text.slice(span.start, span.end)).toBe("[5]");
    expect(memberWithin(text, "d", "z")).toBeUndefined();
    expect(memberWithin(text, "z", "x")).toBeUndefined();
    expect(memberWithin(`{"d":{},"d":{ } }`, "d", "x")).toBeUndefined();
    fc.assert(fc.property(objects, objects, spacing, (other, data, space) => {
      const text = JSON.stringify({ ...other, data }, null, space);
      for (const key of Object.keys(data)) {
        const { start, end } = memberWithin(text, "data", key)!;
        expect(JSON.parse(text.slice(start, end))).toEqual(JSON.parse(text).data[key]);
      }
    }));
  });

  test("text that is not JSON is looked at without harm", () => {
    fc.assert(fc.property(fc.string(), (text) => {
      structureProblem(text, { maxDepth: 64, maxSteps: 10 });
    }));
  });
});
