/** The poll for other gateways' changes, over a table that a test fills and by a fake clock. */

import { beforeEach, expect, test } from "bun:test";
import { silentLog } from "../base/log.ts";
import { FakeClock, settle } from "../base/testing/fake_clock.ts";
import { storeUnavailable } from "./backend.ts";
import { ChangePoll } from "./change_poll.ts";

const POLL_MS = 2000;
const YEAR_MS = 365 * 24 * 60 * 60_000;

interface Row {
  id: string;
  at: number;
}

let clock: FakeClock;
/** The database's clock minus the gateway's. */
let skewMs: number;
let rows: Row[];
let readings: number[];
let delivered: string[];
let deliveries: number;
let isAway: boolean;

beforeEach(() => {
  clock = new FakeClock();
  [skewMs, rows, readings, delivered, deliveries, isAway] = [0, [], [], [], 0, false];
});

const databaseNow = () => clock.now() + skewMs;

function aPoll(change: { from?: "beginning" | "now" } = {}): ChangePoll<Row> {
  return new ChangePoll<Row>({
    read(since) {
      readings.push(since);
      if (isAway) return Promise.reject(storeUnavailable("it is away"));
      return Promise.resolve({
        changes: rows.filter((row) => row.at >= since),
        now: databaseNow(),
      });
    },
    deliver(changes) {
      deliveries++;
      delivered.push(...changes.map(({ id }) => id));
    },
    from: "now",
    failure: "cannot poll",
    clock,
    log: silentLog,
    ...change,
  });
}

for (const [from, ids] of [["beginning", ["old"]], ["now", []]] as const) {
  test(`a poll from ${from} delivers ${ids.length} of the changes made before the start`, async () => {
    rows.push({ id: "old", at: databaseNow() - YEAR_MS });
    await aPoll({ from }).start();
    expect(delivered).toEqual([...ids]);
  });
}

test("a change is delivered by the next poll, once, although readings overlap", async () => {
  await aPoll().start();
  rows.push({ id: "a", at: databaseNow() });
  expect(delivered).toEqual([]);
  await clock.pass(POLL_MS);
  expect(delivered).toEqual(["a"]);
  await clock.pass(20 * POLL_MS);
  expect(delivered).toEqual(["a"]);
  expect(deliveries).toBe(1);
});

test("a row that commits long after its stamp is not missed", async () => {
  await aPoll().start();
  const at = databaseNow();
  await clock.pass(4 * POLL_MS);
  rows.push({ id: "late", at });
  await clock.pass(POLL_MS);
  expect(delivered).toEqual(["late"]);
});

for (const skew of [YEAR_MS, -YEAR_MS]) {
  test(`a database clock that differs by ${skew} ms from the gateway's loses no change`, async () => {
    skewMs = skew;
    await aPoll().start();
    for (const id of ["a", "b", "c"]) {
      const at = databaseNow();
      await clock.pass(POLL_MS);
      rows.push({ id, at });
    }
    await clock.pass(10 * POLL_MS);
    expect(delivered).toEqual(["a", "b", "c"]);
  });
}

test("changes stamped by a database clock that was set back are not missed", async () => {
  await aPoll().start();
  await clock.pass(POLL_MS);
  skewMs = -YEAR_MS;
  rows.push({ id: "a", at: databaseNow() });
  await clock.pass(2 * POLL_MS);
  expect(delivered).toEqual(["a"]);
});

test("a row that is changed again, also back to what it was, is delivered again", async () => {
  await aPoll().start();
  rows = [{ id: "a", at: databaseNow() }];
  await clock.pass(POLL_MS);
  rows = [];
  await clock.pass(POLL_MS);
  rows = [{ id: "a", at: databaseNow() }];
  await clock.pass(POLL_MS);
  rows = [{ id: "a", at: databaseNow() }];
  await clock.pass(POLL_MS);
  expect(delivered).toEqual(["a", "a", "a"]);
});

test("an outage delays changes and loses none: the next reading starts where the failed one would have", async () => {
  await aPoll().start();
  isAway = true;
  rows.push({ id: "a", at: databaseNow() });
  await clock.pass(100 * POLL_MS);
  expect(delivered).toEqual([]);
  isAway = false;
  await clock.pass(POLL_MS);
  expect(delivered).toEqual(["a"]);
  expect(new Set(readings.slice(1, 101)).size).toBe(1);
});

test("a refresh reads at once, and throws while the database is away", async () => {
  const poll = aPoll();
  await poll.start();
  rows.push({ id: "a", at: databaseNow() });
  isAway = true;
  await expect(poll.refresh()).rejects.toMatchObject({ code: "store_unavailable" });
  isAway = false;
  await poll.refresh();
  expect(delivered).toEqual(["a"]);
});

test("a refresh during a reading reads again, because that reading may be older than the call", async () => {
  const answers: PromiseWithResolvers<void>[] = [];
  const poll = new ChangePoll<Row>({
    async read() {
      const answer = Promise.withResolvers<void>();
      answers.push(answer);
      const changes = [...rows];
      await answer.promise;
      return { changes, now: databaseNow() };
    },
    deliver: (changes) => void delivered.push(...changes.map(({ id }) => id)),
    from: "beginning",
    failure: "cannot poll",
    clock,
    log: silentLog,
  });
  const first = poll.refresh();
  await settle();
  rows.push({ id: "a", at: databaseNow() });
  const second = poll.refresh();
  await settle();
  expect(answers).toHaveLength(1);
  answers[0]!.resolve();
  await first;
  expect(delivered).toEqual([]);
  await settle();
  answers[1]!.resolve();
  await second;
  expect(delivered).toEqual(["a"]);
});

test("a closed poll reads no more, and delivers nothing of a reading that was under way", async () => {
  const poll = aPoll();
  await poll.start();
  rows.push({ id: "a", at: databaseNow() });
  const reading = poll.refresh();
  await poll.close();
  await reading;
  await clock.pass(10 * POLL_MS);
  expect(delivered).toEqual([]);
  expect(clock.pending).toBe(0);
});
