/** Passwords: which are accepted, and how many are checked at a time. */

import { expect, test } from "bun:test";
import { Passwords } from "./passwords.ts";

const passwords = new Passwords({ cost: 4 });

test("a password matches its own hash only, and never a missing account", async () => {
  const hash = await passwords.hash("correct horse");
  expect(await passwords.verify("correct horse", hash)).toBe(true);
  expect(await passwords.verify("correct hors", hash)).toBe(false);
  expect(await passwords.verify("correct horse", null)).toBe(false);
});

test("hashes are bcrypt of cost 12", async () => {
  expect(await new Passwords().hash("correct horse")).toMatch(/^\$2[by]\$12\$/);
});

test("a password has 8 to 72 bytes, counted as bytes", async () => {
  await passwords.hash("x".repeat(8));
  await passwords.hash("x".repeat(72));
  await passwords.hash("ü".repeat(36));
  for (const bad of ["x".repeat(7), "x".repeat(73), "ü".repeat(37), "has\0a NUL in it", ""]) {
    await expect(passwords.hash(bad)).rejects.toMatchObject({
      code: "weak_password",
      param: "password",
    });
  }
});

test("72 right bytes followed by more do not match", async () => {
  const hash = await passwords.hash("x".repeat(72));
  expect(await passwords.verify("x".repeat(72), hash)).toBe(true);
  expect(await passwords.verify("x".repeat(73), hash)).toBe(false);
});

test("verifying without an account costs as much as with one", async () => {
  const slow = new Passwords({ cost: 12 });
  const hash = await slow.hash("correct horse");
  const cpu = async (stored: string | null) => {
    const before = process.cpuUsage();
    await slow.verify("wrong horse", stored);
    return process.cpuUsage(before).user;
  };
  // A missing account that cost nothing would show as thousands of times less.
  expect(await cpu(null)).toBeGreaterThan(await cpu(hash) / 4);
});

test("beyond the running and waiting checks, further ones are rejected with a time to retry", async () => {
  const all = await Promise.allSettled(
    Array.from({ length: 100 }, () => passwords.verify("some password", null)),
  );
  const refused = all.filter((one) => one.status === "rejected");
  expect(refused).toHaveLength(100 - 4 - 64);
  expect(refused[0]?.reason).toMatchObject({
    code: "login_throttled",
    retryAfterMs: expect.any(Number),
  });
  expect(await passwords.verify("some password", null)).toBe(false);
});
