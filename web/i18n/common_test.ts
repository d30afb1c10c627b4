/** Texts that are made of others read as one sentence. */

import { expect, test } from "bun:test";
import type { Messages } from "./en.ts";
import { en } from "./en.ts";
import { admin } from "./en/admin.ts";
import { node } from "./en/node.ts";
import { overview } from "./en/overview.ts";
import { zh } from "./zh.ts";

/** What asks the reader to try again, however it is said. */
const languages: readonly [name: string, words: Messages, again: RegExp][] = [
  ["English", en, /try again in/gi],
  ["Chinese", zh, /重试/g],
];

test.each(languages)("a known wait replaces the vague one of any failure, in %s", (_, t, again) => {
  for (const failure of [t.errors.store_unavailable, t.errors.nodes_penalized]) {
    const text = t.retryAfter(failure, 42);
    expect(text.match(again)).toHaveLength(1);
    expect(text).toContain("42");
  }
});

/** English nouns of which there may be one. */
const nouns = [
  ...["account", "attempt", "byte", "call", "day", "event", "gateway", "group", "hour", "key"],
  ...["minute", "model", "node", "second", "session", "slot", "step", "token", "user"],
];

type Made = (...values: unknown[]) => string;

/** Paths of the texts that say several of one, whichever way the ones are given. */
function pluralsOfOne(part: unknown, path: string, plural: RegExp): string[] {
  if (typeof part === "string") return plural.test(part) ? [path] : [];
  if (typeof part === "function") {
    const texts = ofOnes(part as Made);
    return texts.length > 0 && texts.every((text) => plural.test(text)) ? [path] : [];
  }
  return Object.entries(part as object)
    .flatMap(([name, one]) => pluralsOfOne(one, `${path}.${name}`, plural));
}

/** With a one for each value, as a number, as a text, or as facts that are all ones: those that can be made. */
function ofOnes(make: Made): string[] {
  const facts = new Proxy({}, { get: () => 1 });
  let choices: unknown[][] = [[]];
  for (let i = 0; i < make.length; i++) {
    choices = choices.flatMap((values) => [1, "1", facts].map((value) => [...values, value]));
  }
  return choices.flatMap((values) => {
    try {
      return [make(...values)];
    } catch {
      return [];
    }
  }).filter((text) => !/NaN|undefined/.test(text));
}

test("of one thing English says one thing, wherever it counts", () => {
  const plural = new RegExp(`\\b1 (?:${nouns.join("|")})s\\b(?!/)`);
  expect(pluralsOfOne({ ...en, admin, node, overview }, "en", plural)).toEqual([]);
  expect(pluralsOfOne({ of: (n: number) => `${n} models` }, "en", plural)).toEqual(["en.of"]);
});
