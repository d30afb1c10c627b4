import { expect, test } from "bun:test";
import { shownOf } from "../../text/mod.ts";
import { phrases } from "../phrases.ts";
import { ConfigError, parseConfig } from "./config.ts";
import { parseYaml } from "./yaml_problems.ts";

const inChinese = shownOf(phrases, { LANG: "zh_CN.UTF-8" });

const slips: Readonly<Record<string, readonly [text: string, place: string, problem: RegExp]>> = {
  "a key under a value": ["name: a\n  policy: b", "1:7", /another key in it/],
  "an item beside the list": ["providers:\n  - a\n - b", "3:1", /same column/],
  "a key beside an item's": ["providers:\n  - type: a\n   models: b", "3:1", /same column/],
  "a tab": ["providers:\n\t- type: a", "2:1", /use spaces/],
  "a key that appears twice": ["a: 1\na: 2", "2:1", /twice/],
  "an open double quote": ['a: "b\nc: d', "2:5", /quote " is opened/],
  "an open single quote": ["a: 'b\nc: d", "2:5", /quote ' is opened/],
  "an unknown alias": ["a: 1\nb: *nix", "2:4", /no anchor &nix comes before \*nix/],
  "an empty alias": ["a: * ", "1:4", /begins with \* must/],
  "an open list": ["a: [b, c\nd: e", "2:1", /] is missing/],
  "an open group": ["a: {b: c\nd: e", "2:1", /} is missing/],
  "a second colon": ["a: b: c", "1:4", /another key in it/],
  "no space after a colon": ["a:b\nc: d", "1:1", /colon, a space/],
  "a line without a value": ["a: b\nc", "2:1", /colon, a space/],
  "a reserved character": ["a: @b", "1:4", /begins with @ must/],
  "a directive's character": ["a: %b", "1:4", /begins with % must/],
  "text after a block's head": ["a: |b\n  c", "1:5", /nothing may follow/],
  "a Windows path": ['a: "C:\\Users"', "1:7", /\\U means nothing/],
  "a second document": ["a: b\n---\nc: d", "2:1", /remove the line ---/],
  "a bracket too many": ["a: ]", "1:4", /] closes nothing/],
  "a comma too few": ["a: [b c: d e: f]", "1:10", /comma is missing/],
  "no space before a comment": ['a: "b"#c', "1:7", /before #/],
  "text after a quote": ['a: "b" c', "1:8", /after the end of a value/],
  "aliases without measure": [bomb(), "1:1", /too many values/],
};

for (const [slip, [text, place, problem]] of Object.entries(slips)) {
  test(`${slip} is named at its place, in English and in Chinese`, () => {
    const problems = problemsIn(text);
    expect(problems[0]).toStartWith(`config.yaml:${place}: `);
    expect(problems[0]).toMatch(problem);
    for (const line of problems) {
      expect(inChinese(line)).toMatch(/^config\.yaml:\d+:\d+: .*\p{sc=Han}/u);
    }
  });
}

test("one slip is one problem, though the parser reports several", () => {
  expect(problemsIn("a: b\n  c: d")).toHaveLength(1);
});

test("what no row knows is quoted in the parser's words", () => {
  const [problem] = parseYaml("a: &b &c d").problems;
  expect(problem?.message).toBe("A node can have at most one anchor");
  expect(inChinese(problem!.message)).toBe(problem!.message);
});

test("values of every wrong kind are refused in Chinese too", () => {
  const problems = problemsIn(`
client_token: 1
server_url: []
server_urls: ["http://"]
max_parallel: 1.5
name: "\\u202E"
policy: { idle: true, hours: x, calls_per_hour: -1, unknown: maybe, yield: 3, slots: 1 }
share_with: 4
report_machine: perhaps
foo: bar
providers:
  - type: openai
    base_url: nope
    headers: [1]
    endpoints: [x]
    models: 4
  - type: ollama
    models: [{ local: "" }, 3]
  - type: claude
    anthropic_version: 1
    models: { auto: { prefix: 3, other: 4, allow: [] } }
`);
  expect(problems.length).toBeGreaterThan(18);
  const english = problems.map(inChinese).filter((line) => !/\p{sc=Han}/u.test(line));
  expect(english).toEqual([]);
  for (const text of ["", "- a", "text", "3"]) {
    expect(inChinese(problemsIn(text)[0]!)).toMatch(/^config\.yaml:1:1: 配置应由键组成，而不是/);
  }
});

function problemsIn(text: string): readonly string[] {
  try {
    parseConfig(text, {});
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

/** Nine to the power of five values in six lines. */
function bomb(): string {
  const lines = ["a: &a [x, x, x, x, x, x, x, x, x]"];
  for (const [of, name] of ["ab", "bc", "cd", "de", "ef"]) {
    lines.push(`${name}: &${name} [${Array(9).fill(`*${of}`).join(", ")}]`);
  }
  return lines.join("\n");
}
