import { describe, expect, test } from "bun:test";
import fc from "../tests/harness/fast_check.ts";
import { isEmptyArray, JsonFault, ObjectScan, scanObject } from "./json_scan.ts";

const DEPTH = 64;
const LIMITS = { maxDepth: DEPTH, maxMembers: 1000 };
const encoder = new TextEncoder();
const spacing = fc.constantFrom("", " ", "\n", "\t");

/** What the scan finds, each member's value parsed; or why it finds nothing. */
function scanned(text: string): unknown {
  const bytes = encoder.encode(text);
  try {
    const members = [...scanObject(bytes, LIMITS)].map((
      [name, { start, end }],
    ) => [
      name,
      JSON.parse(new TextDecoder().decode(bytes.subarray(start, end))),
    ]);
    return { members: new Map(members as [string, unknown][]) };
  } catch (error) {
    if (error instanceof JsonFault) return error.problem;
    throw error;
  }
}

/** The same by JSON.parse. */
function parsed(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "invalid";
  }
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? { members: new Map(Object.entries(value as object)) } : "not an object";
}

describe("a scan agrees with JSON.parse", () => {
  test("on objects, however they are spaced", () => {
    const objects = fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ maxDepth: 5 }));
    fc.assert(fc.property(objects, spacing, (value, space) => {
      const text = JSON.stringify(value, null, space);
      expect(scanned(text)).toEqual(parsed(text));
    }));
  });

  test("on objects with a piece cut out, doubled or replaced", () => {
    const pieces = fc.constantFrom(
      ...`{}[]",:\\/ \t\n\u0000\u001f-+.0123456789eEtruefalsn`,
      ...["true", "null", "\\u00e9", "\\ud800", "\\x", "\ufeff", "\u00a0", "é", "1e5", "-", "01"],
    );
    const edits = fc.tuple(fc.nat(), fc.nat({ max: 3 }), pieces);
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), edits, spacing, (value, edit, space) => {
        const whole = JSON.stringify({ model: "m", value }, null, space);
        const [at, cut, piece] = edit;
        const from = at % (whole.length + 1);
        const text = whole.slice(0, from) + piece + whole.slice(from + cut);
        // A half of a surrogate pair is no UTF-8, and not the scan's to judge.
        fc.pre(text.isWellFormed());
        expect(scanned(text)).toEqual(parsed(text));
      }),
      { numRuns: 2_000 },
    );
  });

  test("on text made of JSON's own pieces", () => {
    const tokens = fc.constantFrom(
      ...["{", "}", "[", "]", ",", ":", " ", '""', '"a"', "0", "-1.5e+3", "true", "null", "\\"],
    );
    fc.assert(
      fc.property(fc.array(tokens, { maxLength: 12 }), (parts) => {
        const text = parts.join("");
        expect(scanned(text)).toEqual(parsed(text));
      }),
      { numRuns: 5_000 },
    );
  });

  const cases: [what: string, text: string][] = [
    ["nothing", ""],
    ["only space", " \n"],
    ["a name given twice", `{"model":"a","model":"b"}`],
    ["an escaped name", `{"mod\\u0065l":"a"}`],
    ["a name given twice, once escaped", `{"model":"a","\\u006dodel":"b"}`],
    ["a name within another object", `{"a":{"model":"no"},"model":"yes","b":[{"model":"no"}]}`],
    ["a name within text", `{"a":"\\"model\\":\\"no\\"","model":"yes"}`],
    ["__proto__", `{"__proto__":{"model":"a"}}`],
    ["a byte order mark", `\ufeff{"model":"a"}`],
    ["half of a surrogate pair, escaped", `{"a":"\\ud800"}`],
    ["an escape of three digits", `{"a":"\\u12"}`],
    ["an unknown escape", `{"a":"\\x"}`],
    ["a line break in text", `{"a":"\n"}`],
    ["text without an end", `{"a":"b`],
    ["text whose end is escaped", `{"a":"b\\"}`],
    ["a backslash at the end", `{"a":"\\`],
    ["a trailing comma", `{"a":1,}`],
    ["a list's trailing comma", `{"a":[1,]}`],
    ["a missing colon", `{"a" 1}`],
    ["brackets that do not match", `{"a":[}]}`],
    ["a leading zero", `{"a":01}`],
    ["a number without a fraction's digits", `{"a":1.}`],
    ["a number without an exponent's digits", `{"a":1e+}`],
    ["a plus sign", `{"a":+1}`],
    ["a number of many digits", `{"a":-0.1234567890123456789E-300}`],
    ["a word cut short", `{"a":tru}`],
    ["a word too long", `{"a":nullx}`],
    ["NaN", `{"a":NaN}`],
    ["two objects", `{}{}`],
    ["a comment", `{} // `],
    ["a list", `[1]`],
    ["text", `"{}"`],
  ];
  for (const [what, text] of cases) {
    test(`on ${what}`, () => expect(scanned(text)).toEqual(parsed(text)));
  }
});

test("the kind of each value is reported", () => {
  const bytes = encoder.encode(`{"o":{},"a":[],"s":"","n":-1,"t":true,"f":false,"z":null}`);
  const kinds = [...scanObject(bytes, LIMITS)].map((
    [name, { kind }],
  ) => `${name} ${kind}`);
  expect(kinds).toEqual([
    "o object",
    "a array",
    "s string",
    "n number",
    "t boolean",
    "f boolean",
    "z null",
  ]);
});

test("an array without items is recognised", () => {
  const bytes = encoder.encode(`{"a":[],"b":[ \n],"c":[0],"d":"","e":{}}`);
  const empty = [...scanObject(bytes, LIMITS)].filter(([, span]) => isEmptyArray(bytes, span));
  expect(empty.map(([name]) => name)).toEqual(["a", "b"]);
});

test("nesting counts lists and objects alike, and brackets within text not at all", () => {
  const nested = (depth: number) =>
    `{"a":${`[{"b":`.repeat(depth / 2)}"[[[["${"}]".repeat(depth / 2)}}`;
  expect(scanned(nested(DEPTH - 2))).toEqual(parsed(nested(DEPTH - 2)));
  expect(scanned(nested(DEPTH))).toBe("too deep");
  expect(scanned(`{"a":${"[".repeat(1_000_000)}`)).toBe("too deep");
});

test("a fault says where it is", () => {
  const at = (text: string) => {
    try {
      scanObject(encoder.encode(text), LIMITS);
      return null;
    } catch (error) {
      return (error as JsonFault).at;
    }
  };
  expect(at(`{"a":1,}`)).toBe(7);
  expect(at(`{"a":"é\n"}`)).toBe(8);
  expect(at(`{"a":`)).toBe(5);
});

test("members of the outermost object are counted, repeated ones too, and no others", () => {
  const limits = { maxDepth: DEPTH, maxMembers: 3 };
  const problem = (text: string) => {
    try {
      return scanObject(encoder.encode(text), limits).size;
    } catch (error) {
      return (error as JsonFault).problem;
    }
  };
  expect(problem(`{"a":{"1":1,"2":2,"3":3,"4":4},"b":[1,2,3,4],"c":3}`)).toBe(3);
  expect(problem(`{"a":1,"b":2,"c":3,"d":4}`)).toBe("too many members");
  expect(problem(`{"a":1,"a":2,"a":3,"a":4}`)).toBe("too many members");
});

test("a member with a very long name is checked and not kept", () => {
  const name = "n".repeat(10_000);
  expect([...scanObject(encoder.encode(`{"${name}":1,"a":2}`), LIMITS).keys()]).toEqual(["a"]);
  expect(scanned(`{"${name}":1x}`)).toBe("invalid");
});

test("a scan in steps of any size finds what one at once finds, and steps end when they should", () => {
  const objects = fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ maxDepth: 4 }));
  fc.assert(fc.property(objects, fc.integer({ min: 1, max: 9 }), spacing, (value, bytes, space) => {
    const text = encoder.encode(JSON.stringify(value, null, space) + space);
    const scan = new ObjectScan(text, LIMITS);
    while (!scan.step(bytes));
    expect(scan.members).toEqual(scanObject(text, LIMITS));
  }));
  const scan = new ObjectScan(encoder.encode(`{"a":[${"1,".repeat(1000)}1]}`), LIMITS);
  let steps = 1;
  while (!scan.step(100)) steps++;
  expect(steps).toBeGreaterThan(15);
});
