import { expect, test } from "bun:test";
import { checkedEmail } from "./email.ts";

test("an e-mail address has at most 254 characters, and 64 before its @", () => {
  const long = `a@${"b".repeat(252)}`;
  expect(checkedEmail(long)).toBe(long);
  const rejected = expect.objectContaining({ code: "invalid_request", param: "email" });
  expect(() => checkedEmail(`${long}b`)).toThrow(rejected);
  expect(checkedEmail(`${"a".repeat(64)}@b`)).toBe(`${"a".repeat(64)}@b`);
  expect(() => checkedEmail(`${"a".repeat(65)}@b`)).toThrow(rejected);
});

test("an address that readers could not see whole is rejected", () => {
  expect(() => checkedEmail("a\u200b@example.org")).toThrow();
  expect(() => checkedEmail("a\u202e@example.org")).toThrow();
});
