/** Ledger entries into their table, each exactly once, with the accounts' totals in step. */

import type { Transaction } from "kysely";
import type { Backend } from "./backend.ts";
import { outcomes } from "../base/outcome.ts";
import { storable } from "./database.ts";
import type { Schema } from "./schema.ts";
import type { LedgerEntry } from "./rows.ts";
import { freshKeyColumns, freshRows, freshSumColumns } from "./usage_fresh.ts";

/** Writes the entries that are not there yet, and adds those to the totals of caller and provider and to their usage. */
export async function writeLedger(
  transaction: Transaction<Schema>,
  backend: Pick<Backend, "insertNew" | "addUp">,
  entries: readonly LedgerEntry[],
): Promise<void> {
  const rows = entries.map(toRow);
  const fresh = new Set(await backend.insertNew(transaction, { table: "ledger", columns, rows }));
  const added = entries.filter((entry) => fresh.delete(entry.id));
  await addToAccounts(transaction, added.filter(wasServed));
  await backend.addUp(transaction, {
    table: "usage_fresh",
    keyColumns: freshKeyColumns,
    sumColumns: freshSumColumns,
    rows: freshRows(added),
  });
}

async function addToAccounts(
  transaction: Transaction<Schema>,
  served: readonly LedgerEntry[],
): Promise<void> {
  for (const [accountId, { made, provided }] of tally(served)) {
    await transaction.updateTable("accounts").where("id", "=", accountId).set((column) => ({
      total_api_calls: column("total_api_calls", "+", made),
      total_provided_calls: column("total_provided_calls", "+", provided),
    })).execute();
  }
}

/** Every column, in the order of `toRow`. */
const columns: readonly (keyof Schema["ledger"])[] = [
  "id",
  "account_id",
  "key_id",
  "provider_account_id",
  "node_id",
  "endpoint",
  "model",
  "stream",
  "outcome",
  "status",
  "prompt_tokens",
  "completion_tokens",
  "estimated",
  "delivered_bytes",
  "delivered_chunks",
  "produced_chunks",
  "attempts",
  "queued_ms",
  "first_byte_ms",
  "duration_ms",
  "started_at",
  "cause",
  "attempt_log",
];

function wasServed({ outcome, producedChunks }: LedgerEntry): boolean {
  const { served } = outcomes[outcome];
  return served === "always" || (served === "begun" && producedChunks > 0);
}

interface Tally {
  made: number;
  provided: number;
}

/** By account id, sorted: two gateways that update the same accounts must not wait for each other. */
function tally(served: readonly LedgerEntry[]): [accountId: string, Tally][] {
  const totals = new Map<string, Tally>();
  const add = (accountId: string | null, field: keyof Tally) => {
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

function toRow(entry: LedgerEntry): (string | number | null)[] {
  return [
    entry.id,
    entry.accountId,
    entry.keyId,
    entry.providerAccountId,
    entry.nodeId,
    storable(entry.endpoint),
    storable(entry.model),
    Number(entry.stream),
    entry.outcome,
    entry.status,
    entry.promptTokens,
    entry.completionTokens,
    Number(entry.estimated),
    entry.deliveredBytes,
    entry.deliveredChunks,
    entry.producedChunks,
    entry.attempts,
    Math.round(entry.queuedMs),
    entry.firstByteMs === null ? null : Math.round(entry.firstByteMs),
    Math.round(entry.durationMs),
    Math.round(entry.startedAt),
    // Entries that were spooled by an earlier version have neither.
    entry.cause ?? null,
    (entry.attemptLog ?? []).length === 0 ? null : JSON.stringify(entry.attemptLog),
  ];
}
