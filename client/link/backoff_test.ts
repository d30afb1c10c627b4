import { expect, test } from "bun:test";
import { Backoff } from "./backoff.ts";

const ceilings = (backoff: Backoff, livedMs: number[]) =>
  livedMs.map((lived) => backoff.afterMs(lived));

test("the ceiling doubles from one second to sixty", () => {
  const backoff = new Backoff(() => 1);
  expect(ceilings(backoff, [0, 0, 0, 0, 0, 0, 0, 0])).toEqual([
    1_000,
    2_000,
    4_000,
    8_000,
    16_000,
    32_000,
    60_000,
    60_000,
  ]);
});

test("the wait is anywhere between nothing and the ceiling", () => {
  expect(new Backoff(() => 0).afterMs(0)).toBe(0);
  expect(new Backoff(() => 0.5).afterMs(0)).toBe(500);
});

test("a connection that ended within its first minute does not clear the failures before it", () => {
  expect(ceilings(new Backoff(() => 1), [0, 0, 59_999])).toEqual([1_000, 2_000, 4_000]);
});

test("a connection that was stable for a minute clears the failures before it", () => {
  expect(ceilings(new Backoff(() => 1), [0, 0, 60_000, 0])).toEqual([1_000, 2_000, 1_000, 2_000]);
});

test("the wait within a given time is any part of it, at most a minute, and does not count as a failure", () => {
  const backoff = new Backoff(() => 0.5);
  expect(backoff.withinMs(10_000)).toBe(5_000);
  expect(backoff.withinMs(1e9)).toBe(30_000);
  expect(backoff.afterMs(0)).toBe(500);
});

test("what only the owner can fix is dialled at the slowest pace at once", () => {
  expect(new Backoff(() => 1).afterMs(0, true)).toBe(60_000);
});
