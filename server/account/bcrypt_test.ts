/** The addon and the runtime's own bcrypt are interchangeable for every password that is accepted. */

import { expect, test } from "bun:test";
import { bcrypt, runtimeBcrypt } from "./bcrypt.ts";

test("here the addon is used", () => {
  expect(bcrypt).not.toBe(runtimeBcrypt);
});

test("each of the two verifies the other's hashes, up to the longest password, and rejects a wrong one", async () => {
  for (const [one, other] of [[bcrypt, runtimeBcrypt], [runtimeBcrypt, bcrypt]] as const) {
    for (const password of ["correct horse", "x".repeat(72), "ü".repeat(36), "密码".repeat(12)]) {
      const hash = await one.hash(password, 4);
      expect(hash).toMatch(/^\$2[by]\$04\$/);
      expect(await other.verify(password, hash)).toBe(true);
      expect(await other.verify(`${password.slice(0, -1)}!`, hash)).toBe(false);
    }
  }
});

test("a hash that stands for no account is rejected by both in the usual way", async () => {
  const none = `$2b$04$KIXQkK2xZfHcJ6N9Ck9J5uQp0m3sTtVvWwXxYyZzAa0bBcCdDeE1e`;
  for (const one of [bcrypt, runtimeBcrypt]) expect(await one.verify("any", none)).toBe(false);
});
