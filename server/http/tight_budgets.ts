/** The budgets of accounts and groups that are used up or nearly so, as they are now. */

import type { Attention, BudgetUse } from "../../api/mod.ts";
import { type Clock, MINUTE_MS } from "../base/clock.ts";
import type { AppParts } from "./parts.ts";
import type { BudgetHolder } from "./usage_budgets.ts";

/**
 * The used part from which a budget is named. Budgets of a minute and of calls at once are not: they
 * open again by themselves.
 */
const TIGHT_FROM = 0.9;
const members: readonly BudgetUse["limits"][number]["name"][] = [
  "tokens_per_day",
  "tokens_per_month",
];
/** Accounts whose budgets are read; each costs a few counters. */
const MAX_ACCOUNTS = 1_000;

/**
 * Budgets that are read at a time: after a restart without Redis the ledger is asked for each of them
 * once, and calls must not wait behind all those queries.
 */
const AT_ONCE = 20;

/** How long the overview waits for budgets that are being read: after a restart, reading a thousand takes seconds. */
const WAIT_MS = 1000;

type Holder = NonNullable<Attention["holders"]>[number];

type Parts = Pick<AppParts, "store" | "groups" | "usageBudgets"> & {
  clock: Pick<Clock, "monotonic" | "after">;
};

/** Finds the accounts and groups with such a budget, the one that has used the largest part first. */
export class TightBudgets {
  /** `atMs`: in monotonic milliseconds. */
  #known = { holders: [] as Holder[], atMs: -Infinity };
  #reading: Promise<Holder[]> | null = null;

  constructor(private readonly parts: Parts) {}

  /**
   * At most a minute old; the holders from before, or none, while reading takes longer than `WAIT_MS`.
   * Throws `store_unavailable` while the database is away.
   */
  async holders(): Promise<Holder[]> {
    const { clock } = this.parts;
    if (clock.monotonic() - this.#known.atMs < MINUTE_MS) return this.#known.holders;
    this.#reading ??= this.#read().finally(() => this.#reading = null);
    const { promise: waited, resolve } = Promise.withResolvers<Holder[]>();
    const cancel = clock.after(WAIT_MS, () => resolve(this.#known.holders));
    try {
      return await Promise.race([this.#reading, waited]);
    } finally {
      cancel();
    }
  }

  async #read(): Promise<Holder[]> {
    const { store, groups, usageBudgets } = this.parts;
    const accounts = await store.users.withBudget(MAX_ACCOUNTS);
    const budgeted: BudgetHolder[] = [
      ...accounts.flatMap(({ id, email, budget }) =>
        budget === null ? [] : [holderOf("account", id, email, budget)]
      ),
      ...groups.list().flatMap(({ id, name, budget }) =>
        budget === null ? [] : [holderOf("group", id, name, budget)]
      ),
    ].filter(({ budget }) => members.some((member) => member in budget));
    const uses: BudgetUse[] = [];
    for (let at = 0; at < budgeted.length; at += AT_ONCE) {
      uses.push(...await usageBudgets.uses(budgeted.slice(at, at + AT_ONCE)));
    }
    const holders = uses.map((use, at) => ({ holder: budgeted[at]!, part: usedOf(use) }))
      .filter(({ part }) => part >= TIGHT_FROM)
      .sort((a, b) => b.part - a.part)
      .map(({ holder: { of, id, name } }) => ({ of, id, name: name ?? "" }) as Holder);
    this.#known = { holders, atMs: this.parts.clock.monotonic() };
    return holders;
  }
}

function holderOf(
  of: "account" | "group",
  id: string,
  name: string,
  budget: BudgetHolder["budget"],
): BudgetHolder {
  return { of, id, shownId: id, name, budget };
}

/** The largest used part of its limits of a day and a month. */
function usedOf({ limits }: BudgetUse): number {
  const parts = limits.filter(({ name }) => members.includes(name))
    .map(({ used, limit }) => used / limit);
  return Math.max(0, ...parts);
}
