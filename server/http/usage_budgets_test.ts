/** Budgets: what they let begin, what a call costs them, and when they open again. */

import { describe, expect, test } from "bun:test";
import type { Budget, GroupBudget } from "../../api/mod.ts";
import { FakeClock } from "../base/testing/fake_clock.ts";
import { MemoryMeters } from "../limit/memory_meters.ts";
import type { GroupRow } from "../store/groups.ts";
import type { Key } from "../account/keyring.ts";
import { type Admission, type CallUsage, UsageBudgets } from "./usage_budgets.ts";

const BASE: Key = {
  id: "key",
  accountId: "ann",
  kind: "api",
  accountRpm: null,
  rpm: null,
  family: "key",
  models: null,
  budget: null,
  accountBudget: null,
  ownAliases: null,
  isAdmin: false,
  route: "any",
};

function world(groups: Record<string, GroupBudget[]> = {}) {
  const clock = new FakeClock();
  const meters = new MemoryMeters();
  const budgets = new UsageBudgets({
    meters,
    clock,
    deadlineMs: 600_000,
    groups: {
      budgetsOf: (account) =>
        groups[account]?.map((budget, at) =>
          ({ id: `g${at}`, name: `G${at}`, budget }) as GroupRow
        ),
    },
  });
  let calls = 0;
  const admit = (key: Partial<Key>, maxTokens?: number | null) =>
    budgets.admit({ ...BASE, ...key }, () => ({
      callId: `call${calls++}`,
      maxTokens,
      limitName: "max_tokens",
    })) as Admission | null;
  return { clock, admit, budgets };
}

const used = (tokens: number, more: Partial<CallUsage> = {}): CallUsage => ({
  accountId: "ann",
  providerAccountId: "bob",
  promptTokens: tokens - 1,
  completionTokens: 1,
  status: 200,
  ...more,
});

const account = (budget: Budget) => ({ accountBudget: budget });

describe("after a restart without Redis", () => {
  /** Budgets of a process that began an hour after midnight of the month's third day. */
  function restarted(tokens: (of: string, from: number, to: number) => Promise<number>) {
    const until = Date.UTC(2026, 10, 3, 1);
    let now = until;
    const meters = new MemoryMeters();
    const budgets = new UsageBudgets({
      meters,
      clock: { now: () => now },
      deadlineMs: 600_000,
      groups: { budgetsOf: () => undefined },
      earlier: {
        until,
        tokens: ({ of, id }, from, to) => tokens(`${of}:${id}`, from, to),
        add: (name, more) => meters.add(name, more),
      },
    });
    const admit = async (budget: Budget) =>
      await budgets.admit({ ...BASE, ...account(budget) }, () => ({
        callId: "c",
        maxTokens: 1,
        limitName: "max_tokens",
      }));
    return { admit, budgets, pass: (ms: number) => void (now += ms) };
  }

  test("budgets of days and months go on with what the ledger has, which is read once", async () => {
    const asked: unknown[] = [];
    const { admit, pass } = restarted((...what) => {
      asked.push(what);
      return Promise.resolve(what[1] === Date.UTC(2026, 10, 3) ? 60 : 90);
    });
    const budget = { tokens_per_day: 100, tokens_per_month: 200, tokens_per_minute: 500 };
    const [first, second] = await Promise.all([admit(budget), admit(budget)]);
    expect([first!.tokens, second!.tokens]).toMatchObject([{ remaining: 40 }, { remaining: 40 }]);
    first!.close(used(30));
    second!.close(used(30));
    await expect(admit(budget)).rejects.toMatchObject({ code: "budget_exceeded" });
    expect(asked).toEqual([
      ["account:ann", Date.UTC(2026, 10, 3), Date.UTC(2026, 10, 3, 1)],
      ["account:ann", Date.UTC(2026, 10, 1), Date.UTC(2026, 10, 3, 1)],
    ]);
    // The next day has nothing of before, and the month is known.
    pass(23 * 60 * 60_000);
    expect((await admit(budget))!.tokens).toMatchObject({ limit: 200, remaining: 50 });
    expect(asked).toHaveLength(2);
  });

  test("calls go on while the ledger cannot be read, which is tried again", async () => {
    let isAway = true;
    const { admit, budgets } = restarted(() =>
      isAway ? Promise.reject(new Error("the database is away")) : Promise.resolve(100)
    );
    const budget = { tokens_per_day: 100 };
    expect((await admit(budget))!.tokens).toMatchObject({ remaining: 100 });
    isAway = false;
    await expect(admit(budget)).rejects.toMatchObject({ code: "budget_exceeded" });
    const holder = { of: "account", id: "ann", shownId: "ann", name: null, budget } as const;
    expect((await budgets.uses([holder]))[0]!.limits).toMatchObject([{ used: 100 }]);
  });
});

test("what is used of a budget is read without using any of it, and starts over with its time", async () => {
  const budget = { tokens_per_day: 100, calls_at_once: 2, max_tokens: 50, models: ["m"] };
  const { admit, budgets, clock } = world({ ann: [budget] });
  const first = admit({ budget: { tokens_per_minute: 9 } });
  admit({});
  first!.close(used(30));
  const holders = [
    { of: "group" as const, id: "g0", shownId: "g0", name: "G0", budget },
    {
      of: "key" as const,
      id: "key",
      shownId: "key_2",
      name: "ci",
      budget: { tokens_per_minute: 9 },
    },
  ];
  const day = 86_400_000;
  const endOfDay = (Math.floor(clock.now() / day) + 1) * day;
  const endOfMinute = (Math.floor(clock.now() / 60_000) + 1) * 60_000;
  for (let i = 0; i < 2; i++) {
    expect(await budgets.uses(holders)).toEqual([
      {
        of: "group",
        id: "g0",
        name: "G0",
        limits: [
          { name: "tokens_per_day", used: 30, limit: 100, opens_at: endOfDay },
          { name: "calls_at_once", used: 1, limit: 2, opens_at: null },
        ],
        max_tokens: 50,
        models: ["m"],
      },
      {
        of: "key",
        id: "key_2",
        name: "ci",
        limits: [{ name: "tokens_per_minute", used: 30, limit: 9, opens_at: endOfMinute }],
        max_tokens: null,
        models: null,
      },
    ]);
  }
  await clock.pass(60_000);
  const [, key] = await budgets.uses(holders);
  expect(key!.limits[0]).toMatchObject({ used: 0, opens_at: endOfMinute + 60_000 });
});

test("a call that no budget counts is asked nothing", () => {
  const budgets = new UsageBudgets({
    meters: new MemoryMeters(),
    clock: new FakeClock(),
    deadlineMs: 1,
    groups: { budgetsOf: () => undefined },
  });
  const demand = () => {
    throw new Error("asked");
  };
  expect(budgets.admit(BASE, demand)).toBeNull();
});

describe.each(
  [
    ["tokens_per_minute", Date.UTC(2026, 1, 28, 23, 59, 30), 30_000],
    ["tokens_per_day", Date.UTC(2026, 1, 28, 23, 0, 0), 3_600_000],
    ["tokens_per_month", Date.UTC(2026, 11, 31, 23, 0, 0), 3_600_000],
  ] as const,
)("the budget %s", (member, startMs, opensInMs) => {
  test("ends with what runs already, names itself, and opens when its time of UTC ends", async () => {
    const { clock, admit } = world();
    await clock.pass(startMs - clock.now());
    const key = account({ [member]: 10 });
    const running = [admit(key)!, admit(key)!];
    running.forEach((call) => call.close(used(8)));
    expect(() => admit(key)).toThrow(
      expect.objectContaining({
        code: "budget_exceeded",
        retryAfterMs: opensInMs,
        message: expect.stringContaining(`${member} of this account, 10, is used up; it opens`),
      }),
    );
    await clock.pass(opensInMs);
    expect(admit(key)?.tokens).toEqual({ limit: 10, remaining: 10, resetMs: expect.any(Number) });
  });
});

test("what a call used is counted once, and its headers show the tightest budget", () => {
  const { admit } = world();
  const key = { budget: { tokens_per_day: 100 }, ...account({ tokens_per_month: 1000 }) };
  const call = admit(key)!;
  call.close(used(30));
  call.close(used(30));
  expect(admit(key)!.tokens).toMatchObject({ limit: 100, remaining: 70 });
});

test("calls at a time are as many as the budget says, and one that ends makes room", () => {
  const { admit } = world();
  const key = account({ calls_at_once: 2 });
  const first = admit(key)!;
  admit(key);
  expect(() => admit(key)).toThrow("calls_at_once of this account, 2");
  first.close(null);
  expect(admit(key)).not.toBeNull();
});

test("members of a group share its budgets, and others feel nothing of it", () => {
  const groups = { ann: [{ requests_per_minute: 2 }], bob: [{ requests_per_minute: 2 }] };
  const { admit } = world(groups);
  expect(admit({ accountId: "ann" })!.requests).toMatchObject({ limit: 2, remaining: 1 });
  admit({ accountId: "bob" });
  expect(() => admit({ accountId: "ann" })).toThrow('requests_per_minute of the group "G0", 2');
  expect(admit({ accountId: "eve" })).toBeNull();
});

test("a call that one budget refuses is counted by none", () => {
  const { admit } = world({ ann: [{ requests_per_minute: 1 }] });
  const key = account({ calls_at_once: 1 });
  const first = admit({ accountId: "ann", ...key })!;
  first.close(used(1));
  expect(() => admit({ accountId: "ann", ...key })).toThrow("requests_per_minute");
  expect(admit({ ...key, accountId: "eve" })).not.toBeNull();
});

test("calls on one's own nodes, and refused ones, cost nothing", () => {
  const { admit } = world({ ann: [{ requests_per_minute: 1, tokens_per_day: 5 }] });
  admit({})!.close(used(50, { providerAccountId: "ann" }));
  admit({})!.close(used(50, { status: 404, providerAccountId: null }));
  admit({})!.close(null);
  expect(admit({})!.tokens).toMatchObject({ remaining: 5 });
});

test("the largest max_tokens binds, and the error says what to send", () => {
  const { admit } = world({ ann: [{ max_tokens: 100 }] });
  for (const maxTokens of [101, null]) {
    expect(() => admit({}, maxTokens)).toThrow("max_tokens of 100 or less");
  }
  expect(admit({}, 100)).toBeNull();
  expect(admit({})).toBeNull();
});

test("a replaced key goes on with its family's budget", () => {
  const { admit } = world();
  const budget = { tokens_per_day: 5 };
  admit({ budget })!.close(used(5));
  expect(() => admit({ id: "next", budget })).toThrow("tokens_per_day of this key");
});
