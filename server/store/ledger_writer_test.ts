/** The ledger writer: batches, outages, restarts. */

import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  spyOn,
  test,
} from "bun:test";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../tests/harness/wait.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
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

test("entries are written together, shortly after the first", async () => {
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

test("five hundred entries do not wait for the timer, and no batch is larger", async () => {
  const ledger = aWriter();
  for (let i = 0; i < 1201; i++) ledger.record(anEntry());
  expect(timers.map((timer) => timer.delayMs)).toEqual([0]);
  await ledger.flush();
  expect(store.batches).toEqual([500, 500, 201]);
});

test("the five-hundredth entry is the one that does not wait, and no entry delays an earlier one", () => {
  const ledger = aWriter();
  ledger.record(anEntry());
  const [first] = timers;
  for (let i = 1; i < 499; i++) ledger.record(anEntry());
  expect(timers).toEqual([first!]);
  expect(timers[0]).toBe(first!);
  ledger.record(anEntry());
  expect(timers.map((timer) => timer.delayMs)).toEqual([0]);
});

test("an entry that arrives after the close is lost and logged, and sets no timer", async () => {
  const ledger = aWriter();
  await ledger.close();
  ledger.record(anEntry());
  ledger.recordProvisional(anEntry());
  await ledger.flush();
  expect(timers).toEqual([]);
  expect(store.rows.size).toBe(0);
  expect(readdirSync(dataDir)).toEqual([]);
  expect(lines).toEqual(["error ledger: entries were lost, there was no room left"]);
});

test("during an outage entries are on disk, readable by the owner alone, and in the store once it is back", async () => {
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

test("the next start writes what a close during an outage left on disk", async () => {
  const ledger = aWriter();
  store.isAway = true;
  ledger.record(anEntry({ id: "kept" }));
  await ledger.close();
  store.isAway = false;
  await aWriter().start();
  expect([...store.rows.keys()]).toEqual(["kept"]);
  expect(spoolFiles()).toEqual([]);
});

test("closing writes the waiting entries", async () => {
  const ledger = aWriter();
  ledger.record(anEntry());
  await ledger.close();
  expect(store.rows.size).toBe(1);
});

test("an interrupted replay is repeated whole, and the store takes each id once", async () => {
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

test("a line torn by a crash is left out and logged", async () => {
  writeFileSync(join(dataDir, "ledger.spool.jsonl"), `${JSON.stringify(anEntry())}\n{"id":"to`);
  await aWriter().start();
  expect(store.rows.size).toBe(1);
  expect(lines).toEqual(["warn ledger: lines torn by a crash were left out"]);
});

test("an entry appended behind a torn line is whole", async () => {
  writeFileSync(join(dataDir, "ledger.spool.jsonl"), '{"id":"to');
  const spool = new LedgerSpool(dataDir, 1000);
  await spool.append([anEntry()]);
  expect(await spool.replay((entries) => store.writeLedger(entries))).toBe(1);
  expect(store.rows.size).toBe(1);
});

test("an entry that the store can never take does not hold up the others", async () => {
  const ledger = aWriter();
  store.refusedId = "bad";
  for (const id of ["a", "bad", "b"]) ledger.record(anEntry({ id }));
  await ledger.flush();
  expect([...store.rows.keys()].sort()).toEqual(["a", "b"]);
  expect(lines).toEqual(["error ledger: the store refuses this entry"]);
});

test("of five hundred entries the one that the store can never take is found by halves", async () => {
  const ledger = aWriter();
  await ledger.start();
  store.refusedId = "bad";
  for (let i = 0; i < 499; i++) ledger.record(anEntry({ id: i === 300 ? "bad" : `good-${i}` }));
  await ledger.flush();
  expect(store.rows.size).toBe(498);
  expect(store.batches.length).toBeLessThan(10);
  expect(ledger.pending).toBe(0);
  expect(ledger.spooled).toBe(1);
});

describe("an entry that the store refuses by itself", () => {
  let clock: FakeClock;
  let ledger: LedgerWriter;
  beforeEach(async () => {
    clock = new FakeClock();
    ledger = aWriter({ clock });
    await ledger.start();
    store.refusedId = "bad";
    ledger.record(anEntry({ id: "bad" }));
    await ledger.flush();
    expect(ledger.spooled).toBe(1);
    expect(filesOf("ledger.suspect")).toHaveLength(1);
  });

  /** Lets the clock's timers and the disk work in turn. */
  async function pass(ms: number): Promise<void> {
    for (let at = 0; at < ms; at += 1000) {
      await clock.pass(1000);
      await ledger.flush();
    }
  }

  test("is tried again until the store takes it", async () => {
    await pass(30_000);
    store.refusedId = "";
    await pass(10_000);
    expect([...store.rows.keys()]).toEqual(["bad"]);
    expect(ledger.spooled).toBe(0);
    expect(ledger.trouble).toBeNull();
    expect([...filesOf("ledger.suspect"), ...filesOf("ledger.refused")]).toEqual([]);
  });

  test("is not counted as refused while the store takes nothing", async () => {
    store.refusesAll = true;
    await pass(120_000);
    store.refusesAll = false;
    store.refusedId = "";
    await pass(11_000);
    expect([...store.rows.keys()]).toEqual(["bad"]);
    expect(filesOf("ledger.refused")).toEqual([]);
  });

  test("is written without what its node reported, if the store takes it so", async () => {
    store.refusesStatistics = true;
    await pass(60_000);
    expect([...store.rows.values()]).toEqual([
      expect.objectContaining({ id: "bad", promptTokens: null, estimated: true }),
    ]);
    expect(ledger.spooled).toBe(0);
    expect(filesOf("ledger.refused")).toEqual([]);
  });

  test("is set aside in a file after many attempts, and the file is named", async () => {
    await pass(45_000);
    expect(filesOf("ledger.refused")).toEqual([]);
    await pass(15_000);
    expect(filesOf("ledger.refused")).toEqual(["ledger.refused.jsonl"]);
    expect(readFileSync(join(dataDir, "ledger.refused.jsonl"), "utf8")).toContain('"id":"bad"');
    expect(ledger.spooled).toBe(0);
    expect(ledger.trouble).toContain("ledger.refused.jsonl");
    expect(lines).toEqual([
      "error ledger: the store refuses this entry",
      "error ledger: the store refuses this entry for good, it is kept in a file",
    ]);
    // The next run names it too.
    expect(aWriter().trouble).toContain("ledger.refused.jsonl");
  });

  test("survives a crash, and is tried again by the next run", async () => {
    store.refusedId = "";
    const next = aWriter();
    await next.start();
    expect([...store.rows.keys()]).toEqual(["bad"]);
    expect(next.spooled).toBe(0);
  });
});

test("while the store refuses every entry, whatever its error, all of them wait on disk", async () => {
  const ledger = aWriter();
  await ledger.start();
  store.refusesAll = true;
  for (let i = 0; i < 140; i++) ledger.record(anEntry());
  await ledger.flush();
  await ledger.flush();
  expect(ledger.pending).toBe(0);
  expect(ledger.spooled).toBe(140);
  expect(idsOnDisk()).toHaveLength(140);
  store.refusesAll = false;
  await ledger.flush();
  expect(store.rows.size).toBe(140);
  expect(ledger.spooled).toBe(0);
  expect(lines).toEqual([
    "warn ledger: the database is away, entries are kept on disk",
    "info ledger: the database is back",
  ]);
});

describe("in a data folder without room", () => {
  let files: FileHandle;
  const spies: { mockRestore(): void }[] = [];
  const full = () => Promise.reject(Object.assign(new Error("no space"), { code: "ENOSPC" }));
  /** No new space is available; what is allocated already can be written over. */
  const fill = () => void spies.push(spyOn(files, "appendFile").mockImplementation(full));
  const free = () => spies.splice(0).forEach((spy) => spy.mockRestore());

  beforeAll(async () => {
    const file = await open("/dev/null");
    files = Object.getPrototypeOf(file) as FileHandle;
    await file.close();
  });
  afterEach(free);

  test("ended calls are written into the reserve, and it is taken again afterwards", async () => {
    const ledger = aWriter();
    await ledger.start();
    expect(statSync(join(dataDir, "ledger.reserve")).size).toBe(4 * 1024 * 1024);
    expect(ledger.trouble).toBeNull();
    fill();
    store.isAway = true;
    for (const id of ["a", "b"]) {
      ledger.record(anEntry({ id }));
      await ledger.flush();
    }
    expect(ledger.pending).toBe(0);
    expect(ledger.spooled).toBe(2);
    expect(spoolFiles()).toContain("ledger.spool.overflow.jsonl");
    expect(ledger.trouble).toBe("the data folder is full: no room is reserved for ended calls");
    free();

    // As if the process had ended: another one finds both.
    const next = aWriter();
    store.isAway = false;
    await next.start();
    expect([...store.rows.keys()]).toEqual(["a", "b"]);
    expect(spoolFiles()).toEqual([]);
    expect(statSync(join(dataDir, "ledger.reserve")).size).toBe(4 * 1024 * 1024);
    expect(next.trouble).toBeNull();
  });

  test("and no more reserve, ended calls wait in memory, which is reported", async () => {
    const ledger = aWriter();
    await ledger.start();
    fill();
    store.isAway = true;
    ledger.record(anEntry({ id: "large", model: "x".repeat(5 * 1024 * 1024) }));
    await ledger.flush();
    expect(ledger.pending).toBe(1);
    expect(ledger.trouble).toContain("in memory alone");
    expect(ledger.trouble).toContain("ENOSPC");
    await ledger.flush();
    expect(lines.filter((line) => line.startsWith("error"))).toHaveLength(1);
    free();
    store.isAway = false;
    await ledger.flush();
    await ledger.flush();
    expect(store.rows.size).toBe(1);
    expect(ledger.pending).toBe(0);
    expect(ledger.trouble).toBeNull();
  });

  test("from the start, the missing reserve is reported until there is one", async () => {
    mkdirSync(join(dataDir, "ledger.reserve"));
    const ledger = aWriter();
    await ledger.start();
    expect(ledger.trouble).toBe("the data folder is full: no room is reserved for ended calls");
    rmdirSync(join(dataDir, "ledger.reserve"));
    fire(10_000);
    await ledger.flush();
    expect(ledger.trouble).toContain("no room is reserved");
  });
});

test("what an earlier run left on disk is counted while the database is away", async () => {
  const crashed = aWriter();
  store.isAway = true;
  for (let i = 0; i < 3; i++) crashed.record(anEntry());
  await crashed.flush();
  const ledger = aWriter();
  await ledger.start();
  expect(ledger.spooled).toBe(3);
  ledger.record(anEntry());
  await ledger.flush();
  expect(ledger.spooled).toBe(4);
  store.isAway = false;
  await ledger.flush();
  expect(ledger.spooled).toBe(0);
});

test("memory and disk are bounded, and lost entries are logged", async () => {
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

test("without database and disk, entries wait in memory", async () => {
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

describe("while the store does not answer, entries are soon on disk", () => {
  test("entries that were sent to it, entries behind them, and later ones", async () => {
    const ledger = aWriter();
    await ledger.start();
    const answer = store.pause();
    ledger.record(anEntry({ id: "sent" }));
    fire(50);
    await writing();
    ledger.record(anEntry({ id: "behind" }));
    expect(ledger.pending).toBe(2);
    fire(30);
    expect(ledger.pending).toBe(2);
    await saved(ledger);
    expect(idsOnDisk()).toEqual(["sent", "behind"]);
    ledger.record(anEntry({ id: "later" }));
    fire(50);
    await saved(ledger);
    expect(idsOnDisk()).toEqual(["sent", "behind", "later"]);

    answer.resolve();
    await ledger.flush();
    await ledger.flush();
    expect([...store.rows.keys()]).toEqual(["sent", "behind", "later"]);
    expect(spoolFiles()).toEqual([]);
    expect(lines).toEqual([]);
  });

  for (const ending of ["the next turn", "a close"] as const) {
    test(`and ${ending} finds entries that were being written to disk when the store answered`, async () => {
      const ledger = aWriter();
      await ledger.start();
      const answer = store.pause();
      ledger.record(anEntry({ id: "sent" }));
      const written = ledger.flush();
      await writing();
      ledger.record(anEntry({ id: "later" }));
      fire(50);
      answer.resolve();
      if (ending === "a close") {
        await ledger.close();
        expect(ledger.pending).toBe(0);
        expect([...store.rows.keys(), ...idsOnDisk()]).toContain("later");
      } else {
        await written;
        fire(50);
        await ledger.flush();
        expect([...store.rows.keys()]).toEqual(["sent", "later"]);
      }
    });
  }

  test("also when it does not answer a replay", async () => {
    store.isAway = true;
    const ledger = aWriter();
    ledger.record(anEntry({ id: "spooled" }));
    await ledger.flush();
    store.isAway = false;
    const answer = store.pause();
    void ledger.flush();
    await writing();
    ledger.record(anEntry({ id: "later" }));
    fire(50);
    await saved(ledger);
    expect(idsOnDisk().toSorted()).toEqual(["later", "spooled"]);
    answer.resolve();
    await ledger.flush();
    expect([...store.rows.keys()].toSorted()).toEqual(["later", "spooled"]);
    expect(spoolFiles()).toEqual([]);
  });

  test("and after a refusal each is on disk once", async () => {
    const ledger = aWriter();
    await ledger.start();
    const answer = store.pause();
    ledger.record(anEntry({ id: "sent" }));
    void ledger.flush();
    await writing();
    fire(30);
    await saved(ledger);
    answer.reject(storeUnavailable("it does not answer"));
    await until("a retry is scheduled", () => timers.some(({ delayMs }) => delayMs === 1000));
    expect(idsOnDisk()).toEqual(["sent"]);
    await ledger.flush();
    expect([...store.rows.keys()]).toEqual(["sent"]);
  });
});

describe("a provisional entry", () => {
  const provisional = anEntry({ id: "call", completionTokens: 1, estimated: true });
  const recorded = anEntry({ id: "call", completionTokens: 2, estimated: false });
  const onDisk = () => until("it is on disk", () => provisionalFiles().length > 0);

  test("counts when the process ends before the call was recorded, and not before", async () => {
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

  test("is replaced by the recorded one, whether that is in the store or on disk", async () => {
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
      // As if the process had ended just before it deleted the file.
      writeFileSync(join(dataDir, file!), text);
      store.isAway = false;
      await aWriter().start();
      expect([...store.rows.values()]).toEqual([recorded]);
      expect([...provisionalFiles(), ...spoolFiles()]).toEqual([]);
    }
  });

  test("stays while another call needs its own, and while the recorded entry is in memory alone", async () => {
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

  test("of an earlier run is written once the store is back", async () => {
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
  refusedId = "";
  refusesAll = false;
  /** Takes the refused entry only without the statistics of its call. */
  refusesStatistics = false;
  #answer = Promise.resolve();

  /** Later writes wait for the returned promise. */
  pause(): PromiseWithResolvers<void> {
    const answer = Promise.withResolvers<void>();
    this.#answer = answer.promise.finally(() => this.#answer = Promise.resolve());
    this.#answer.catch(() => {});
    return answer;
  }

  async probe(): Promise<void> {
    await this.#answer;
    if (this.isAway || this.refusesAll) throw storeUnavailable("it refuses every row");
  }

  async writeLedger(entries: readonly LedgerEntry[]): Promise<void> {
    await this.#answer;
    if (this.refusesAll) throw new Error("undefined table");
    if (this.isAway) throw storeUnavailable("it is away");
    const isRefused = ({ id, promptTokens }: LedgerEntry) =>
      id === this.refusedId && !(this.refusesStatistics && promptTokens === null);
    if (entries.some(isRefused)) throw new Error("not to be stored");
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

/** Resolves when a turn waits for the store. */
const writing = () =>
  until("a turn has started", () => timers.some(({ delayMs }) => delayMs === 30));

const saved = (ledger: LedgerWriter) =>
  until("every entry is in the store or on disk", () => ledger.pending === 0);

/** Fires the newest timer of that length. */
function fire(delayMs: number): void {
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
