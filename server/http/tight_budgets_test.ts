import { expect, test } from "bun:test";
import { FakeClock, settle } from "../base/testing/fake_clock.ts";
import { storeUnavailable } from "../store/backend.ts";
import { TightBudgets } from "./tight_budgets.ts";
import type { BudgetHolder } from "./usage_budgets.ts";

type Budget = BudgetHolder["budget"];

/** Accounts and one group with their budgets, of which so much is used. */
function gateway(accounts: Record<string, [budget: Budget, used: number]> = {}) {
  const clock = new FakeClock();
  const asked = { times: 0, fails: false };
  const reading = { until: Promise.resolve() };
  const group = { id: "physics", name: "Physics", budget: { tokens_per_day: 100 } };
  const parts = {
    clock,
    groups: { list: () => [group] },
    store: {
      users: {
        withBudget: () => {
          asked.times++;
          if (asked.fails) return Promise.reject(storeUnavailable("no answer"));
          const rows = Object.entries(accounts);
          return Promise.resolve(rows.map(([id, [budget]]) => ({ id, email: `${id}@x`, budget })));
        },
      },
    },
    usageBudgets: {
      uses: async (holders: readonly BudgetHolder[]) => {
        await reading.until;
        return holders.map(({ id, name, budget }) => ({
          name,
          limits: Object.entries(budget).map(([member, limit]) => ({
            name: member,
            used: accounts[id]?.[1] ?? 95,
            limit,
          })),
        }));
      },
    },
  };
  const budgets = new TightBudgets(
    parts as unknown as ConstructorParameters<typeof TightBudgets>[0],
  );
  const names = async () => (await budgets.holders()).map(({ name }) => name);
  return { clock, asked, reading, budgets, names };
}

test("budgets of a day or a month are named from nine tenths on, the one that is used most first", async () => {
  const { names } = gateway({
    tight: [{ tokens_per_day: 100 }, 90],
    free: [{ tokens_per_day: 100 }, 89],
    over: [{ tokens_per_day: 1000, tokens_per_month: 100 }, 101],
    minute: [{ tokens_per_minute: 100, calls_at_once: 1 }, 100],
    mixed: [{ tokens_per_minute: 10, tokens_per_day: 1000 }, 10],
  });
  expect(await names()).toEqual(["over@x", "Physics", "tight@x"]);
});

test("budgets are read once a minute, also where the clock was set back, and at once after a failure", async () => {
  const { asked, names, clock } = gateway();
  asked.fails = true;
  await expect(names()).rejects.toMatchObject({ code: "store_unavailable" });
  asked.fails = false;
  expect(await names()).toEqual(["Physics"]);
  await names();
  expect(asked.times).toBe(2);
  clock.setBack(24 * 3_600_000);
  await clock.pass(60_000);
  await names();
  expect(asked.times).toBe(3);
});

test("budgets whose reading takes long are not waited for, nor read twice at a time", async () => {
  const { asked, names, clock, reading } = gateway();
  const { promise, resolve } = Promise.withResolvers<void>();
  reading.until = promise;
  for (let minute = 0; minute < 2; minute++) {
    const found = names();
    await clock.pass(60_000);
    expect(await found).toEqual([]);
  }
  expect(asked.times).toBe(1);
  resolve();
  await settle();
  expect(await names()).toEqual(["Physics"]);
  expect([asked.times, clock.pending]).toEqual([1, 0]);
});
