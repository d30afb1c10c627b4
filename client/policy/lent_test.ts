/** What a node counts for its owner, by a fake clock. */

import { expect, test } from "bun:test";
import type { LentReport } from "../../protocol/mod.ts";
import { FakeWorld } from "../testing/fake_world.ts";
import { Lent } from "./lent.ts";

function start() {
  const world = new FakeWorld();
  const state = {
    isConnected: true,
    reason: null as string | null,
    isServing: false,
    watts: null as number | null,
  };
  const reports: LentReport[] = [];
  const lent = new Lent({
    world,
    isConnected: () => state.isConnected,
    closedFor: () => state.reason,
    isServing: () => state.isServing,
    gpuWatts: () => Promise.resolve(state.watts),
    report: (report) => reports.push(report),
  });
  lent.start();
  return { world, state, reports, lent };
}

test("a minute is reported by whether calls were taken, and why not", async () => {
  const { world, state, reports, lent } = start();
  await world.pass(30_000);
  state.reason = "the owner uses the machine";
  lent.refused();
  await world.pass(30_000);
  expect(reports).toEqual([
    { open_s: 30, closed_s: { "the owner uses the machine": 30 }, refused: 1 },
  ]);
  state.reason = null;
  await world.pass(60_000);
  expect(reports[1]).toEqual({ open_s: 60, closed_s: {}, refused: 0 });
});

test("energy counts while calls run, where the processors tell it", async () => {
  const { world, state, reports } = start();
  state.watts = 300;
  await world.pass(60_000);
  expect(reports[0]).not.toHaveProperty("energy_j");
  state.isServing = true;
  await world.pass(20_000);
  state.isServing = false;
  await world.pass(40_000);
  expect(reports[1]?.energy_j).toBe(6_000);
});

test("time without a connection is nobody's, and what was counted before it comes with the next report", async () => {
  const { world, state, reports } = start();
  await world.pass(40_000);
  state.isConnected = false;
  await world.pass(60_000);
  expect(reports).toEqual([]);
  state.isConnected = true;
  await world.pass(20_000);
  expect(reports).toEqual([{ open_s: 60, closed_s: {}, refused: 0 }]);
});

test("ever new reasons are counted as others", async () => {
  const { world, state, reports } = start();
  for (let i = 0; i < 6; i++) {
    state.reason = `reason ${i} ${"x".repeat(500)}`;
    await world.pass(10_000);
  }
  const names = Object.keys(reports[0]?.closed_s ?? {});
  expect(names).toHaveLength(6);
  expect(Math.max(...names.map(({ length }) => length))).toBe(200);
});
