import { expect, test } from "bun:test";
import type { Histogram } from "./histogram.ts";
import { LoopMeter } from "./loop_meter.ts";

/** A meter whose timer the test turns. */
function start() {
  const world = { nowMs: 1000, cpu: 500 };
  const timers = new Map<() => void, number>();
  const meter = new LoopMeter({
    monotonic: () => world.nowMs,
    cpuMs: () => world.cpu,
    after(ms, task) {
      timers.set(task, world.nowMs + ms);
      return () => void timers.delete(task);
    },
  });
  /** The loop is busy with other work, or sleeps, for so long; then due timers fire. */
  const turn = (afterMs: number, cpuMs = 0) => {
    world.nowMs += afterMs;
    world.cpu += cpuMs;
    for (const [task, atMs] of [...timers]) {
      if (atMs <= world.nowMs && timers.delete(task)) task();
    }
  };
  const turns = (count: number, afterMs: number, cpuMs = 0) => {
    for (let i = 0; i < count; i++) turn(afterMs, cpuMs);
  };
  /** The distance of the next turn; undefined: there is none. */
  const nextMs = () => timers.values().map((atMs) => atMs - world.nowMs).next().value;
  return { meter, turn, turns, nextMs };
}

/** A meter that has found its loop idle. */
function startIdle() {
  const idle = start();
  idle.meter.keepRunning();
  idle.turns(50, 20);
  return idle;
}

/** How many values of the histogram lie above so many seconds, which must be one of its limits. */
function above(histogram: Histogram, seconds: number): number {
  const samples = histogram.samples("x");
  const within = samples.find(({ labels }) => labels?.le === String(seconds))!.value;
  return samples.find(({ metricName }) => metricName === "x_count")!.value - within;
}

test("a late timer counts as a delay, and as a block only by the CPU time that its own thread took", () => {
  const { meter, turn } = start();
  meter.keepRunning();
  turn(20, 20);
  turn(320, 2);
  expect([above(meter.delaySeconds, 0.25), above(meter.blockSeconds, 0.002)]).toEqual([1, 0]);
  turn(320, 320);
  expect([above(meter.delaySeconds, 0.25), above(meter.blockSeconds, 0.25)]).toEqual([2, 1]);
});

test("nothing is measured before the first reading, nor long after the last, and what lies between is no delay", () => {
  const { meter, turn, turns, nextMs } = start();
  meter.callEnded();
  expect(nextMs()).toBeUndefined();
  meter.keepRunning();
  meter.keepRunning();
  expect(nextMs()).toBe(20);
  turns(15_000, 20, 5);
  expect(nextMs()).toBeUndefined();
  turn(3_600_000, 1000);
  meter.keepRunning();
  turn(20);
  expect([above(meter.delaySeconds, 0.002), above(meter.blockSeconds, 0.002)]).toEqual([0, 0]);
});

test("a loop with nothing to do is looked at four times a second, also when its metrics are read", () => {
  const { meter, turns, nextMs } = startIdle();
  expect(nextMs()).toBe(250);
  meter.keepRunning();
  turns(100, 250, 30);
  expect(nextMs()).toBe(250);
  expect([above(meter.delaySeconds, 0.002), above(meter.blockSeconds, 0.01)]).toEqual([0, 0]);
});

test("a call, or a long turn with much work, makes an idle loop measured every 20 ms again", () => {
  const byCall = startIdle();
  byCall.turn(200);
  byCall.meter.callEnded();
  expect(byCall.nextMs()).toBe(20);
  byCall.turn(20);
  expect(above(byCall.meter.delaySeconds, 0.002)).toBe(0);

  const byWork = startIdle();
  byWork.turn(250, 60);
  expect(byWork.nextMs()).toBe(20);
  byWork.turns(49, 20, 1);
  expect(byWork.nextMs()).toBe(20);
  byWork.turn(20, 1);
  expect(byWork.nextMs()).toBe(250);
});

test("no block of an otherwise idle loop is missed, and what was no block never counts as a long one", () => {
  const { meter, turn } = startIdle();
  turn(340, 320);
  expect([above(meter.delaySeconds, 0.05), above(meter.blockSeconds, 0.25)]).toEqual([1, 1]);

  const { meter: spread, turn: spreadOut } = startIdle();
  spreadOut(250, 249);
  expect([above(spread.blockSeconds, 0.1), above(spread.blockSeconds, 0.25)]).toEqual([1, 0]);

  const { meter: called, turn: work } = startIdle();
  work(240, 320);
  called.callEnded();
  work(20, 20);
  expect(above(called.blockSeconds, 0.25)).toBe(1);
  expect(above(called.blockSeconds, 0.002)).toBe(1);
});
