/** Ledger entries into their table, each exactly once, with the accounts' totals in step. */

import type { Insertable, Transaction } from "kysely";
import type { Schema } from "./schema.ts";
import type { LedgerEntry, Outcome } from "./store.ts";

/** Rows of one INSERT. Sizes are powers of two, so that a server keeps few statements prepared. */
const MAX_ROWS_PER_INSERT = 128;

/** Writes the entries that are not there yet, and adds those to the totals of caller and provider. */
export async function writeLedger(
  transaction: Transaction<Schema>,
  entries: readonly LedgerEntry[],
): Promise<void> {
  const fresh = new Set<string>();
  for (const chunk of inStableSizes(entries)) {
    const inserted = await transaction.insertInto("ledger").values(chunk.map(toRow))
      .onConflict((conflict) => conflict.column("id").doNothing())
      .returning("id").execute();
    for (const { id } of inserted) fresh.add(id);
  }
  const served = entries.filter((entry) => fresh.delete(entry.id) && wasServed(entry));
  for (const [accountId, { made, provided }] of tally(served)) {
    await transaction.updateTable("accounts").where("id", "=", accountId).set((column) => ({
      total_api_calls: column("total_api_calls", "+", made),
      total_provided_calls: column("total_provided_calls", "+", provided),
    })).execute();
  }
}

/** Outcomes of calls that were cut short: served if some of the answer was there already. */
const cutShort: ReadonlySet<Outcome> = new Set(["cancelled", "interrupted", "node_lost"]);

function wasServed({ outcome, producedChunks }: LedgerEntry): boolean {
  return outcome === "ok" || (cutShort.has(outcome) && producedChunks > 0);
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

function* inStableSizes<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let size = MAX_ROWS_PER_INSERT, from = 0; from < items.length; from += size) {
    while (size > items.length - from) size /= 2;
    yield items.slice(from, from + size);
  }
}

function toRow(entry: LedgerEntry): Insertable<Schema["ledger"]> {
  return {
    id: entry.id,
    account_id: entry.accountId,
    key_id: entry.keyId,
    provider_account_id: entry.providerAccountId,
    node_id: entry.nodeId,
    endpoint: storable(entry.endpoint),
    model: storable(entry.model),
    stream: Number(entry.stream),
    outcome: entry.outcome,
    status: entry.status,
    prompt_tokens: entry.promptTokens,
    completion_tokens: entry.completionTokens,
    estimated: Number(entry.estimated),
    delivered_bytes: entry.deliveredBytes,
    delivered_chunks: entry.deliveredChunks,
    produced_chunks: entry.producedChunks,
    attempts: entry.attempts,
    queued_ms: Math.round(entry.queuedMs),
    first_byte_ms: entry.firstByteMs === null ? null : Math.round(entry.firstByteMs),
    duration_ms: Math.round(entry.durationMs),
    started_at: Math.round(entry.startedAt),
  };
}

/** PostgreSQL refuses text with NUL in it, and callers choose what stands here. */
function storable(text: string): string {
  return text.replaceAll("\0", "\uFFFD");
}
