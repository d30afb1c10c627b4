import { expect, test } from "bun:test";
import fc from "../tests/harness/fast_check.ts";
import { fitsPattern } from "./name_pattern.ts";

const cases: [name: string, pattern: string, fits: boolean][] = [
  ["llama3.2", "llama3.2", true],
  ["llama3.2", "llama3", false],
  ["llama3.2:1b", "llama3*", true],
  ["Meta-Llama-3", "*llama*", true],
  ["llama", "llama*", true],
  ["qwen-vision", "*-vision", true],
  ["qwen-vision-2", "*-vision", false],
  ["a.b", "a?b", false],
  ["a+b", "a+b", true],
  ["ab", "a*a", false],
  ["aba", "a*a", true],
  ["a", "a*a", false],
  ["abcabc", "*c*c", true],
  ["aba", "*ba*ab*", false],
  ["abab", "*ab*ab*", true],
  ["anything", "*", true],
  ["x", "", false],
];

for (const [name, pattern, fits] of cases) {
  test(`"${pattern}" ${fits ? "fits" : "does not fit"} ${name}`, () => {
    expect(fitsPattern(name, pattern)).toBe(fits);
  });
}

test("it agrees with a regular expression that says the same", () => {
  const few = fc.stringMatching(/^[ab]{0,8}$/);
  fc.assert(fc.property(few, fc.stringMatching(/^[ab*]{0,6}$/), (name, pattern) => {
    const same = new RegExp(`^${pattern.replaceAll("*", ".*")}$`);
    expect(fitsPattern(name, pattern)).toBe(same.test(name));
  }));
});
