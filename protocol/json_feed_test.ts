import { describe, expect, test } from "bun:test";
import fc from "../tests/harness/fast_check.ts";
import { JsonFeed } from "./json_feed.ts";
import { JsonFault } from "./json_scan.ts";

const encoder = new TextEncoder();

/** What the feed says of a text that arrives in pieces of so many bytes. */
function verdict(text: string, pieceBytes: number): "complete" | "incomplete" | "refused" {
  const bytes = encoder.encode(text);
  const feed = new JsonFeed();
  try {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      feed.feed(bytes.subarray(at, at + pieceBytes));
    }
  } catch (fault) {
    if (fault instanceof JsonFault) return "refused";
    throw fault;
  }
  return feed.closingAt === null ? "incomplete" : "complete";
}

function isObjectText(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

const texts = [
  `{}`,
  ` \n{ "a" : [ ] , "b" : {} }\t\r\n`,
  `{"n":[0,-0,1.5,-10.25e+3,1E9,2e-7,123456789012345678901234567890]}`,
  `{"s":"\\u00e9\\n\\"\\\\ é 世界 🙂","t":true,"f":false,"z":null}`,
  `{"data":[{"embedding":"QUJD","index":0}],"model":"m"}`,
];

const broken = [
  `[]`,
  `1`,
  `"x"`,
  `{"a":01}`,
  `{"a":1.}`,
  `{"a":.5}`,
  `{"a":-}`,
  `{"a":1e}`,
  `{"a":+1}`,
  `{"a":tru}`,
  `{"a":nulll}`,
  `{"a":"\\x"}`,
  `{"a":"\\u12g4"}`,
  `{"a":"\n"}`,
  `{"a" 1}`,
  `{"a":1,}`,
  `{,}`,
  `{"a":[1,]}`,
  `{"a":[1 2]}`,
  `{a:1}`,
  `{"a":1]`,
  `{}{}`,
  `{} x`,
];

describe("a JSON object that arrives in pieces", () => {
  for (const text of texts) {
    test(`is complete behind its last brace, and not before: ${text.trim()}`, () => {
      for (let size = 1; size <= text.length; size++) expect(verdict(text, size)).toBe("complete");
      for (let end = 0; end < text.trimEnd().length; end++) {
        expect(verdict(text.slice(0, end), 3)).toBe("incomplete");
      }
    });
  }

  test("is refused where JSON.parse refuses it, however it is cut", () => {
    for (const text of broken) {
      for (let size = 1; size <= text.length; size++) {
        expect([text, size, verdict(text, size)]).toEqual([text, size, "refused"]);
      }
    }
  });

  test("is judged as JSON.parse judges any object with one byte changed", () => {
    const property = fc.property(
      fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 })),
      fc.nat(),
      fc.integer({ min: 0x20, max: 0x7e }),
      fc.integer({ min: 1, max: 40 }),
      (value, position, byte, size) => {
        const text = JSON.stringify(value);
        expect(verdict(text, size)).toBe("complete");
        const at = position % text.length;
        const changed = text.slice(0, at) + String.fromCharCode(byte) + text.slice(at + 1);
        expect(verdict(changed, size) === "complete").toBe(isObjectText(changed));
      },
    );
    fc.assert(property, { numRuns: 300 });
  });

  test("may nest as deep as the limit, and no deeper", () => {
    const nested = (depth: number) => `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
    const feed = (text: string) => new JsonFeed({ maxDepth: 8 }).feed(encoder.encode(text));
    feed(nested(8));
    expect(() => feed(nested(9))).toThrow("too deep");
  });

  test("reports the members that are watched, of the outermost object only", () => {
    const text =
      `{"x":{"model":"inner"},"model" : "m-1","n":1, "us\\u0061ge":{"a":[1,{"model":2}]},` +
      `"count":12 ,"last":true}`;
    const bytes = encoder.encode(text);
    for (let size = 1; size <= bytes.length; size++) {
      const found: [string, string][] = [];
      const feed = new JsonFeed({
        watched: new Set(["model", "usage", "count", "last"]),
        onMember: (name, start, end) => void found.push([name, text.slice(start, end)]),
      });
      for (let at = 0; at < bytes.length; at += size) feed.feed(bytes.subarray(at, at + size));
      expect(found).toEqual([
        ["model", `"m-1"`],
        ["usage", `{"a":[1,{"model":2}]}`],
        ["count", "12"],
        ["last", "true"],
      ]);
    }
  });

  test("says where a watched value begins that is not complete", () => {
    const feed = new JsonFeed({ watched: new Set(["model"]) });
    feed.feed(encoder.encode(`{"model": "m`));
    expect(feed.openValueAt).toBe(10);
    feed.feed(encoder.encode(`-1"`));
    expect(feed.openValueAt).toBeNull();
  });
});
