/** The probe of the database: when it writes, and what it reports. */

import { beforeEach, expect, test } from "bun:test";
import type { Log } from "../base/log.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { StoreProbe } from "./store_probe.ts";

let clock: FakeClock;
let lines: string[];
let probes: number;
let trouble: string | null;
let isAway: boolean;
let probe: StoreProbe;

beforeEach(() => {
  clock = new FakeClock();
  lines = [];
  probes = 0;
  trouble = null;
  isAway = false;
  const write = (level: string) => () => void lines.push(level);
  const log = { info: write("info"), warn: write("warn"), error: write("error") };
  const store = {
    get trouble() {
      return trouble;
    },
    probe() {
      probes++;
      trouble = isAway ? "it is away" : null;
      return isAway ? Promise.reject(new Error("away")) : Promise.resolve();
    },
  };
  probe = new StoreProbe({ store, clock, log: log as unknown as Log });
  probe.start();
});

test("a database in order is written to every ten seconds, and that is not logged", async () => {
  await clock.pass(9_999);
  expect(probes).toBe(0);
  await clock.pass(21_000);
  expect(probes).toBe(3);
  expect(lines).toEqual([]);
});

test("after work has failed, the database is written to within a second", async () => {
  trouble = "the last query failed";
  await clock.pass(1000);
  expect(probes).toBe(1);
  expect(trouble).toBeNull();
});

test("a database that takes no writes is tried every second, and reported once, until it does", async () => {
  isAway = true;
  await clock.pass(15_000);
  expect(probes).toBe(6);
  expect(lines).toEqual(["warn"]);
  isAway = false;
  await clock.pass(1000);
  expect(lines).toEqual(["warn", "info"]);
  await clock.pass(9000);
  expect(probes).toBe(7);
});

test("after its close nothing is written", async () => {
  await probe.close();
  await clock.pass(60_000);
  expect(probes).toBe(0);
});
