import { expect, test } from "bun:test";
import { matches } from "./query.ts";

test("a text matches when it contains every word, in any order and case", () => {
  expect(matches("PHI gar", "garage\nphi-4")).toBe(true);
  expect(matches("phi attic", "garage\nphi-4")).toBe(false);
});

test("an empty query, or one of spaces, matches everything", () => {
  expect(matches("", "garage")).toBe(true);
  expect(matches("  ", "garage")).toBe(true);
  expect(matches(" gar  ", "garage")).toBe(true);
});
