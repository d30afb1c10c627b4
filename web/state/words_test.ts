import { expect, test } from "bun:test";
import { has } from "./words.ts";

test("a code has a text only where the table itself has one", () => {
  expect(has({ too_many: "…" }, "too_many")).toBe(true);
  expect(has({ too_many: "…" }, "brand_new")).toBe(false);
  expect(has({ too_many: "…" }, "constructor")).toBe(false);
});
