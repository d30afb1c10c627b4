/** Rate limits in memory. */

import { expect, test } from "bun:test";
import { systemClock } from "../base/clock.ts";
import { MemoryLimits } from "./memory.ts";

const limits = new MemoryLimits(systemClock);

test("of more calls than a key's limit, exactly the limit is allowed in a minute", async () => {
  const verdicts = await Promise.all(Array.from({ length: 50 }, () => limits.take("busy", 20)));
  expect(verdicts.filter((verdict) => verdict.allowed)).toHaveLength(20);
  expect(verdicts[0]).toEqual({
    allowed: true,
    limit: 20,
    remaining: 19,
    resetMs: 60_000,
    retryAfterMs: 0,
  });
  const refused = verdicts[49];
  expect(refused).toMatchObject({ allowed: false, limit: 20, remaining: 0 });
  expect(refused?.retryAfterMs).toBeWithin(1, 60_001);
  expect(refused?.resetMs).toBe(refused?.retryAfterMs ?? -1);
});

test("keys do not use up each other's calls", async () => {
  expect(await limits.take("one", 1)).toMatchObject({ allowed: true });
  expect(await limits.take("other", 1)).toMatchObject({ allowed: true });
  expect(await limits.take("one", 1)).toMatchObject({ allowed: false });
});

test("a key with no calls a minute is never allowed any, and no nearer to one later", () => {
  let nowMs = 0;
  const limits = new MemoryLimits({ monotonic: () => nowMs });
  for (; nowMs < 3000; nowMs += 1000) {
    expect(limits.take("none", 0)).toEqual({
      allowed: false,
      limit: 0,
      remaining: 0,
      resetMs: 60_000,
      retryAfterMs: 60_000,
    });
  }
});

test("failures are counted by subject, until a success clears them", async () => {
  const counter = limits.failures("login", 900_000);
  expect((await counter.add("eve")).failures).toBe(1);
  const twice = await counter.add("eve");
  expect(twice.failures).toBe(2);
  expect(twice.resetMs).toBeWithin(1, 900_001);
  expect((await counter.add("bob")).failures).toBe(1);
  await counter.clear("eve");
  expect((await counter.add("eve")).failures).toBe(1);
  expect((await counter.add("bob")).failures).toBe(2);
});

test("failures are forgotten at the end of the window that the first one began", async () => {
  let nowMs = 0;
  const counter = new MemoryLimits({ monotonic: () => nowMs }).failures("login", 900_000);
  await counter.add("eve");
  nowMs = 899_999;
  expect(await counter.add("eve")).toEqual({ failures: 2, resetMs: 1 });
  nowMs = 900_000;
  expect(await counter.add("eve")).toEqual({ failures: 1, resetMs: 900_000 });
});

test("without Redis nothing is degraded", () => expect(limits.trouble).toBeNull());

test("a minute after its first call a key has its whole limit again", () => {
  let nowMs = 0;
  const limits = new MemoryLimits({ monotonic: () => nowMs });
  limits.take("key", 2);
  nowMs = 59_999;
  expect(limits.take("key", 2)).toMatchObject({ allowed: true, remaining: 0, resetMs: 1 });
  expect(limits.take("key", 2)).toMatchObject({ allowed: false, retryAfterMs: 1 });
  nowMs = 60_000;
  expect(limits.take("key", 2)).toMatchObject({ allowed: true, remaining: 1, resetMs: 60_000 });
});

test("a minute is never reported as more than one, whatever fraction the clock shows", () => {
  const limits = new MemoryLimits({ monotonic: () => 22096.346913257607 });
  expect(limits.take("key", 2).resetMs).toBe(60_000);
});

test("a limit that was lowered counts what was used before", () => {
  const limits = new MemoryLimits({ monotonic: () => 0 });
  for (let call = 0; call < 3; call++) limits.take("key", 5);
  expect(limits.take("key", 2)).toMatchObject({ allowed: false, remaining: 0 });
});

test("a call that is given back can be made again, and none is given that was not taken", () => {
  limits.giveBack("forgiven");
  expect(limits.take("forgiven", 1)).toMatchObject({ allowed: true });
  limits.giveBack("forgiven");
  limits.giveBack("forgiven");
  expect(limits.take("forgiven", 1)).toMatchObject({ allowed: true, remaining: 0 });
  expect(limits.take("forgiven", 1)).toMatchObject({ allowed: false });
});
