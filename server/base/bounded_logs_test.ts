/** The budgets of log lines: by link, account and address. */

import { beforeEach, expect, test } from "bun:test";
import { BoundedLogs } from "./bounded_logs.ts";
import { type Budget, Budgets } from "./budgets.ts";
import type { Log } from "./log.ts";
import { FakeClock } from "./testing/fake_clock.ts";

let clock: FakeClock;
let lines: [level: string, message: string][];
let budget: Budget;
let logs: BoundedLogs;

beforeEach(() => {
  clock = new FakeClock();
  lines = [];
  budget = new Budgets().add("log_lines", { limit: 100 });
  const write = (level: string) => (_: unknown, message: string) =>
    void lines.push([level, message]);
  const log = Object.fromEntries(
    ["debug", "info", "warn", "error"].map((level) => [level, write(level)]),
  ) as unknown as Log;
  logs = new BoundedLogs({ log, clock, linesPerMinute: 100, budget });
});

const LEFT_OUT = "too many log lines: more are left out";

/** Writes lines; returns how many of them were written, and how often it was said that some are left out. */
function write(log: Log, count: number): [written: number, notices: number] {
  const before = lines.length;
  for (let i = 0; i < count; i++) log.info({}, "line");
  const added = lines.slice(before);
  const notices = added.filter(([, message]) => message === LEFT_OUT).length;
  return [added.length - notices, notices];
}

test("an address has its lines a minute, whichever request causes them, and others have theirs", async () => {
  let written = 0;
  for (let i = 0; i < 300; i++) written += write(logs.of({ address: "a" }), 1)[0];
  expect(written).toBe(100);
  expect(lines.filter(([, message]) => message === LEFT_OUT)).toEqual([["warn", LEFT_OUT]]);
  expect(budget.refusals).toBe(200);
  expect(write(logs.of({ address: "b" }), 100)).toEqual([100, 0]);
  await clock.pass(59_999);
  expect(write(logs.of({ address: "a" }), 1)).toEqual([0, 0]);
  await clock.pass(1);
  expect(write(logs.of({ address: "a" }), 101)).toEqual([100, 1]);
});

test("a link has a tenth of them, and an account's links together have the account's", () => {
  const link = logs.ofLink({ account: "one", address: "a" });
  expect(write(link, 1000)).toEqual([10, 1]);
  let written = 0;
  for (let i = 0; i < 20; i++) written += write(logs.ofLink({ account: "one" }), 10)[0];
  expect(written).toBe(90);
  expect(write(logs.ofLink({ account: "other" }), 10)).toEqual([10, 0]);
});

test("an account and an address of the same name are counted apart", () => {
  expect(write(logs.of({ account: "x" }), 100)).toEqual([100, 0]);
  expect(write(logs.of({ address: "x" }), 100)).toEqual([100, 0]);
});

test("a line keeps its level", () => {
  const log = logs.of({ address: "a" });
  for (const level of ["debug", "info", "warn", "error"] as const) log[level]({}, level);
  expect(lines).toEqual([["debug", "debug"], ["info", "info"], ["warn", "warn"], [
    "error",
    "error",
  ]]);
});
