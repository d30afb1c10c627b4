/**
 * Calls just counted: a cell for those of one minute that nothing tells apart, for both sides at
 * once. Cells wait in a small table of their own until they are folded into the rollups: of calls
 * that are alike to no others each costs one cell when it is written, not the sixteen rows that it
 * ends up in.
 */

import { isFailed } from "../base/outcome.ts";
import { storable } from "./database.ts";
import { bucketOf } from "./histogram.ts";
import type { LedgerEntry } from "./rows.ts";
import type { Schema } from "./schema.ts";

export type FreshCell = Schema["usage_fresh"];

export const freshKeyColumns = [
  "account_id",
  "model",
  "key_id",
  "node_id",
  "provider_id",
  "at",
  "bucket",
] as const satisfies readonly (keyof FreshCell)[];

export const freshSumColumns = [
  "calls",
  "errors",
  "prompt_tokens",
  "completion_tokens",
  "stream_tokens",
  "stream_ms",
] as const satisfies readonly (keyof FreshCell)[];

/** In no bucket: the call did not stream, or there was no answer. */
export const NO_BUCKET = -1;

const MINUTE_MS = 60_000;

/** What these entries come to: key columns first, each key once and in an order that all gateways share. */
export function freshRows(entries: readonly LedgerEntry[]): (string | number)[][] {
  const cells = new Map<string, Cell>();
  for (const entry of entries) {
    const key = keyOf(entry);
    const id = key.join("\n");
    let cell = cells.get(id);
    if (cell === undefined) cells.set(id, cell = { key, sums: noSums() });
    count(cell.sums, entry);
  }
  return [...cells].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([, { key, sums }]) => [...key, ...freshSumColumns.map((column) => sums[column])]);
}

interface Cell {
  key: (string | number)[];
  sums: Sums;
}

/** In the order of `freshKeyColumns`. */
function keyOf(entry: LedgerEntry): (string | number)[] {
  const { accountId, model, keyId, nodeId, providerAccountId, startedAt } = entry;
  const at = Math.floor(startedAt / MINUTE_MS) * MINUTE_MS;
  return [
    accountId,
    storable(model),
    keyId,
    nodeId ?? "",
    providerAccountId ?? "",
    at,
    bucketFor(entry),
  ];
}

type Sums = Record<typeof freshSumColumns[number], number>;

function noSums(): Sums {
  return {
    calls: 0,
    errors: 0,
    prompt_tokens: 0,
    completion_tokens: 0,
    stream_tokens: 0,
    stream_ms: 0,
  };
}

function bucketFor({ stream, firstByteMs }: LedgerEntry): number {
  return stream && firstByteMs !== null ? bucketOf(firstByteMs) : NO_BUCKET;
}

function count(sums: Sums, entry: LedgerEntry): void {
  const { promptTokens, completionTokens, stream, firstByteMs, durationMs } = entry;
  sums.calls++;
  if (isFailed(entry)) sums.errors++;
  sums.prompt_tokens += promptTokens ?? 0;
  sums.completion_tokens += completionTokens ?? 0;
  const streamMs = stream && firstByteMs !== null ? durationMs - firstByteMs : 0;
  if (completionTokens === null || completionTokens <= 0 || streamMs <= 0) return;
  sums.stream_tokens += completionTokens;
  sums.stream_ms += Math.round(streamMs);
}
