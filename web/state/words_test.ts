import { expect, test } from "bun:test";
import { has, matches } from "./words.ts";

test("a code has a text only where the table itself has one", () => {
  expect(has({ too_many: "…" }, "too_many")).toBe(true);
  expect(has({ too_many: "…" }, "brand_new")).toBe(false);
  expect(has({ too_many: "…" }, "constructor")).toBe(false);
});

test("a text matches when it contains every word, in any order and case", () => {
  expect(matches("PHI gar", "garage\nphi-4")).toBe(true);
  expect(matches("phi attic", "garage\nphi-4")).toBe(false);
});

test("an empty query, or one of spaces, matches everything", () => {
  expect(matches("", "garage")).toBe(true);
  expect(matches("  ", "garage")).toBe(true);
  expect(matches(" gar  ", "garage")).toBe(true);
});
