/** Passwords: which are accepted, and how many are checked at a time. */

import { expect, spyOn, test } from "bun:test";
import { Budgets } from "../base/budgets.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { bcrypt } from "./bcrypt.ts";
import { Passwords } from "./passwords.ts";

const AT_ONCE = 2;

const passwords = new Passwords({ cost: 4, atOnce: AT_ONCE });

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

test("verifying without an account verifies a hash of the same cost", async () => {
  const verified = spyOn(bcrypt, "verify");
  // A new one hashes by itself, not in threads.
  const alone = new Passwords({ cost: 4 });
  const stored = await alone.hash("correct horse");
  for (const account of [stored, null, ""]) await alone.verify("wrong horse", account);
  const hashes = verified.mock.calls.map(([, hash]) => hash);
  verified.mockRestore();
  expect(hashes).toHaveLength(3);
  // A whole salt and digest: bcrypt answers at once to a hash that is none.
  for (const hash of hashes) {
    expect(hash).toMatch(/^\$2[by]\$04\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}$/);
  }
});

test("beyond the running and waiting checks, further ones are rejected with a time to retry", async () => {
  const all = await Promise.allSettled(
    Array.from({ length: 100 }, () => passwords.verify("some password", null)),
  );
  const refused = all.filter((one) => one.status === "rejected");
  expect(refused).toHaveLength(100 - AT_ONCE - 64);
  expect(refused[0]?.reason).toMatchObject({
    code: "login_throttled",
    retryAfterMs: expect.any(Number),
  });
  expect(await passwords.verify("some password", null)).toBe(false);
});

test("one network fills its own share of the queue, and others still find room", async () => {
  const slow = new Passwords({ cost: 4, atOnce: AT_ONCE });
  const tries = (network: string, count: number) =>
    Array.from({ length: count }, () => slow.verify("some password", null, { network }));
  const flood = Promise.allSettled(tries("192.0.2.1", 75));
  const others = await Promise.allSettled(
    Array.from({ length: 20 }, (_, i) => tries(`198.51.100.${i}`, 1)).flat(),
  );
  expect(others.map(({ status }) => status)).toEqual(Array(20).fill("fulfilled"));
  const refused = (await flood).filter((one) => one.status === "rejected");
  expect(refused).toHaveLength(75 - AT_ONCE - 8);
  expect(String(refused[0]?.reason)).toContain("8 others of your network wait already");
});

test("sign-ins go before new accounts, and the queue is counted as a budget", async () => {
  const budgets = new Budgets();
  const busy = new Passwords({ cost: 4, atOnce: AT_ONCE, budgets });
  const order: string[] = [];
  const running = Array.from({ length: AT_ONCE }, () => busy.verify("some password", null));
  const accounts = [1, 2].map((i) =>
    busy.hash("some password", { isNewAccount: true }).then(() => order.push(`account ${i}`))
  );
  const signIns = Array.from(
    { length: 12 },
    (_, i) => busy.verify("some password", null).then(() => order.push(`sign-in ${i}`)),
  );
  expect(budgets.all.map(({ name, size }) => [name, size.limit, size.used?.()]))
    .toEqual([["passwords_waiting", 64, 14]]);
  await Promise.all([...running, ...accounts, ...signIns]);
  // When the first account's turn comes, all sign-ins have begun, and all but the last ones have ended.
  expect(order.slice(0, 12 - AT_ONCE).filter((who) => who.startsWith("account"))).toEqual([]);
});

test("the place of a password that waits longest behind others of its network goes to another network", async () => {
  const busy = new Passwords({ cost: 4, atOnce: AT_ONCE });
  const verify = (network: string) => busy.verify("some password", null, { network });
  const flood = Array.from({ length: AT_ONCE + 64 }, (_, i) => verify(`192.0.2.${i % 8}`));
  const attackers = Promise.allSettled(flood);
  const honest = Array.from({ length: 8 }, (_, i) => verify(`198.51.100.${i}`));
  expect((await Promise.allSettled(honest)).map(({ status }) => status))
    .toEqual(Array(8).fill("fulfilled"));
  const refused = (await attackers).filter((one) => one.status === "rejected");
  expect(refused).toHaveLength(8);
  expect(refused[0]?.reason).toMatchObject({ code: "login_throttled" });
});

test("of passwords that come one after the other, ten are hashed with the program's own priority, and one more every ten seconds", async () => {
  const clock = new FakeClock();
  const calm = new Passwords({ cost: 4, clock });
  const ownPriority = spyOn(bcrypt, "verify");
  const tryTimes = async (times: number) => {
    for (let i = 0; i < times; i++) await calm.verify("correct horse", null);
    return ownPriority.mock.calls.length;
  };
  expect(await tryTimes(12)).toBe(10);
  await clock.pass(9_000);
  expect(await tryTimes(2)).toBe(10);
  await clock.pass(1_000);
  expect(await tryTimes(2)).toBe(11);
  await clock.pass(200_000);
  expect(await tryTimes(12)).toBe(21);
  ownPriority.mockRestore();
});
