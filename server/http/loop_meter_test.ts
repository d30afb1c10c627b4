import { expect, test } from "bun:test";
import type { Histogram } from "./histogram.ts";
import { LoopMeter } from "./loop_meter.ts";

/** A meter whose timer the test turns. */
function start() {
  const world = { nowMs: 1000, cpu: 500, timers: new Set<() => void>() };
  const meter = new LoopMeter({
    monotonic: () => world.nowMs,
    cpuMs: () => world.cpu,
    every(_, task) {
      world.timers.add(task);
      return () => void world.timers.delete(task);
    },
  });
  const turn = (afterMs: number, cpuMs = 0) => {
    world.nowMs += afterMs;
    world.cpu += cpuMs;
    for (const task of world.timers) task();
  };
  return { meter, world, turn };
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
  const { meter, world, turn } = start();
  expect(world.timers.size).toBe(0);
  meter.keepRunning();
  meter.keepRunning();
  expect(world.timers.size).toBe(1);
  for (let i = 0; i < 15_000; i++) turn(20);
  expect(world.timers.size).toBe(0);
  turn(3_600_000, 1000);
  meter.keepRunning();
  turn(20);
  expect([above(meter.delaySeconds, 0.002), above(meter.blockSeconds, 0.002)]).toEqual([0, 0]);
});
