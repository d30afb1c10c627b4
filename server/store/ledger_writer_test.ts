/** The ledger's way to the store: batches, outages, restarts. */

import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../tests/harness/wait.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { storeUnavailable } from "./backend.ts";
import { LedgerSpool } from "./ledger_spool.ts";
import { LedgerWriter, type LedgerWriterOptions } from "./ledger_writer.ts";
import type { LedgerEntry } from "./store.ts";
import { anEntry } from "./testing/store_suite.ts";

let dataDir: string;
let store: FakeStore;
let timers: { delayMs: number; callback: () => void }[];
let lines: string[];
const folders: string[] = [];

beforeEach(() => {
  folders.push(dataDir = mkdtempSync(join(tmpdir(), "colink-ledger-")));
  store = new FakeStore();
  timers = [];
  lines = [];
});
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

function aWriter(options: Partial<LedgerWriterOptions> = {}): LedgerWriter {
  return new LedgerWriter({ store, dataDir, clock, log, ...options });
}

test("entries are written together, a moment after the first", async () => {
  const ledger = aWriter();
  await ledger.start();
  for (let i = 0; i < 20; i++) ledger.record(anEntry());
  expect(store.batches).toEqual([]);
  expect(timers.map((timer) => timer.delayMs)).toEqual([50]);
  timers[0]?.callback();
  await ledger.flush();
  expect(store.batches).toEqual([20]);
  expect(ledger.pending).toBe(0);
});

test("five hundred entries do not wait for the timer, and none is written in a larger batch", async () => {
  const ledger = aWriter();
  for (let i = 0; i < 1201; i++) ledger.record(anEntry());
  expect(timers.map((timer) => timer.delayMs)).toEqual([0]);
  await ledger.flush();
  expect(store.batches).toEqual([500, 500, 201]);
});

test("during an outage entries lie on disk, its owner's only, and are in the store once it is back", async () => {
  const ledger = aWriter();
  store.isAway = true;
  for (let i = 0; i < 700; i++) ledger.record(anEntry());
  await ledger.flush();
  ledger.record(anEntry());
  await ledger.flush();
  expect(ledger.pending).toBe(0);
  expect(spoolFiles()).not.toBeEmpty();
  for (const name of spoolFiles()) {
    expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600);
  }
  store.isAway = false;
  timers.at(-1)?.callback();
  await ledger.flush();
  expect(store.rows.size).toBe(701);
  expect(spoolFiles()).toEqual([]);
});

test("an outage of many turns is logged once when it begins and once when it ends", async () => {
  const ledger = aWriter();
  store.isAway = true;
  for (let i = 0; i < 5; i++) {
    ledger.record(anEntry());
    await ledger.flush();
  }
  expect(spoolFiles().length).toBeLessThanOrEqual(2);
  store.isAway = false;
  await ledger.flush();
  await ledger.flush();
  expect(lines).toEqual([
    "warn ledger: the database is away, entries are kept on disk",
    "info ledger: the database is back",
  ]);
});

test("what was closed during an outage is written by the next start", async () => {
  const ledger = aWriter();
  store.isAway = true;
  ledger.record(anEntry({ id: "kept" }));
  await ledger.close();
  store.isAway = false;
  await aWriter().start();
  expect([...store.rows.keys()]).toEqual(["kept"]);
  expect(spoolFiles()).toEqual([]);
});

test("closing writes what is waiting", async () => {
  const ledger = aWriter();
  ledger.record(anEntry());
  await ledger.close();
  expect(store.rows.size).toBe(1);
});

test("a replay that breaks off is repeated whole, and the store takes each id once", async () => {
  const ledger = aWriter();
  store.isAway = true;
  for (let i = 0; i < 1200; i++) ledger.record(anEntry());
  await ledger.flush();
  store.isAway = false;
  store.goesAwayAfter = 1;
  await ledger.flush();
  expect(store.rows.size).toBe(500);
  store.isAway = false;
  await ledger.flush();
  expect(store.rows.size).toBe(1200);
});

test("a line torn by a crash is left out, and that is said", async () => {
  writeFileSync(join(dataDir, "ledger.spool.jsonl"), `${JSON.stringify(anEntry())}\n{"id":"to`);
  await aWriter().start();
  expect(store.rows.size).toBe(1);
  expect(lines).toEqual(["warn ledger: lines torn by a crash were left out"]);
});

test("what is appended behind a torn line is not torn with it", async () => {
  writeFileSync(join(dataDir, "ledger.spool.jsonl"), '{"id":"to');
  const spool = new LedgerSpool(dataDir, 1000);
  await spool.append([anEntry()]);
  expect(await spool.replay((entries) => store.writeLedger(entries))).toBe(1);
  expect(store.rows.size).toBe(1);
});

test("an entry that the store can never take does not hold up the others", async () => {
  const ledger = aWriter();
  store.poison = "bad";
  for (const id of ["a", "bad", "b"]) ledger.record(anEntry({ id }));
  await ledger.flush();
  expect([...store.rows.keys()].sort()).toEqual(["a", "b"]);
  expect(lines).toEqual(["error ledger: the store refuses this entry"]);
});

test("memory and disk are bounded, and what is lost is logged", async () => {
  const ledger = aWriter({ maxPending: 10, maxSpoolBytes: 100 });
  for (let i = 0; i < 15; i++) ledger.record(anEntry());
  expect(ledger.pending).toBe(10);
  expect(lines[0]).toBe("error ledger: entries were lost, there was no room left");
  store.isAway = true;
  await ledger.flush();
  ledger.record(anEntry());
  await ledger.flush();
  appendFileSync(join(dataDir, "ledger.spool.jsonl"), "x".repeat(100));
  const before = lines.length;
  for (let i = 0; i < 10; i++) ledger.record(anEntry());
  await ledger.flush();
  expect(lines.slice(before)).toEqual(["error ledger: entries were lost, there was no room left"]);
});

test("with neither database nor disk entries wait in memory", async () => {
  const ledger = aWriter({ dataDir: "/dev/null/none" });
  await ledger.start();
  store.isAway = true;
  ledger.record(anEntry());
  await ledger.flush();
  expect(ledger.pending).toBe(1);
  store.isAway = false;
  await ledger.flush();
  expect(store.rows.size).toBe(1);
  expect(ledger.pending).toBe(0);
});

describe("while the store does not answer, entries are on disk a moment later", () => {
  test("those that it was offered, those behind them, and those that come then", async () => {
    const ledger = aWriter();
    await ledger.start();
    const answer = store.hesitates();
    ledger.record(anEntry({ id: "offered" }));
    ring(50);
    await until("it is so", () => timers.some(({ delayMs }) => delayMs === 30));
    ledger.record(anEntry({ id: "behind" }));
    expect(ledger.pending).toBe(2);
    ring(30);
    await until("it is so", () => ledger.pending === 0);
    expect(idsOnDisk()).toEqual(["offered", "behind"]);
    ledger.record(anEntry({ id: "later" }));
    ring(50);
    await until("it is so", () => ledger.pending === 0);
    expect(idsOnDisk()).toEqual(["offered", "behind", "later"]);

    answer.resolve();
    await ledger.flush();
    await ledger.flush();
    expect([...store.rows.keys()]).toEqual(["offered", "behind", "later"]);
    expect(spoolFiles()).toEqual([]);
    expect(lines).toEqual([]);
  });

  for (const ending of ["the next turn", "a close"] as const) {
    test(`and ${ending} finds what was on its way to disk when the store answered`, async () => {
      const ledger = aWriter();
      await ledger.start();
      const answer = store.hesitates();
      ledger.record(anEntry({ id: "offered" }));
      const written = ledger.flush();
      await until("it is so", () => timers.some(({ delayMs }) => delayMs === 30));
      ledger.record(anEntry({ id: "meanwhile" }));
      ring(50);
      answer.resolve();
      if (ending === "a close") {
        await ledger.close();
        expect(ledger.pending).toBe(0);
        expect([...store.rows.keys(), ...idsOnDisk()]).toContain("meanwhile");
      } else {
        await written;
        ring(50);
        await ledger.flush();
        expect([...store.rows.keys()]).toEqual(["offered", "meanwhile"]);
      }
    });
  }

  test("also when what it does not answer is a replay", async () => {
    store.isAway = true;
    const ledger = aWriter();
    ledger.record(anEntry({ id: "spooled" }));
    await ledger.flush();
    store.isAway = false;
    const answer = store.hesitates();
    void ledger.flush();
    await until("it is so", () => timers.some(({ delayMs }) => delayMs === 30));
    ledger.record(anEntry({ id: "meanwhile" }));
    ring(50);
    await until("it is so", () => ledger.pending === 0);
    expect(idsOnDisk().toSorted()).toEqual(["meanwhile", "spooled"]);
    answer.resolve();
    await ledger.flush();
    expect([...store.rows.keys()].toSorted()).toEqual(["meanwhile", "spooled"]);
    expect(spoolFiles()).toEqual([]);
  });

  test("and a store that refuses at last finds each of them there once", async () => {
    const ledger = aWriter();
    await ledger.start();
    const answer = store.hesitates();
    ledger.record(anEntry({ id: "offered" }));
    void ledger.flush();
    await until("it is so", () => timers.some(({ delayMs }) => delayMs === 30));
    ring(30);
    await until("it is so", () => ledger.pending === 0);
    answer.reject(storeUnavailable("it does not answer"));
    await until("it is so", () => timers.some(({ delayMs }) => delayMs === 1000));
    expect(idsOnDisk()).toEqual(["offered"]);
    await ledger.flush();
    expect([...store.rows.keys()]).toEqual(["offered"]);
  });
});

describe("an entry that was provisional", () => {
  const provisional = anEntry({ id: "call", completionTokens: 1, estimated: true });
  const recorded = anEntry({ id: "call", completionTokens: 2, estimated: false });
  const onDisk = () => until("it is on disk", () => provisionalFiles().length > 0);

  test("counts when the process ends before the call was recorded, and only then", async () => {
    const crashed = aWriter();
    await crashed.start();
    crashed.recordProvisional(provisional);
    await onDisk();
    await crashed.flush();
    expect(store.rows.size).toBe(0);

    await aWriter().start();
    expect([...store.rows.values()]).toEqual([provisional]);
    expect(provisionalFiles()).toEqual([]);
  });

  test("gives way to the one that was recorded, whether that is in the store or on disk", async () => {
    for (const isAway of [false, true]) {
      store = new FakeStore();
      const crashed = aWriter();
      await crashed.start();
      crashed.recordProvisional(provisional);
      await onDisk();
      const [file] = provisionalFiles();
      const text = readFileSync(join(dataDir, file!), "utf8");
      store.isAway = isAway;
      crashed.record(recorded);
      await crashed.flush();
      expect(provisionalFiles()).toEqual([]);
      // As if it had ended a moment before it cleared that away.
      writeFileSync(join(dataDir, file!), text);
      store.isAway = false;
      await aWriter().start();
      expect([...store.rows.values()]).toEqual([recorded]);
      expect([...provisionalFiles(), ...spoolFiles()]).toEqual([]);
    }
  });

  test("stays while another call's is still needed, and while what was recorded is in memory only", async () => {
    const ledger = aWriter();
    await ledger.start();
    ledger.recordProvisional(provisional);
    ledger.recordProvisional(anEntry({ id: "other" }));
    await onDisk();
    ledger.record(recorded);
    await ledger.flush();
    expect(provisionalFiles()).not.toBeEmpty();
    ledger.record(anEntry({ id: "other" }));
    expect(provisionalFiles()).not.toBeEmpty();
    await ledger.close();
    expect(provisionalFiles()).toEqual([]);
  });

  test("of an earlier run waits for a store that is away", async () => {
    const crashed = aWriter();
    crashed.recordProvisional(provisional);
    await onDisk();
    store.isAway = true;
    const next = aWriter();
    await next.start();
    next.recordProvisional(anEntry({ id: "of this run" }));
    store.isAway = false;
    await next.flush();
    expect([...store.rows.keys()]).toEqual(["call"]);
  });
});

class FakeStore {
  readonly rows = new Map<string, LedgerEntry>();
  readonly batches: number[] = [];
  isAway = false;
  goesAwayAfter = Infinity;
  poison = "";
  #answer = Promise.resolve();

  /** What is asked from now on is answered when the test says so. */
  hesitates(): PromiseWithResolvers<void> {
    const answer = Promise.withResolvers<void>();
    this.#answer = answer.promise.finally(() => this.#answer = Promise.resolve());
    this.#answer.catch(() => {});
    return answer;
  }

  async writeLedger(entries: readonly LedgerEntry[]): Promise<void> {
    await this.#answer;
    if (this.isAway) throw storeUnavailable("it is away");
    if (entries.some((entry) => entry.id === this.poison)) throw new Error("not to be stored");
    this.batches.push(entries.length);
    for (const entry of entries) if (!this.rows.has(entry.id)) this.rows.set(entry.id, entry);
    if (--this.goesAwayAfter === 0) this.isAway = true;
  }
}

const filesOf = (begin: string) => readdirSync(dataDir).filter((name) => name.startsWith(begin));
const spoolFiles = () => filesOf("ledger.spool");
const provisionalFiles = () => filesOf("ledger.foreseen");

const idsOnDisk = () =>
  spoolFiles().flatMap((name) =>
    readFileSync(join(dataDir, name), "utf8").split("\n").filter(Boolean)
      .map((line) => (JSON.parse(line) as LedgerEntry).id)
  );

/** The newest timer of that length goes off. */
function ring(delayMs: number): void {
  const timer = timers.findLast((one) => one.delayMs === delayMs);
  if (timer === undefined) throw new Error(`No timer of ${delayMs} ms is set`);
  timers = timers.filter((one) => one !== timer);
  timer.callback();
}

const clock: Clock = {
  ...systemClock,
  after(delayMs, callback) {
    const timer = { delayMs, callback };
    timers.push(timer);
    return () => void (timers = timers.filter((other) => other !== timer));
  },
};

const write = (level: string) => (_: unknown, text?: string) => void lines.push(`${level} ${text}`);
const log = Object.fromEntries(
  ["debug", "info", "warn", "error"].map((level) => [level, write(level)]),
) as unknown as Log;
