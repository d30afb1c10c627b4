import { describe, expect, test } from "bun:test";
import fc from "../../tests/harness/fast_check.ts";
import { parseKeeping, RawJson, toJsonText } from "./raw_json.ts";

const exact = '{ "10": 2512292042121000001, "9":1.0,"e":1E5, "s":"\\u00e9" }';

describe("a kept part", () => {
  test("is serialised with its own number formats, key order and spaces", () => {
    const text = `{"calls":[{"input":${exact}},{"input":[1.0]},{}],"n":1}`;
    const value = parseKeeping(text, [["calls", "*", "input"]]);
    expect(toJsonText(value)).toBe(text);
  });

  test("is an object or an array: other values are parsed", () => {
    expect(parseKeeping('{"a":"x","b":null}', [["a"], ["b"]])).toEqual({ a: "x", b: null });
  });

  test("is the last of several members of one name, as in JSON.parse", () => {
    const value = parseKeeping('{"a":{"b":1},"a":{"b":2}}', [["a"]]) as { a: RawJson };
    expect(value.a.parse()).toEqual({ b: 2 });
  });

  test("may lie inside another one", () => {
    const paths = [["a"], ["a", "b"]];
    expect(toJsonText(parseKeeping('{"a":{"b":[1.0]}}', paths))).toBe('{"a":{"b":[1.0]}}');
  });
});

test("paths that do not fit the value change nothing", () => {
  const paths = [["a", "*", "b"], ["*"], ["x", "y"], ["s", "*"]];
  for (const text of ["1", "null", '"a"', '{"a":{"b":{}},"s":"t"}', "[]", "[{}]"]) {
    expect(toJsonText(parseKeeping(text, paths))).toBe(text);
  }
});

test("white space around the whole value is accepted", () => {
  expect(toJsonText(parseKeeping(' \n{"a": {"b":1.0} } ', [["a"]]))).toBe('{"a":{"b":1.0}}');
});

test("any value equals its parsed and serialised self, wherever parts are kept", () => {
  const path = fc.array(fc.constantFrom("a", "b", "*"), { maxLength: 3 });
  const value = fc.jsonValue({ maxDepth: 4 });
  fc.assert(fc.property(value, fc.array(path, { maxLength: 3 }), (value, paths) => {
    const text = JSON.stringify(value);
    expect(toJsonText(parseKeeping(text, paths))).toBe(text);
  }));
});

test("a text that looks like the mark of a kept part stays a text", () => {
  const value = { a: new RawJson("1.0"), b: "raw-0" };
  expect(toJsonText(value)).toBe('{"a":1.0,"b":"raw-0"}');
});

test("invalid JSON throws as in JSON.parse", () => {
  expect(() => parseKeeping("{", [["a"]])).toThrow(SyntaxError);
});
