/** A gateway's heartbeats: when they are sent, and what their replies change. */

import { beforeEach, describe, expect, test } from "bun:test";
import type { Log } from "../base/log.ts";
import { silentLog } from "../base/log.ts";
import { FakeClock, settle } from "../base/testing/fake_clock.ts";
import type { BeatReply, Presence } from "./bus.ts";
import { BEAT_MS, LEASE_MS, Membership } from "./membership.ts";

const me: Presence = {
  id: "gw",
  url: "http://gw",
  version: "1",
  seq: 0,
  isDraining: false,
  nodes: 0,
};
const other: Presence = { ...me, id: "gw-2", url: "http://gw-2" };

let clock: FakeClock;
/** The fencing token of each heartbeat. */
let beats: number[];
let reply: () => Promise<BeatReply>;
let isNewOfBeats: boolean[];
let logged: string[];
let opened: Promise<void>;
let membership: Membership;

beforeEach(() => {
  clock = new FakeClock();
  [beats, isNewOfBeats, logged] = [[], [], []];
  opened = Promise.resolve();
  reply = () => Promise.resolve({ nowMs: clock.now(), fence: 7, gateways: [me, other] });
  const log = {
    ...silentLog,
    info: (fields: Record<string, unknown>) => void logged.push(`info ${fields.gateways}`),
    warn: (fields: Record<string, unknown>) => void logged.push(`warn ${fields.cause}`),
  } as Log;
  membership = new Membership({
    bus: {
      opened: () => opened,
      beat(presence, fence, leaseMs) {
        expect([presence, leaseMs]).toEqual([me, LEASE_MS]);
        beats.push(fence);
        return reply();
      },
    },
    clock,
    log,
    presence: () => me,
    onBeat: (isNew) => void isNewOfBeats.push(isNew),
  });
});

describe("a heartbeat", () => {
  test("is sent every second, and none after the gateway has left", async () => {
    await membership.start();
    await clock.pass(3 * BEAT_MS);
    expect(beats).toHaveLength(4);
    membership.stop();
    await clock.pass(3 * BEAT_MS);
    expect(beats).toHaveLength(4);
    expect(clock.pending).toBe(0);
  });

  test("is sent first when the connection to Redis is open, or was waited for", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    opened = promise;
    const started = membership.start();
    await clock.pass(BEAT_MS);
    expect([beats.length, membership.isRedisUp]).toEqual([0, false]);
    resolve();
    await started;
    expect([beats.length, membership.isRedisUp]).toEqual([1, true]);
  });

  test("comes sooner once, however many gateways join or leave together", async () => {
    await membership.start();
    for (let i = 0; i < 10; i++) membership.beatSoon();
    await clock.pass(BEAT_MS / 2);
    expect(beats).toHaveLength(2);
    await clock.pass(BEAT_MS);
    expect(beats).toHaveLength(3);
  });

  test("is followed by another soon where a gateway joins during it", async () => {
    await membership.start();
    const { promise, resolve } = Promise.withResolvers<BeatReply>();
    reply = () => promise;
    membership.beatNow();
    reply = () => Promise.resolve({ nowMs: clock.now(), fence: 7, gateways: [me, other] });
    membership.beatSoon();
    resolve({ nowMs: clock.now(), fence: 7, gateways: [me] });
    await clock.pass(BEAT_MS / 2);
    expect(beats).toHaveLength(3);
    await clock.pass(BEAT_MS);
    expect(beats).toHaveLength(4);
  });

  test("that is sent at once replaces the next one", async () => {
    await membership.start();
    await clock.pass(BEAT_MS / 2);
    membership.beatNow();
    await clock.pass(BEAT_MS - 1);
    expect(beats).toHaveLength(2);
    await clock.pass(1);
    expect(beats).toHaveLength(3);
  });

  test("is not sent for others before the gateway has begun, nor after it has left", async () => {
    membership.beatSoon();
    membership.beatNow();
    await clock.pass(BEAT_MS);
    expect(beats).toEqual([]);
    await membership.start();
    membership.stop();
    membership.beatSoon();
    membership.beatNow();
    await clock.pass(BEAT_MS);
    expect(beats).toHaveLength(1);
  });

  test("carries the last fencing token, and reports a new one", async () => {
    await membership.start();
    await clock.pass(BEAT_MS);
    reply = () => Promise.resolve({ nowMs: clock.now(), fence: 9, gateways: [me] });
    await clock.pass(2 * BEAT_MS);
    expect(beats).toEqual([0, 7, 7, 9]);
    expect(isNewOfBeats).toEqual([true, false, true, false]);
    expect(membership.fence).toBe(9);
  });

  test("replaces the members by those of its reply, without this gateway", async () => {
    await membership.start();
    expect([...membership.others]).toEqual([["gw-2", other]]);
    reply = () => Promise.resolve({ nowMs: clock.now(), fence: 7, gateways: [me] });
    await clock.pass(BEAT_MS);
    expect([...membership.others]).toEqual([]);
  });

  test("whose reply comes after the gateway has left changes nothing", async () => {
    await membership.start();
    const { promise, resolve, reject } = Promise.withResolvers<BeatReply>();
    reply = () => promise;
    membership.beatNow();
    membership.stop();
    resolve({ nowMs: clock.now(), fence: 9, gateways: [] });
    await settle();
    expect([membership.fence, membership.others.size]).toEqual([7, 1]);
    expect(isNewOfBeats).toHaveLength(1);
    reject(new Error("away"));
    expect(clock.pending).toBe(0);
  });

  test("that fails after the gateway has left is not logged", async () => {
    await membership.start();
    reply = () => Promise.reject(new Error("away"));
    membership.beatNow();
    membership.stop();
    await settle();
    expect(logged).toEqual([]);
    expect(membership.isRedisUp).toBe(true);
  });
});

describe("an outage of Redis", () => {
  test("is logged once when it begins and once when it ends", async () => {
    const answers = reply;
    reply = () => Promise.reject(new Error("away"));
    await membership.start();
    await clock.pass(3 * BEAT_MS);
    expect(beats).toHaveLength(4);
    expect([logged, membership.isRedisUp]).toEqual([["warn away"], false]);
    reply = answers;
    await clock.pass(3 * BEAT_MS);
    expect([logged, membership.isRedisUp]).toEqual([["warn away", "info 2"], true]);
    reply = () => Promise.reject("gone");
    await clock.pass(3 * BEAT_MS);
    expect([logged, membership.isRedisUp]).toEqual([["warn away", "info 2", "warn gone"], false]);
  });

  test("leaves the members as they were", async () => {
    await membership.start();
    reply = () => Promise.reject(new Error("away"));
    await clock.pass(3 * BEAT_MS);
    expect([...membership.others.keys()]).toEqual(["gw-2"]);
    expect([membership.fence, isNewOfBeats.length]).toEqual([7, 1]);
  });

  test("is not reported by a gateway that has never seen one", async () => {
    await membership.start();
    await clock.pass(3 * BEAT_MS);
    expect(logged).toEqual([]);
    expect(membership.isRedisUp).toBe(true);
  });
});

describe("a machine's clock", () => {
  test("that differs from Redis' clock is corrected, as far as the two differ now", async () => {
    let behindMs = 3_600_000;
    reply = () => Promise.resolve({ nowMs: clock.now() + behindMs, fence: 7, gateways: [me] });
    await membership.start();
    expect(membership.sharedNowMs).toBe(clock.now() + 3_600_000);
    behindMs = -500;
    await clock.pass(BEAT_MS);
    expect(membership.sharedNowMs).toBe(clock.now() - 500);
  });

  test("that is set back does not matter between two heartbeats", async () => {
    await membership.start();
    const before = membership.sharedNowMs;
    clock.setBack(8 * 3_600_000);
    expect(membership.sharedNowMs).toBe(before);
  });
});
