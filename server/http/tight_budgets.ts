/** The budgets of accounts and groups that are used up or nearly so, as they are now. */

import type { BudgetUse } from "../../api/mod.ts";
import { type Clock, MINUTE_MS } from "../base/clock.ts";
import type { AppParts } from "./parts.ts";
import type { BudgetHolder } from "./usage_budgets.ts";

/** From then on a budget is tight; of minutes and of calls at once it passes by itself. */
const TIGHT_FROM = 0.9;
const members: readonly BudgetUse["limits"][number]["name"][] = [
  "tokens_per_day",
  "tokens_per_month",
];
/** Accounts with a budget that are looked at; each costs a few counters. */
const MAX_ACCOUNTS = 1_000;

/** After a restart without Redis each is read from the ledger once, where calls must not wait behind them. */
const AT_ONCE = 20;

type Parts = Pick<AppParts, "store" | "groups" | "usageBudgets"> & { clock: Pick<Clock, "now"> };

/** The names of those who have them, the one that has used most of its budget first. */
export class TightBudgets {
  #found: { at: number; names: Promise<string[]> } | null = null;

  constructor(private readonly parts: Parts) {}

  /** Not older than a minute. Throws `store_unavailable` while the database is away. */
  names(): Promise<string[]> {
    const now = this.parts.clock.now();
    if (this.#found === null || now - this.#found.at >= MINUTE_MS) {
      const names = this.#read();
      const found = { at: now, names };
      this.#found = found;
      names.catch(() => {
        if (this.#found === found) this.#found = null;
      });
    }
    return this.#found.names;
  }

  async #read(): Promise<string[]> {
    const { store, groups, usageBudgets } = this.parts;
    const accounts = await store.users.withBudget(MAX_ACCOUNTS);
    const holders: BudgetHolder[] = [
      ...accounts.flatMap(({ id, email, budget }) =>
        budget === null ? [] : [holderOf("account", id, email, budget)]
      ),
      ...groups.list().flatMap(({ id, name, budget }) =>
        budget === null ? [] : [holderOf("group", id, name, budget)]
      ),
    ].filter(({ budget }) => members.some((member) => member in budget));
    const uses: BudgetUse[] = [];
    for (let at = 0; at < holders.length; at += AT_ONCE) {
      uses.push(...await usageBudgets.uses(holders.slice(at, at + AT_ONCE)));
    }
    return uses.map((use) => ({ name: use.name ?? "", part: usedOf(use) }))
      .filter(({ part }) => part >= TIGHT_FROM)
      .sort((a, b) => b.part - a.part)
      .map(({ name }) => name);
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

/** The part of its tightest limit of a day or a month that is used. */
function usedOf({ limits }: BudgetUse): number {
  const parts = limits.filter(({ name }) => members.includes(name))
    .map(({ used, limit }) => used / limit);
  return Math.max(0, ...parts);
}
