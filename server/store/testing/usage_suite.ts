/** What a store reports as usage: store_test.ts runs this suite on SQLite and on PostgreSQL. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { DAY_MS, MINUTE_MS } from "../../base/clock.ts";
import { TimeZone } from "../../base/time_zone.ts";
import { seeded } from "../../base/testing/random.ts";
import { storable } from "../text.ts";
import { bucketOf, BUCKETS } from "../histogram.ts";
import type { AccountRow, LedgerEntry, Store } from "../store.ts";
import { aKey, anAccount, anEntry, type Subject } from "./store_suite.ts";
import type { UsageSum } from "../usage.ts";
import type { ExportedUsage } from "../usage_export.ts";
import type { UsageQuery } from "../usage_query.ts";
import { EVERYONE, steps } from "../usage_rollup.ts";

/** The start of a day, and so of an hour and of a minute. */
const DAY = Date.UTC(2026, 9, 1);

/** Declares the tests. Called inside a `describe`. */
export function usageSuite(prepare: () => Promise<Subject>): void {
  let subject: Subject;
  let store: Store;

  beforeAll(async () => {
    subject = await prepare();
    store = await subject.openAgain();
    await store.migrate();
  });
  afterAll(async () => {
    await store?.close();
    await subject?.remove?.();
  });

  async function added(): Promise<AccountRow> {
    const account = anAccount();
    await store.addAccount(account, []);
    return account;
  }

  const aQuery = (account: AccountRow, change: Partial<UsageQuery> = {}): UsageQuery => ({
    accountId: account.id,
    side: "made",
    step: "day",
    from: DAY,
    to: DAY + 2 * DAY_MS,
    ...change,
  });

  test("adds up the tokens that budgets count of an account, a group and a key, without those on own nodes", async () => {
    const [account, other] = [await added(), await added()];
    const [key, newer, otherKey] = [
      aKey(account, { family: "f" }),
      aKey(account, { family: "f" }),
      aKey(other),
    ];
    for (const one of [key, newer, otherKey]) await store.keys.rotate(one);
    const group = { id: crypto.randomUUID(), name: crypto.randomUUID() };
    await store.groups.add({
      ...group,
      weight: 100,
      membersSeeNodes: false,
      budget: null,
      createdAt: DAY,
    });
    await store.groups.changeMembers(group.id, { add: [account.id, other.id], remove: [], now: 1 });
    const call = (tokens: number, change: Partial<LedgerEntry> = {}) =>
      anEntry({
        accountId: account.id,
        keyId: key.id,
        providerAccountId: other.id,
        promptTokens: tokens,
        completionTokens: null,
        startedAt: DAY,
        ...change,
      });
    await store.writeLedger([
      call(1, { startedAt: DAY - 1 }),
      call(2),
      call(4, { keyId: newer.id, startedAt: DAY + DAY_MS - 1, providerAccountId: null }),
      call(8, { startedAt: DAY + DAY_MS }),
      call(16, { providerAccountId: account.id }),
      call(32, { status: 404 }),
      call(64, { keyId: otherKey.id, completionTokens: 128 }),
      call(256, { accountId: other.id, keyId: otherKey.id, providerAccountId: null }),
    ]);
    const tokens = (of: "account" | "group" | "key", id: string) =>
      store.usage.budgetTokens({ of, id }, DAY, DAY + DAY_MS);
    expect(await tokens("account", account.id)).toBe(2 + 4 + 64 + 128);
    expect(await tokens("key", "f")).toBe(2 + 4);
    expect(await tokens("group", group.id)).toBe(2 + 4 + 64 + 128 + 256);
  });

  for (const seed of [1, 2, 3]) {
    test(`equals the sums of the ledger, whatever is folded and when (seed ${seed})`, async () => {
      const random = seeded(seed);
      const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
      const upTo = (most: number) => 1 + Math.floor(random() * most);
      const accounts = [await added(), await added(), await added()];
      const someEntry = () => anEntryOf(pick(accounts), pick([...accounts, null]), random);
      const ledger: LedgerEntry[] = [];
      for (let turn = 0; turn < 40; turn++) {
        const batch = Array.from({ length: upTo(12) }, someEntry);
        // As after an outage, some entries are written a second time.
        await store.writeLedger([...batch, ...ledger.slice(-upTo(3))]);
        ledger.push(...batch);
        if (random() < 0.5) await store.usage.fold(upTo(20));
        const query = aQuery(pick(accounts), {
          side: pick(["made", "provided"]),
          step: pick(["minute", "hour", "day"]),
          ...(random() < 0.3 && { model: pick(models) }),
          ...(random() < 0.3 && { nodeId: pick(nodes) }),
        });
        const keyed = query.side === "made" && random() < 0.3 ? { keyId: pick(keys) } : {};
        await expectReported(ledger, { ...query, ...keyed });
      }
      while (await store.usage.fold(100) > 0);
      expect(await store.usage.waiting(1)).toBe(0);
      for (const account of accounts) await expectReported(ledger, aQuery(account));
    });
  }

  /** Every answer equals the sums over the ledger's entries. */
  async function expectReported(ledger: readonly LedgerEntry[], query: UsageQuery): Promise<void> {
    const mine = ledger.filter((entry) => fits(entry, query));
    expect(await store.usage.total(query)).toEqual(sumOf(mine));
    const { ms } = steps[query.step];
    const series = [...Map.groupBy(mine, ({ startedAt }) => startedAt - startedAt % ms)]
      .map(([at, entries]) => ({ at, ...sumOf(entries) })).sort((a, b) => a.at - b.at);
    expect(await store.usage.series(query)).toEqual(series);
    const shares = {
      model: ({ model }: LedgerEntry) => storable(model),
      key: ({ keyId }: LedgerEntry) => query.side === "made" ? keyId : null,
      node: ({ nodeId }: LedgerEntry) => nodeId,
    };
    for (const dimension of ["model", "key", "node"] as const) {
      const parts = [...Map.groupBy(mine, shares[dimension])]
        .flatMap(([id, entries]) => id === null ? [] : [{ id, ...sumOf(entries) }])
        .sort((a, b) => b.calls - a.calls || (a.id < b.id ? -1 : 1));
      expect(await store.usage.shares(query, dimension, 50)).toEqual(parts);
    }
    const points = await store.usage.modelSeries(query, ["m0"]);
    const ofModel = mine.filter(({ model }) => model === "m0");
    expect(points.reduce((sum, { calls }) => sum + calls, 0)).toBe(ofModel.length);
  }

  for (const name of ["America/New_York", "Asia/Shanghai", "Asia/Kolkata", "Europe/Berlin"]) {
    test(`by the days of ${name} counts each hour in the day in which it begins, folded or not`, async () => {
      const [from, to] = [Date.UTC(2026, 9, 24), Date.UTC(2026, 10, 3)];
      const random = seeded(name.length);
      const account = await added();
      const zone = new TimeZone(name, from, to);
      const entries = Array.from(
        { length: 200 },
        () =>
          anEntry({ accountId: account.id, startedAt: from + Math.floor(random() * (to - from)) }),
      );
      const dayOf = ({ startedAt }: LedgerEntry) =>
        zone.dayOf(startedAt - startedAt % (60 * MINUTE_MS));
      const expected = [...Map.groupBy(entries, dayOf)]
        .map(([at, { length: calls }]) => ({ at, calls })).sort((a, b) => a.at - b.at);
      const query = aQuery(account, { step: "hour", offsets: zone.offsets, from, to });
      const days = async () =>
        (await store.usage.series(query)).map(({ at, calls }) => ({ at, calls }));
      const model = storable(entries[0]!.model);
      const ofModel = async () =>
        (await store.usage.modelSeries(query, [model])).map(({ at, calls }) => ({ at, calls }));
      await store.writeLedger(entries.slice(0, 120));
      await store.usage.fold(40);
      await store.writeLedger(entries.slice(120));
      expect(await days()).toEqual(expected);
      expect(await ofModel()).toEqual(expected);
      while (await store.usage.fold(100) > 0);
      expect(await days()).toEqual(expected);
    });
  }

  test("is exported page by page, each row once, in one order, folded or not", async () => {
    const accounts = [await added(), await added()];
    const random = seeded(7);
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
    const [from, to] = [DAY + 700 * DAY_MS, DAY + 703 * DAY_MS];
    const entries = Array.from({ length: 150 }, () =>
      anEntry({
        accountId: pick(accounts).id,
        keyId: pick(["k1", "k2"]),
        model: pick(["a", "b\0", "c"]),
        startedAt: from + Math.floor(random() * (to - from)),
      }));
    await store.writeLedger(entries.slice(0, 100));
    while (await store.usage.fold(100) > 0);
    await store.writeLedger(entries.slice(100));
    const by = new Set(["at", "key", "model"] as const);
    const ids = accounts.map(({ id }) => id);
    const rows: ExportedUsage[] = [];
    for (let after: ExportedUsage | null = null;;) {
      const query = { accountIds: ids, by, step: "day", from, to, after, limit: 7 } as const;
      const page = await store.usage.exported(query);
      rows.push(...page);
      if (page.length < 7) break;
      after = page.at(-1)!;
    }
    const idOf = (...parts: unknown[]) => JSON.stringify(parts);
    const expected = Map.groupBy(
      entries,
      ({ accountId, startedAt, keyId, model }) =>
        idOf(accountId, startedAt - startedAt % DAY_MS, keyId, storable(model)),
    );
    const found = rows.map((row) => [idOf(row.accountId, row.at, row.keyId, row.model), row.calls]);
    expect(found.length).toBe(expected.size);
    expect(new Map(found as [string, number][]))
      .toEqual(new Map([...expected].map(([id, calls]) => [id, calls.length])));
    const whole = { accountIds: null, step: "day", from, to, after: null, limit: 9 } as const;
    const [all] = await store.usage.exported({ ...whole, by: new Set() });
    expect(all).toMatchObject({ accountId: "", at: 0, keyId: "", model: "", calls: 150 });
  });

  test("of everyone equals the sum over the accounts, whatever is folded", async () => {
    const [one, two] = [await added(), await added()];
    const from = DAY + 400 * DAY_MS;
    const everyone = aQuery(one, {
      accountId: EVERYONE,
      side: "everyone",
      from,
      to: from + DAY_MS,
    });
    const entry = (account: AccountRow, change: Partial<LedgerEntry>) =>
      anEntry({ accountId: account.id, startedAt: from, nodeId: "n", ...change });
    const expectBoth = async () => {
      expect(await store.usage.total(everyone)).toMatchObject({ calls: 3, errors: 1 });
      const shares = await store.usage.shares(everyone, "key", 5);
      expect(shares.map(({ id, calls }) => [id, calls])).toEqual([[one.id, 2], [two.id, 1]]);
      expect(await store.usage.shares(everyone, "model", 5)).toMatchObject([{ calls: 3 }]);
      expect(await store.usage.shares(everyone, "node", 5)).toMatchObject([{ id: "n", calls: 3 }]);
    };
    await store.writeLedger([
      entry(one, {}),
      entry(one, { outcome: "timeout", cause: "deadline_exceeded" }),
      entry(two, { outcome: "cancelled" }),
    ]);
    await expectBoth();
    while (await store.usage.fold(100) > 0);
    await expectBoth();
    expect(await store.calls.causes(from, from + 1, 5)).toEqual([{
      cause: "deadline_exceeded",
      calls: 1,
    }]);
  });

  test("is exact at every moment, while two gateways write and fold", async () => {
    const account = await added();
    const other = await subject.openAgain();
    let begun = 0;
    let written = 0;
    const work = async (gateway: Store, mark: number) => {
      for (let i = 0; i < 20; i++) {
        const batch = Array.from({ length: 30 }, (_, n) =>
          anEntry({
            accountId: account.id,
            nodeId: `n${n % 9}`,
            startedAt: DAY + n,
            model: `m${(n + i + mark) % 4}`,
          }));
        begun += batch.length;
        await gateway.writeLedger(batch);
        written += batch.length;
        await gateway.usage.fold(20);
      }
    };
    let isOver = false;
    const watch = async () => {
      while (!isOver) {
        const atLeast = written;
        const { calls } = await store.usage.total(aQuery(account, { step: "hour" }));
        expect(calls).toBeGreaterThanOrEqual(atLeast);
        expect(calls).toBeLessThanOrEqual(begun);
        // A gateway that waits for SQLite's lock needs a timer to fire.
        await new Promise(setImmediate);
      }
    };
    const watching = watch();
    await Promise.all([work(store, 0), work(other, 1)]);
    isOver = true;
    await watching;
    for (const step of ["minute", "hour", "day"] as const) {
      expect((await store.usage.total(aQuery(account, { step }))).calls).toBe(1200);
    }
    await other.close();
  });

  test("counts on although a node reports as many tokens as a number holds, and leaves the others' figures alone", async () => {
    const liar = await added();
    const honest = await added();
    const absurd = () =>
      anEntry({
        accountId: liar.id,
        promptTokens: Number.MAX_SAFE_INTEGER,
        completionTokens: Number.MAX_SAFE_INTEGER,
        startedAt: DAY,
      });
    const calls = 1200;
    for (let at = 0; at < calls; at += 100) {
      await store.writeLedger(Array.from({ length: 100 }, absurd));
    }
    await store.writeLedger([anEntry({ accountId: honest.id, promptTokens: 7, startedAt: DAY })]);
    expect(await store.usage.total(aQuery(liar))).toMatchObject({ calls });
    for (let round = 0; round < 2; round++) {
      while (await store.usage.fold(25) > 0);
      expect(await store.usage.total(aQuery(liar))).toMatchObject({ calls: calls + round });
      expect(await store.usage.total(aQuery(honest))).toMatchObject({ calls: 1, promptTokens: 7 });
      await store.writeLedger([absurd()]);
    }
    expect((await store.usage.series(aQuery(liar)))[0]?.promptTokens)
      .toBeGreaterThan(Number.MAX_SAFE_INTEGER / 2);
  });

  test("by the minute is deleted when it is old; hours and days stay", async () => {
    const account = await added();
    await store.writeLedger([anEntry({ accountId: account.id, startedAt: DAY })]);
    while (await store.usage.fold(100) > 0);
    expect(await store.usage.pruneMinutes([account.id], DAY)).toBe(0);
    expect(await store.usage.pruneMinutes([account.id], DAY + 1)).toBeGreaterThan(0);
    expect((await store.usage.total(aQuery(account, { step: "minute" }))).calls).toBe(0);
    expect((await store.usage.total(aQuery(account, { step: "hour" }))).calls).toBe(1);
  });
}

/** The last two are stored as the same text. */
const models = ["m0", "m\0", "m\uFFFD"];
const keys = ["k0", "k1"];
const nodes = ["n0", "n1", "n2", "n3"];

function anEntryOf(
  caller: AccountRow,
  provider: AccountRow | null,
  random: () => number,
): LedgerEntry {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  return anEntry({
    accountId: caller.id,
    providerAccountId: provider?.id ?? null,
    nodeId: provider === null ? null : pick(nodes),
    model: pick(models),
    keyId: pick(keys),
    stream: random() < 0.7,
    outcome: pick(["ok", "ok", "timeout", "cancelled", "node_lost"]),
    promptTokens: pick([null, 5, 1000]),
    completionTokens: pick([null, 0, 7, 300]),
    firstByteMs: pick([null, 4, 90, 800, 90_000]),
    durationMs: pick([4, 1000, 90_500]),
    startedAt: DAY + Math.floor(random() * 6 * 60) * 5 * MINUTE_MS + pick([0, 1, 59_999]),
  });
}

function fits(entry: LedgerEntry, { accountId, side, from, to, model, keyId, nodeId }: UsageQuery) {
  return accountId === (side === "made" ? entry.accountId : entry.providerAccountId) &&
    entry.startedAt >= from && entry.startedAt < to &&
    (model === undefined || storable(entry.model) === storable(model)) &&
    (keyId === undefined || entry.keyId === keyId) &&
    (nodeId === undefined || entry.nodeId === nodeId);
}

function sumOf(entries: readonly LedgerEntry[]): UsageSum {
  const sum = (value: (entry: LedgerEntry) => number) =>
    entries.reduce((total, entry) => total + value(entry), 0);
  const streamed = entries.filter(({ stream, firstByteMs }) => stream && firstByteMs !== null);
  const streamMs = (entry: LedgerEntry) => entry.durationMs - (entry.firstByteMs ?? 0);
  const timed = streamed.filter((entry) =>
    (entry.completionTokens ?? 0) > 0 && streamMs(entry) > 0
  );
  const histogram = new Array<number>(BUCKETS).fill(0);
  for (const { firstByteMs } of streamed) histogram[bucketOf(firstByteMs ?? 0)]!++;
  return {
    calls: entries.length,
    errors: entries.filter(({ outcome }) => outcome !== "ok" && outcome !== "cancelled").length,
    promptTokens: sum(({ promptTokens }) => promptTokens ?? 0),
    completionTokens: sum(({ completionTokens }) => completionTokens ?? 0),
    streamTokens: timed.reduce((total, { completionTokens }) => total + (completionTokens ?? 0), 0),
    streamMs: timed.reduce((total, entry) => total + streamMs(entry), 0),
    histogram,
  };
}
