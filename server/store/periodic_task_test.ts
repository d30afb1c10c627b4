/** Repeated work on the database, by a fake clock. */

import { beforeEach, expect, test } from "bun:test";
import type { Log } from "../base/log.ts";
import { FakeClock, settle } from "../base/testing/fake_clock.ts";
import { storeUnavailable } from "./backend.ts";
import { PeriodicTask } from "./periodic_task.ts";

const EVERY_MS = 1000;

let clock: FakeClock;
let runs: number;
let errors: string[];
let work: () => Promise<void>;

beforeEach(() => {
  clock = new FakeClock();
  [runs, errors] = [0, []];
  work = () => Promise.resolve();
});

function aTask(): PeriodicTask {
  const error = (_: unknown, text?: string) => void errors.push(text ?? "");
  return new PeriodicTask({
    everyMs: EVERY_MS,
    run() {
      runs++;
      return work();
    },
    failure: "the work failed",
    clock,
    log: { error } as unknown as Log,
  });
}

test("the first run comes one period after the start, or at once when asked for", async () => {
  const task = aTask();
  task.start();
  await clock.pass(EVERY_MS - 1);
  expect(runs).toBe(0);
  await clock.pass(1);
  expect(runs).toBe(1);
  await aTask().runNow();
  expect(runs).toBe(2);
});

test("a run that takes longer than the period is not overlapped by the next", async () => {
  const slow = Promise.withResolvers<void>();
  work = () => slow.promise;
  aTask().start();
  await clock.pass(5 * EVERY_MS);
  expect(runs).toBe(1);
  slow.resolve();
  await clock.pass(EVERY_MS);
  expect(runs).toBe(2);
});

test("a failed run is logged, an outage is not, and both are followed by the next run", async () => {
  const failures = [new Error("a fault"), storeUnavailable("it is away")];
  work = () => Promise.reject(failures.shift());
  const task = aTask();
  await task.runNow();
  await clock.pass(EVERY_MS);
  expect(runs).toBe(2);
  expect(errors).toEqual(["the work failed"]);
  expect(clock.pending).toBe(1);
});

test("closing waits for the run under way, after which there is none", async () => {
  const slow = Promise.withResolvers<void>();
  work = () => slow.promise;
  const task = aTask();
  task.start();
  await clock.pass(EVERY_MS);
  let isClosed = false;
  const closed = task.close().then(() => isClosed = true);
  await settle();
  expect(isClosed).toBe(false);
  slow.resolve();
  await closed;
  expect(clock.pending).toBe(0);
  task.start();
  expect(clock.pending).toBe(0);
});
