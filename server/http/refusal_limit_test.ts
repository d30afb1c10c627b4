import { expect, test } from "bun:test";
import { Budgets } from "../base/budgets.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { MemoryLimits } from "../limit/memory.ts";
import { RefusalLimit } from "./refusal_limit.ts";

function refusalLimit() {
  const clock = new FakeClock();
  const budgets = new Budgets();
  const limiter = new MemoryLimits(clock);
  const refusals = new RefusalLimit({ limiter, clock, config: { refusedPerMinute: 2 }, budgets });
  return { clock, budget: budgets.all[0]!, refusals };
}

test("a network that has used up its refusals is refused before any work, for the rest of the minute", async () => {
  const { clock, budget, refusals } = refusalLimit();
  expect(await refusals.count("2001:db8::1")).toBe(true);
  refusals.expectRoom("2001:db8::2");
  expect(await refusals.count("2001:db8::2")).toBe(true);
  expect(budget.refusals).toBe(0);
  expect(() => refusals.expectRoom("2001:db8::3")).toThrow(expect.objectContaining({
    code: "rate_limit_exceeded",
    message: expect.stringContaining("(COLINK_REFUSED_PER_MINUTE)"),
    retryAfterMs: 60_000,
  }));
  expect(await refusals.count("2001:db8::3")).toBe(false);
  expect(budget.refusals).toBe(2);
  refusals.expectRoom("192.0.2.1");
  await clock.pass(59_999);
  expect(() => refusals.expectRoom("2001:db8::3")).toThrow();
  await clock.pass(1);
  refusals.expectRoom("2001:db8::3");
});
