/** Retention over a real store: what is deleted, and what stays. */

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, DAY_MS, systemClock } from "../base/clock.ts";
import { silentLog } from "../base/log.ts";
import { FakeClock, settle } from "../base/testing/fake_clock.ts";
import { openStore } from "./open.ts";
import { Retention, type RetentionOptions } from "./retention.ts";
import type { Store } from "./store.ts";
import { anAccount, anEntry } from "./testing/store_suite.ts";

const NOW = Date.now();

/** Pauses take no time on it. */
const clock: Clock = {
  ...systemClock,
  now: () => NOW,
  after(_delayMs, callback) {
    queueMicrotask(callback);
    return () => {};
  },
};

let folder: string;
let store: Store;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "colink-retention-"));
  store = await openStore({ databaseUrl: null, dataDir: folder, log: silentLog });
  await store.migrate();
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

function aRetention(options: Partial<RetentionOptions> = {}): Retention {
  const forEver = {
    ...{ ledgerMs: 0, minutesMs: 0, auditMs: 0, rememberedNodes: 1000 },
    connectedNodes: () => [],
  };
  return new Retention({ store, clock, log: silentLog, ...forEver, ...options });
}

test("calls and minutes are deleted after their retention time; hours, days and totals stay", async () => {
  const account = anAccount();
  await store.addAccount(account, []);
  const entries = (daysAgo: number, count: number) =>
    Array.from(
      { length: count },
      () => anEntry({ accountId: account.id, startedAt: NOW - daysAgo * DAY_MS }),
    );
  // More than one chunk.
  await store.writeLedger([...entries(40, 2500), ...entries(10, 3), ...entries(1, 2)]);

  while (await store.usage.fold(100) > 0);

  const left = async () => {
    const made = { accountId: account.id, side: "made" } as const;
    const range = { from: NOW - 100 * DAY_MS, to: NOW + DAY_MS };
    const { calls } = await store.calls.page({ ...made, limit: 100 });
    const sum = async (step: "minute" | "hour" | "day") =>
      (await store.usage.total({ ...made, ...range, step })).calls;
    const [minutes, hours, days] = [await sum("minute"), await sum("hour"), await sum("day")];
    return { calls: calls.length, minutes, hours, days };
  };
  await aRetention().run();
  expect(await left()).toMatchObject({ minutes: 2505, hours: 2505, days: 2505 });
  await aRetention({ ledgerMs: 30 * DAY_MS, minutesMs: 7 * DAY_MS }).run();
  expect(await left()).toEqual({ calls: 5, minutes: 2, hours: 2505, days: 2505 });
  expect((await store.accountById(account.id))?.totalApiCalls).toBe(2505);
});

test("minutes are deleted for every account, however many there are", async () => {
  const accounts = Array.from({ length: 101 }, () => anAccount());
  for (const account of accounts) await store.addAccount(account, []);
  const startedAt = NOW - 10 * DAY_MS;
  await store.writeLedger(accounts.map(({ id }) => anEntry({ accountId: id, startedAt })));
  while (await store.usage.fold(100) > 0);
  await aRetention({ minutesMs: 7 * DAY_MS }).run();
  for (const { id } of accounts) {
    const range = { from: 0, to: NOW, step: "minute" } as const;
    expect(await store.usage.total({ accountId: id, side: "made", ...range }))
      .toMatchObject({ calls: 0 });
  }
});

test("the audit log is deleted after its retention time", async () => {
  for (const daysAgo of [400, 31, 29, 0]) {
    await store.audit.add({
      id: `aud-${daysAgo}`,
      at: NOW - daysAgo * DAY_MS,
      actorId: null,
      actor: null,
      action: "user.changed",
      target: null,
      detail: {},
      address: null,
    });
  }
  const left = async () => (await store.audit.page({ limit: 9 })).map(({ id }) => id);
  await aRetention().run();
  expect(await left()).toHaveLength(4);
  await aRetention({ auditMs: 30 * DAY_MS }).run();
  expect(await left()).toEqual(["aud-0", "aud-29"]);
});

test("timelines of nodes are kept for ninety days, whatever else is kept for ever", async () => {
  const events = [91, 89, 0].map((daysAgo) => ({
    id: `evt-${daysAgo}`,
    nodeId: "node",
    at: NOW - daysAgo * DAY_MS,
    kind: "connected",
    code: null,
    model: null,
    detail: null,
    until: null,
  }));
  await store.nodes.write({ sightings: [], departures: [], events });
  await aRetention().run();
  const left = await store.nodes.timeline("node", 9);
  expect(left.map(({ id }) => id)).toEqual(["evt-0", "evt-89"]);
});

/** What a node was seen with. */
const offer = {
  accountId: "owner",
  keyId: "key",
  name: "n",
  agent: null,
  machine: null,
  models: ["m"],
  maxParallel: 1,
};

/** Writes nodes down, each gone for so many days; null: connected. */
async function writeNodes(accountId: string, goneDaysAgo: Record<string, number | null>) {
  const all = Object.entries(goneDaysAgo).map(([id, days]) => ({
    id,
    at: NOW - (days ?? 0) * DAY_MS,
    isGone: days !== null,
  }));
  await store.nodes.write({
    sightings: all.map(({ id, at }) => ({ ...offer, id, at, accountId })),
    departures: all.filter(({ isGone }) => isGone)
      .map(({ id, at }) => ({ id, at, code: "lost", closeCode: 1006 })),
    events: [],
  });
}

const nodesOf = async (accountId: string) =>
  (await store.nodes.ofAccount(accountId, 100)).map(({ id }) => id).sort();

test("nodes that have been gone for ninety days are forgotten, but for paused ones", async () => {
  await writeNodes("owner", { old: 91, kept: 89, here: null, paused: 91 });
  await store.nodes.decide("paused", null, { pausedAt: 1 });
  await aRetention().run();
  expect(await nodesOf("owner")).toEqual(["here", "kept", "paused"]);
});

test("nodes of a gateway that has crashed are gone three days after they were seen last, and forgotten in time", async () => {
  const seen = { "orphan": 4, "old orphan": 91, "elsewhere": 2, "here": 95, "back": 10 };
  await store.nodes.write({
    sightings: Object.entries(seen).map(([id, daysAgo]) => {
      return { ...offer, id, at: NOW - daysAgo * DAY_MS };
    }),
    departures: [],
    events: [],
  });
  const connected = ["here", ...Array.from({ length: 700 }, (_, i) => `not-remembered-${i}`)];
  const retention = aRetention({ connectedNodes: () => connected });
  await retention.run();
  const goneDaysAgo = async () => {
    const rows = await store.nodes.ofAccount("owner", 100);
    return Object.fromEntries(rows.map(({ id, goneAt, goneCode }) => [
      id,
      goneAt === null ? null : `${goneCode} ${(NOW - goneAt) / DAY_MS}`,
    ]));
  };
  expect(await goneDaysAgo())
    .toEqual({ elsewhere: null, here: null, orphan: "lost 4", back: "lost 10" });
  expect((await store.nodes.find("here"))?.lastSeenAt).toBe(NOW);
  // A gateway that could not write for days has it still.
  connected.push("back");
  await retention.run();
  expect(await goneDaysAgo()).toEqual({
    elsewhere: null,
    here: null,
    orphan: "lost 4",
    back: null,
  });
});

test("of an account with too many nodes, those that have been gone for longest are forgotten", async () => {
  await writeNodes("owner", { a: 5, b: 4, c: 3, d: 2, here: null, paused: 9 });
  await writeNodes("other", { x: 8, y: 7 });
  await store.nodes.decide("paused", null, { pausedAt: 1 });
  await aRetention({ rememberedNodes: 4 }).run();
  expect(await nodesOf("owner")).toEqual(["c", "d", "here", "paused"]);
  expect(await nodesOf("other")).toEqual(["x", "y"]);
  // Connected nodes stay, however many.
  await aRetention({ rememberedNodes: 1 }).run();
  expect(await nodesOf("owner")).toEqual(["here", "paused"]);
});

test("many nodes are forgotten in chunks, each with its timeline", async () => {
  const gone = Array.from({ length: 120 }, (_, i) => [`n-${i}`, i / 1000] as const);
  await writeNodes("owner", Object.fromEntries(gone));
  const event = { code: null, model: null, detail: null, until: null, kind: "offer", at: NOW };
  await store.nodes.write({
    sightings: [],
    departures: [],
    events: ["n-119", "n-0"].map((nodeId) => ({ id: `evt-${nodeId}`, nodeId, ...event })),
  });
  await aRetention({ rememberedNodes: 10 }).run();
  expect(await nodesOf("owner")).toHaveLength(10);
  expect(await store.nodes.timeline("n-119", 9)).toEqual([]);
  expect(await store.nodes.timeline("n-0", 9)).toHaveLength(1);
});

test("of a node that offers names without end, only the first are stored", async () => {
  const models = Array.from({ length: 1000 }, (_, i) => `${i}-${"x".repeat(100)}`);
  await store.nodes.write({
    sightings: [{ ...offer, id: "long", at: NOW, models }],
    departures: [],
    events: [],
  });
  const [row] = await store.nodes.ofAccount("owner", 1);
  expect(JSON.stringify(row!.models).length).toBeLessThan(18_000);
  expect(row!.models).toEqual(models.slice(0, row!.models.length));
  expect(row!.models.length).toBeGreaterThan(100);
});

test("sessions are deleted once they have expired, whatever else is kept for ever", async () => {
  const account = anAccount();
  await store.addAccount(account, []);
  for (const [id, expiresAt] of [["over", NOW - 1], ["good", NOW + DAY_MS]] as const) {
    const at = { createdAt: NOW, lastSeenAt: NOW, expiresAt };
    const from = { address: "192.0.2.1", userAgent: null, providerSid: null };
    const session = { id, accountId: account.id, ...from, ...at };
    await store.sessions.add(session, account.passwordHash);
  }
  await aRetention().run();
  expect(await store.sessions.end(account.id, "over")).toBe(false);
  expect(await store.sessions.end(account.id, "good")).toBe(true);
});

test("a run pauses after each full chunk, and ends there when retention is closed", async () => {
  const fakeClock = new FakeClock();
  const chunks: number[] = [];
  const prune = (_before: number, limit: number) => {
    chunks.push(limit);
    return Promise.resolve(limit);
  };
  const endless = { calls: { prune }, nodes: store.nodes, sessions: store.sessions };
  const retention = aRetention({
    store: endless as unknown as Store,
    clock: fakeClock,
    ledgerMs: DAY_MS,
  });
  retention.start();
  await fakeClock.pass(10 * 60_000);
  expect(chunks).toHaveLength(1);
  await fakeClock.pass(400);
  expect(chunks).toHaveLength(3);
  const closed = retention.close();
  await fakeClock.pass(200);
  await settle();
  await closed;
  expect(chunks).toHaveLength(3);
  expect(fakeClock.pending).toBe(0);
});
