import { expect, test } from "bun:test";
import { EarnedSlots } from "./earned_slots.ts";

test("what nodes have earned is remembered for 50,000 of them, those longest that were active last", () => {
  const earned = new EarnedSlots();
  for (let i = 0; i < 2; i++) earned.answered("honest", 100);
  for (let i = 0; i < 60_000; i++) {
    earned.failed(`stranger-${i}`);
    if (i % 1_000 === 0) earned.answered("honest", 100);
  }
  expect(earned.of("honest")).toBeGreaterThanOrEqual(4);
  expect(earned.of("stranger-0")).toBe(2);
  expect(earned.of("stranger-59999")).toBe(1);
});

test("answers after a fault count anew", () => {
  const earned = new EarnedSlots();
  for (let i = 0; i < 5; i++) earned.answered("n", 100);
  earned.failed("n");
  expect(earned.of("n")).toBe(2);
  earned.answered("n", 100);
  expect(earned.of("n")).toBe(2);
  earned.answered("n", 100);
  expect(earned.of("n")).toBe(4);
});
