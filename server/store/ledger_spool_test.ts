/** The spool: what is on the disk when, and what a replay reads of it. */

import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { settle } from "../base/testing/fake_clock.ts";
import { LedgerSpool } from "./ledger_spool.ts";
import type { LedgerEntry } from "./store.ts";
import { anEntry } from "./testing/store_suite.ts";

let folder: string;
let spool: LedgerSpool;
let written: LedgerEntry[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "colink-spool-"));
  spool = new LedgerSpool(folder, 1_000_000);
  written = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const path = () => join(folder, "ledger.spool.jsonl");

function write(entries: LedgerEntry[]): Promise<void> {
  written.push(...entries);
  return Promise.resolve();
}

/** The methods that all open files share. */
async function fileMethods(): Promise<FileHandle> {
  const file = await open(join(folder, "other"), "a");
  await file.close();
  return Object.getPrototypeOf(file) as FileHandle;
}

test("entries count as saved only when the disk has confirmed them", async () => {
  const confirmed = Promise.withResolvers<void>();
  let textAtSync = "";
  const sync = spyOn(await fileMethods(), "sync").mockImplementation(() => {
    textAtSync = readFileSync(path(), "utf8");
    return confirmed.promise;
  });
  let isSaved = false;
  const saved = spool.append([anEntry({ id: "a" })]).then(() => isSaved = true);
  while (sync.mock.calls.length === 0) await Bun.sleep(0);
  await settle();
  expect(textAtSync).toContain('"id":"a"');
  expect(isSaved).toBe(false);
  confirmed.resolve();
  await saved;
  sync.mockRestore();
});

test("an append that the disk refuses fails, and the next one is tried all the same", async () => {
  const sync = spyOn(await fileMethods(), "sync").mockRejectedValue(new Error("no space left"));
  await expect(spool.append([anEntry()])).rejects.toThrow("no space left");
  sync.mockRestore();
  expect(await spool.append([anEntry()])).toBe(true);
});

test("entries are read as they were written, whatever line ends their texts contain", async () => {
  const entries = ["a\nb", "a\r\nb", "a\u2028b\u2029c\u0085d"].map((model) => anEntry({ model }));
  await spool.append(entries);
  expect(await spool.replay(write)).toBe(0);
  expect(written).toEqual(entries);
});

test("a long spool is written in batches, whole, and its file is deleted", async () => {
  const entries = Array.from({ length: 1001 }, () => anEntry());
  for (let at = 0; at < entries.length; at += 100) await spool.append(entries.slice(at, at + 100));
  const sizes: number[] = [];
  await spool.replay((batch) => {
    sizes.push(batch.length);
    return write(batch);
  });
  expect(sizes).toEqual([500, 500, 1]);
  expect(written).toEqual(entries);
  expect(readdirSync(folder)).toEqual([]);
});

test("an interrupted replay leaves the file for the next one, which starts at its beginning", async () => {
  await spool.append([anEntry({ id: "a" })]);
  await expect(spool.replay(() => Promise.reject(new Error("away")))).rejects.toThrow("away");
  await spool.append([anEntry({ id: "b" })]);
  await new LedgerSpool(folder, 1000).replay(write);
  expect(written.map(({ id }) => id)).toEqual(["a", "b"]);
});

test("what is appended during a replay is replayed with it, and not lost", async () => {
  await spool.append([anEntry({ id: "a" })]);
  await spool.replay(async (entries) => {
    if (written.length === 0) await spool.append([anEntry({ id: "b" })]);
    await write(entries);
  });
  expect(written.map(({ id }) => id)).toEqual(["a", "b"]);
});

test("a spool takes entries until it is full, and again after a replay", async () => {
  const small = new LedgerSpool(folder, 10);
  expect(await small.append([anEntry()])).toBe(true);
  expect(await small.append([anEntry()])).toBe(false);
  await small.replay(write);
  expect(written).toHaveLength(1);
  expect(await small.append([anEntry()])).toBe(true);
});

test("a spool creates its folder, and is full at its limit exactly", async () => {
  const inside = join(folder, "missing", "folder");
  expect(await new LedgerSpool(inside, 1000).append([anEntry()])).toBe(true);
  const { size } = statSync(join(inside, "ledger.spool.jsonl"));
  expect(await new LedgerSpool(inside, size).append([anEntry()])).toBe(false);
  expect(await new LedgerSpool(inside, size + 1).append([anEntry()])).toBe(true);
});

test("torn lines are counted and left out: half a line, and an entry without its account", async () => {
  await spool.append([anEntry({ id: "a" })]);
  appendFileSync(path(), '{"id":"b"}\n{"accountId":"b"}\n{"id":"to');
  await spool.append([anEntry({ id: "c" })]);
  expect(await spool.replay(write)).toBe(3);
  expect(written.map(({ id }) => id)).toEqual(["a", "c"]);
});

test("clearing deletes only what was not set aside, and decides when its turn comes", async () => {
  await spool.append([anEntry({ id: "a" })]);
  expect(await spool.setAside()).toBe(true);
  expect(await spool.setAside()).toBe(false);
  const appended = spool.append([anEntry({ id: "b" })]);
  let mayClear = true;
  const kept = spool.clear(() => mayClear);
  mayClear = false;
  await Promise.all([appended, kept]);
  expect(existsSync(path())).toBe(true);
  await spool.clear(() => true);
  await spool.replaySetAside(write);
  expect(written.map(({ id }) => id)).toEqual(["a"]);
});

test("two spools in one folder do not read each other's files", async () => {
  const other = new LedgerSpool(folder, 1000, "ledger.foreseen");
  await other.append([anEntry({ id: "other" })]);
  await other.setAside();
  await spool.append([anEntry({ id: "own" })]);
  await spool.replay(write);
  expect(written.map(({ id }) => id)).toEqual(["own"]);
  await other.replaySetAside(write);
  expect(written.map(({ id }) => id)).toEqual(["own", "other"]);
});
