/** Texts that are made of others read as one sentence. */

import { expect, test } from "bun:test";
import type { Messages } from "./en.ts";
import { en } from "./en.ts";
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
