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

test("answers after a fault count again", () => {
  const earned = new EarnedSlots();
  for (let i = 0; i < 5; i++) earned.answered("n", 100);
  earned.failed("n");
  expect(earned.of("n")).toBe(2);
  earned.answered("n", 100);
  expect(earned.of("n")).toBe(2);
  earned.answered("n", 100);
  expect(earned.of("n")).toBe(4);
});

test("what was stored of a node halves with each week that it was away, down to what a new node has", () => {
  const earned = new EarnedSlots();
  const dayMs = 24 * 60 * 60_000;
  const left = (slots: number, days: number) => {
    earned.restore("n", { slots, awayMs: days * dayMs });
    return earned.of("n");
  };
  expect([left(32, 0), left(32, 6.9), left(32, 7), left(32, 21)]).toEqual([32, 32, 16, 4]);
  expect([left(32, 365), left(1, 365), left(32, -1)]).toEqual([2, 1, 32]);
});
