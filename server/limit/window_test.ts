import { expect, test } from "bun:test";
import { type RateLimiterAbstract, RateLimiterRes } from "rate-limiter-flexible";
import { countIn, takeFrom } from "./window.ts";

/** A limiter with this many calls and milliseconds left. */
function limiterWith(remaining: number, leftMs: number): RateLimiterAbstract {
  const answer = Object.assign(new RateLimiterRes(), {
    remainingPoints: remaining,
    msBeforeNext: leftMs,
  });
  const consume = () => remaining < 0 ? Promise.reject(answer) : Promise.resolve(answer);
  return { consume } as unknown as RateLimiterAbstract;
}

test("a minute ends in 0 to 60 seconds, whatever the store reports", async () => {
  for (const [leftMs, resetMs] of [[-1, 0], [0, 0], [30_000, 30_000], [60_001, 60_000]] as const) {
    expect(await takeFrom(limiterWith(3, leftMs), "key", 5))
      .toEqual({ allowed: true, limit: 5, remaining: 3, resetMs, retryAfterMs: 0 });
  }
});

test("a call beyond the limit is told to wait, and never for no time", async () => {
  const refused = { allowed: false, limit: 5, remaining: 0 };
  expect(await takeFrom(limiterWith(-1, 30_000), "key", 5))
    .toEqual({ ...refused, resetMs: 30_000, retryAfterMs: 30_000 });
  expect(await takeFrom(limiterWith(-1, 0), "key", 5))
    .toEqual({ ...refused, resetMs: 0, retryAfterMs: 1 });
});

test("a store's failure is no answer", async () => {
  const failing = { consume: () => Promise.reject(new Error("it is away")) };
  await expect(takeFrom(failing as unknown as RateLimiterAbstract, "key", 5))
    .rejects.toThrow("it is away");
});

test("a counter's window has not ended before it ends", async () => {
  const counting = (msBeforeNext: number) =>
    countIn({
      penalty: () =>
        Promise.resolve(Object.assign(new RateLimiterRes(), { consumedPoints: 2, msBeforeNext })),
    } as unknown as RateLimiterAbstract);
  expect(await counting(5000).add("eve")).toEqual({ failures: 2, resetMs: 5000 });
  expect(await counting(-1).add("eve")).toEqual({ failures: 2, resetMs: 0 });
});
