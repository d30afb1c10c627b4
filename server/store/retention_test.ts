/** Retention, over a real store: what goes, and what stays. */

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, systemClock } from "../base/clock.ts";
import { silentLog } from "../base/log.ts";
import { openStore } from "./open.ts";
import { Retention } from "./retention.ts";
import { anAccount, anEntry } from "./testing/store_suite.ts";

const DAY_MS = 24 * 60 * 60_000;

test("calls and minutes go when their time is over; hours, days and totals stay", async () => {
  const folder = mkdtempSync(join(tmpdir(), "colink-retention-"));
  const store = await openStore({ databaseUrl: null, dataDir: folder, log: silentLog });
  await store.migrate();
  const account = anAccount();
  await store.addAccount(account, []);
  const now = Date.now();
  const entries = (daysAgo: number, count: number) =>
    Array.from(
      { length: count },
      () => anEntry({ accountId: account.id, startedAt: now - daysAgo * DAY_MS }),
    );
  // More than go at once.
  await store.writeLedger([...entries(40, 2500), ...entries(10, 3), ...entries(1, 2)]);

  while (await store.usage.fold(100) > 0);

  const left = async () => {
    const ask = { accountId: account.id, side: "made" } as const;
    const range = { from: now - 100 * DAY_MS, to: now + DAY_MS };
    const { calls } = await store.calls.page({ ...ask, limit: 100 });
    const sum = async (step: "minute" | "hour" | "day") =>
      (await store.usage.total({ ...ask, ...range, step })).calls;
    return { calls: calls.length, minutes: await sum("minute"), hours: await sum("hour") };
  };
  const options = { store, clock, log: silentLog, auditMs: 0 };
  await new Retention({ ...options, ledgerMs: 0, minutesMs: 0 }).run();
  expect(await left()).toMatchObject({ minutes: 2505, hours: 2505 });
  await new Retention({ ...options, ledgerMs: 30 * DAY_MS, minutesMs: 7 * DAY_MS }).run();
  expect(await left()).toEqual({ calls: 5, minutes: 2, hours: 2505 });
  expect((await store.accountById(account.id))?.totalApiCalls).toBe(2505);
  await store.close();
  rmSync(folder, { recursive: true });
});

test("the audit log forgets what was done longer ago than it is kept, and nothing else", async () => {
  const folder = mkdtempSync(join(tmpdir(), "colink-retention-"));
  const store = await openStore({ databaseUrl: null, dataDir: folder, log: silentLog });
  await store.migrate();
  const now = Date.now();
  for (const daysAgo of [400, 31, 29, 0]) {
    await store.audit.add({
      id: `aud-${daysAgo}`,
      at: now - daysAgo * DAY_MS,
      actorId: null,
      actor: null,
      action: "user.changed",
      target: null,
      detail: {},
      address: null,
    });
  }
  const left = async () => (await store.audit.page({ limit: 9 })).map(({ id }) => id);
  const options = { store, clock, log: silentLog, ledgerMs: 0, minutesMs: 0 };
  await new Retention({ ...options, auditMs: 0 }).run();
  expect(await left()).toHaveLength(4);
  await new Retention({ ...options, auditMs: 30 * DAY_MS }).run();
  expect(await left()).toEqual(["aud-0", "aud-29"]);
  await store.close();
  rmSync(folder, { recursive: true });
});

/** Pauses between chunks take no time here. */
const clock: Clock = {
  ...systemClock,
  after(_delayMs, callback) {
    queueMicrotask(callback);
    return () => {};
  },
};
