/** Writes ledger entries, each exactly once, and keeps the accounts' totals in step. */

import type { Transaction } from "kysely";
import { outcomes } from "../base/outcome.ts";
import { type Backend, countable } from "./backend.ts";
import { ledger, type LedgerEntry, type Schema } from "./schema.ts";
import { lentColumns, lentRows } from "./lent.ts";
import { freshColumns, freshRows } from "./usage_fresh.ts";

/** Writes the entries that are not there yet, and adds only those to totals and usage. */
export async function writeLedger(
  transaction: Transaction<Schema>,
  backend: Pick<Backend, "insertNew" | "addUp">,
  entries: readonly LedgerEntry[],
): Promise<void> {
  const rows = entries.map((entry) => ledger.toCells(entry));
  const newIds = new Set(
    await backend.insertNew(transaction, { table: "ledger", columns: ledger.names, rows }),
  );
  const added = entries.filter((entry) => newIds.delete(entry.id));
  await addToAccounts(transaction, added.filter(wasServed));
  await backend.addUp(transaction, {
    table: "usage_fresh",
    ...freshColumns,
    rows: countable(freshRows(added)),
  });
  await backend.addUp(transaction, {
    table: "lent_usage",
    ...lentColumns,
    rows: countable(lentRows(added)),
  });
}

async function addToAccounts(
  transaction: Transaction<Schema>,
  served: readonly LedgerEntry[],
): Promise<void> {
  for (const [accountId, { made, provided }] of totalsOf(served)) {
    await transaction.updateTable("accounts").where("id", "=", accountId).set((column) => ({
      total_api_calls: column("total_api_calls", "+", made),
      total_provided_calls: column("total_provided_calls", "+", provided),
    })).execute();
  }
}

function wasServed({ outcome, producedChunks }: LedgerEntry): boolean {
  const { served } = outcomes[outcome];
  return served === "always" || (served === "begun" && producedChunks > 0);
}

interface Totals {
  made: number;
  provided: number;
}

/** In the order of account ids: two gateways that update the same accounts must not deadlock. */
function totalsOf(served: readonly LedgerEntry[]): [accountId: string, Totals][] {
  const totals = new Map<string, Totals>();
  const add = (accountId: string | null, field: keyof Totals) => {
    if (accountId === null) return;
    const total = totals.get(accountId) ?? { made: 0, provided: 0 };
    total[field]++;
    totals.set(accountId, total);
  };
  for (const entry of served) {
    add(entry.accountId, "made");
    add(entry.providerAccountId, "provided");
  }
  return [...totals].sort(([a], [b]) => a < b ? -1 : 1);
}
