/** What nodes gave, as their owners see it, on a real database. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DAY_MS } from "../base/clock.ts";
import { silentLog } from "../base/log.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { openStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import { anEntry } from "../store/testing/store_suite.ts";
import { LentBook } from "./lent.ts";

let store: Store;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "colink-lent-"));
  store = await openStore({ databaseUrl: null, dataDir: folder, log: silentLog });
  await store.migrate();
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

function bookAt(at: number): { book: LentBook } {
  const fake = new FakeClock();
  const clock = {
    now: () => at,
    monotonic: () => fake.monotonic(),
    after: (ms: number, task: () => void) => fake.after(ms, task),
  };
  return { book: new LentBook({ store, clock, log: silentLog }) };
}

const day = 20_000 * DAY_MS;

test("a day adds up what a node reports and what it served, by how near the callers are", async () => {
  const { book } = bookAt(day + 1000);
  const report = { open_s: 40, closed_s: { "the owner uses the machine": 20 }, refused: 1 };
  book.reported("n1", report);
  book.reported("n1", { ...report, energy_j: 500 });
  const served = { nodeId: "n1", startedAt: day + 500, promptTokens: 10, completionTokens: 5 };
  await store.writeLedger([
    anEntry({ ...served, accountId: "ann", providerAccountId: "ann", route: "own" }),
    anEntry({ ...served, accountId: "bob", providerAccountId: "ann", route: "any" }),
    anEntry({ ...served, accountId: "bob", providerAccountId: "ann", route: "any" }),
    anEntry({ ...served, nodeId: null, providerAccountId: null }),
  ]);
  const none = { calls: 0, prompt_tokens: 0, completion_tokens: 0 };
  expect(await book.ofNode("n1", 30)).toEqual({
    days: [{
      day,
      open_s: 80,
      closed: [{
        reason: "the owner uses the machine",
        message: { code: "in_use", value: null },
        seconds: 40,
      }],
      refused: 2,
      energy_j: 500,
      served: {
        own: { calls: 1, prompt_tokens: 10, completion_tokens: 5 },
        group: none,
        any: { calls: 2, prompt_tokens: 20, completion_tokens: 10 },
      },
    }],
  });
  expect(await book.ofNode("n2", 30)).toEqual({ days: [] });
});

test("impossible figures are cut, and ever new reasons are counted as others", async () => {
  const { book } = bookAt(day);
  book.reported("n3", { open_s: 1e12, closed_s: {}, refused: 1e12, energy_j: 1e15 });
  for (let i = 0; i < 50; i++) {
    book.reported("n3", { open_s: 0, closed_s: { [`reason ${i}`]: 1 }, refused: 0 });
  }
  const [one] = (await book.ofNode("n3", 1)).days;
  expect(one).toMatchObject({ open_s: 3600, refused: 1e6, energy_j: 180_000_000 });
  expect(one?.closed).toHaveLength(21);
  expect(one?.closed).toContainEqual({
    reason: "other reasons",
    message: { code: "other", value: null },
    seconds: 30,
  });
});

test("days are asked for by their number, the newest first, and old ones are forgotten", async () => {
  for (const ago of [0, 1, 40]) {
    const { book } = bookAt(day - ago * DAY_MS);
    book.reported("n4", { open_s: 60, closed_s: {}, refused: 0 });
    await book.close();
  }
  const { book } = bookAt(day);
  const days = async (count: number) =>
    (await book.ofNode("n4", count)).days.map((one) => (day - one.day) / DAY_MS);
  expect(await days(1)).toEqual([0]);
  expect(await days(366)).toEqual([0, 1, 40]);
  await store.lent.prune(day - 30 * DAY_MS);
  expect(await days(366)).toEqual([0, 1]);
});
