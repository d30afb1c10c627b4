/** What is suggested for a name that no node serves. */

import { expect, test } from "bun:test";
import fc from "../../tests/harness/fast_check.ts";
import { didYouMean } from "./did_you_mean.ts";

test("names that are a few edits away are found, the nearest first, at most three", () => {
  const known = ["gpt-4-turbo", "gpt-4o", "gpt-4o-mini", "llama-3", "gemma-3", "qwen"];
  expect(didYouMean("gpt-4p", known)).toEqual(["gpt-4o"]);
  expect(didYouMean("lama-3", known)).toEqual(["llama-3"]);
  expect(didYouMean("GPT-4", known)).toHaveLength(3);
  expect(didYouMean("mistral", known)).toEqual([]);
});

test("a name that contains what was typed, or is part of it, is near whatever its length", () => {
  expect(didYouMean("gemma", ["google/gemma-3-270m-it-q4_k_m"])).toHaveLength(1);
  expect(didYouMean("gpt", ["a-long-name-with-gpt"])).toHaveLength(1);
  expect(didYouMean("gp", ["a-long-name-with-gpt"])).toEqual([]);
  expect(didYouMean("google/gemma-3-270m-it-q4_k_m:latest", ["gemma-3-270m"])).toHaveLength(1);
});

test("up to five edits anywhere in a name are forgiven, and six are not", () => {
  const name = "a-rather-long-name-of-a-model";
  expect(didYouMean(name.replace("rather", "rathr"), [name])).toEqual([name]);
  expect(didYouMean(`xx${name.slice(2)}`, [name])).toEqual([name]);
  expect(didYouMean(`${name.slice(0, -5)}vwxyz`, [name])).toEqual([name]);
  expect(didYouMean(`${name.slice(0, -6)}uvwxyz`, [name])).toEqual([]);
});

test("the suggestions are those that a plain Levenshtein distance gives", () => {
  const words = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 14 });
  fc.assert(fc.property(words, words, (typed, name) => {
    fc.pre(!(typed.length >= 3 && (name.includes(typed) || typed.includes(name))));
    const mistakes = Math.min(Math.max(2, Math.floor(typed.length / 3)), 5);
    expect(didYouMean(typed, [name])).toEqual(distance(typed, name) <= mistakes ? [name] : []);
  }));
});

/** The Levenshtein distance by its definition. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of [...a].entries()) {
    const above = row;
    row = [i + 1];
    for (const [j, other] of [...b].entries()) {
      row.push(Math.min(above[j]! + Number(letter !== other), above[j + 1]! + 1, row[j]! + 1));
    }
  }
  return row.at(-1)!;
}

test("of many names that differ by little, the distance of a few hundred is computed", () => {
  const name = (i: number) => `${"m".repeat(150)}-${String(i).padStart(5, "0")}`;
  let read = 0;
  const known = function* () {
    for (let i = 0; i < 20_000; i++) {
      read++;
      yield name(i);
    }
  };
  const before = process.cpuUsage();
  expect(didYouMean(name(99_999), known()).length).toBeLessThanOrEqual(3);
  expect(read).toBe(10_001);
  const { user } = process.cpuUsage(before);
  expect(user).toBeLessThan(100_000);
  expect(didYouMean("00042", known())).toContain(name(42));
});
