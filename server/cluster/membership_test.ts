/** A gateway's signs of life: when they come, and when they come sooner. */

import { beforeEach, expect, test } from "bun:test";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { silentLog } from "../base/log.ts";
import { BEAT_MS, Membership } from "./membership.ts";

const presence = { id: "gw", url: "http://gw", version: "1", seq: 0, isDraining: false, nodes: 0 };

let clock: FakeClock;
let beats: number;
let membership: Membership;

beforeEach(() => {
  clock = new FakeClock();
  beats = 0;
  membership = new Membership({
    bus: {
      opened: () => Promise.resolve(),
      beat: () => Promise.resolve({ nowMs: clock.now(), fence: ++beats, gateways: [presence] }),
    },
    clock,
    log: silentLog,
    presence: () => presence,
    onBeat: () => {},
  });
});

test("of many that say at once that they come or leave, the roll is asked for once", async () => {
  await membership.start();
  for (let i = 0; i < 10; i++) membership.beatSoon();
  await clock.pass(BEAT_MS / 2);
  expect(beats).toBe(2);
  await clock.pass(BEAT_MS);
  expect(beats).toBe(3);
});

test("a gateway that has not begun, or has left, gives no sign of life whoever comes", async () => {
  membership.beatSoon();
  await clock.pass(BEAT_MS);
  expect(beats).toBe(0);
  await membership.start();
  membership.stop();
  membership.beatSoon();
  await clock.pass(BEAT_MS);
  expect(beats).toBe(1);
});
