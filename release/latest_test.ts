/** Which of two versions is the newer one. */

import { expect, test } from "bun:test";
import { isNewer, readLatest } from "./latest.ts";

const early = "2026-01-01T00:00:00Z";
const late = "2026-02-01T00:00:00Z";

function offered(version: string, at: string | null = late) {
  return readLatest(JSON.stringify({ version, committed_at: at, more: "is ignored" }));
}

test("a higher version is newer, by semver's order", () => {
  const order = [
    "0.9.0",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0",
    "1.0.1",
    "1.10.0",
  ];
  for (const [i, version] of order.entries()) {
    for (const [j, other] of order.entries()) {
      expect(isNewer(offered(other, null), { version, committedAt: null })).toBe(j > i);
    }
  }
});

test("the same version of a later commit is newer, and of the same or an earlier one is not", () => {
  const mine = { version: "1.0.0+aaaaaaa", committedAt: early };
  expect(isNewer(offered("1.0.0+bbbbbbb", late), mine)).toBe(true);
  expect(isNewer(offered("1.0.0+aaaaaaa", early), mine)).toBe(false);
  expect(isNewer(offered("1.0.0+bbbbbbb", early), { ...mine, committedAt: late })).toBe(false);
});

test("nothing replaces a program from source, or from a tree with changes of its own", () => {
  for (const version of ["dev", "0.1.0+abc1234-dirty"]) {
    expect(isNewer(offered("9.0.0"), { version, committedAt: early })).toBe(false);
  }
});

test("a file that names no version is refused", () => {
  for (const text of ["", "[]", "null", "{}", `{"version":"new"}`, `{"version":1}`]) {
    expect(() => readLatest(text)).toThrow(/names no version/);
  }
});
