/**
 * Fresh cells: a counter row for the calls of one minute that share every key column, for both
 * sides at once. Cells wait in a small table until they are folded into the rollups: a call that
 * shares its cell with no other costs one row when it is written, not the sixteen rows of `usage`
 * that it ends up in.
 */

import { MINUTE_MS } from "../base/clock.ts";
import { isFailed } from "../base/outcome.ts";
import { bucketOf } from "./histogram.ts";
import { freshKey, type LedgerEntry, usageSums } from "./schema.ts";

export const freshColumns = { keyColumns: freshKey.names, sumColumns: usageSums.names };

/** In no bucket: the call did not stream, or there was no answer. */
export const NO_BUCKET = -1;

/** What a call adds to each sum. */
const sums: Record<typeof usageSums.names[number], (entry: LedgerEntry) => number> = {
  calls: () => 1,
  errors: (entry) => Number(isFailed(entry)),
  prompt_tokens: (entry) => entry.promptTokens ?? 0,
  completion_tokens: (entry) => entry.completionTokens ?? 0,
  stream_tokens: (entry) => isTimed(entry) ? entry.completionTokens ?? 0 : 0,
  stream_ms: (entry) => isTimed(entry) ? Math.round(streamMsOf(entry)) : 0,
};
const sumsInOrder = usageSums.names.map((name) => sums[name]);

/**
 * The cells of these entries: key columns first, each key once. The order depends on the keys
 * alone, so that two gateways that write the same cells never deadlock.
 */
export function freshRows(entries: readonly LedgerEntry[]): (string | number)[][] {
  const cells = new Map<string, { key: (string | number)[]; counts: number[] }>();
  for (const entry of entries) {
    const key = keyOf(entry);
    const id = key.join("\n");
    let cell = cells.get(id);
    if (cell === undefined) cells.set(id, cell = { key, counts: sumsInOrder.map(() => 0) });
    for (let i = 0; i < sumsInOrder.length; i++) cell.counts[i]! += sumsInOrder[i]!(entry);
  }
  return [...cells].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([, { key, counts }]) => [...key, ...counts]);
}

function keyOf(entry: LedgerEntry): (string | number)[] {
  const { accountId, model, keyId, nodeId, providerAccountId, startedAt } = entry;
  return freshKey.toCells({
    accountId,
    model,
    keyId,
    nodeId: nodeId ?? "",
    providerId: providerAccountId ?? "",
    at: Math.floor(startedAt / MINUTE_MS) * MINUTE_MS,
    bucket: bucketFor(entry),
  });
}

function bucketFor({ stream, firstByteMs }: LedgerEntry): number {
  return stream && firstByteMs !== null ? bucketOf(firstByteMs) : NO_BUCKET;
}

/** Whether both the tokens of a stream and their time are known. */
function isTimed(entry: LedgerEntry): boolean {
  return (entry.completionTokens ?? 0) > 0 && streamMsOf(entry) > 0;
}

function streamMsOf({ stream, firstByteMs, durationMs }: LedgerEntry): number {
  return stream && firstByteMs !== null ? durationMs - firstByteMs : 0;
}
