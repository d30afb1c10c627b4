/** What is suggested for a name that nobody serves. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { nearNames } from "./did_you_mean.ts";

test("names that are a slip away are found, the nearest first, three at most", () => {
  const known = ["gpt-4-turbo", "gpt-4o", "gpt-4o-mini", "llama-3", "gemma-3", "qwen"];
  expect(nearNames("gpt-4p", known)).toEqual(["gpt-4o"]);
  expect(nearNames("lama-3", known)).toEqual(["llama-3"]);
  expect(nearNames("GPT-4", known)).toHaveLength(3);
  expect(nearNames("mistral", known)).toEqual([]);
});

test("a name that contains what was typed, or is contained in it, is near however long", () => {
  expect(nearNames("gemma", ["google/gemma-3-270m-it-q4_k_m"])).toHaveLength(1);
  expect(nearNames("google/gemma-3-270m-it-q4_k_m:latest", ["gemma-3-270m"])).toHaveLength(1);
});

test("a few mistakes are forgiven anywhere in a name, and more are not", () => {
  const name = "a-rather-long-name-of-a-model";
  expect(nearNames(name.replace("rather", "rathr"), [name])).toEqual([name]);
  expect(nearNames(`xx${name.slice(2)}`, [name])).toEqual([name]);
  expect(nearNames(`${name.slice(0, -5)}vwxyz`, [name])).toEqual([name]);
  expect(nearNames(`${name.slice(0, -6)}uvwxyz`, [name])).toEqual([]);
});

test("what is found is what counting every mistake finds", () => {
  const words = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 14 });
  fc.assert(fc.property(words, words, (typed, name) => {
    fc.pre(!(typed.length >= 3 && (name.includes(typed) || typed.includes(name))));
    const mistakes = Math.min(Math.max(2, Math.floor(typed.length / 3)), 5);
    expect(nearNames(typed, [name])).toEqual(distance(typed, name) <= mistakes ? [name] : []);
  }));
});

/** Levenshtein's distance as its definition has it. */
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
