/** Calls added up by minute, hour and day: which rows of `usage` an entry adds to, and what. */

import { bucketOf, BUCKETS } from "./histogram.ts";
import type { UsageKey, UsageSums } from "./schema.ts";
import { storable } from "./database.ts";
import type { LedgerEntry } from "./rows.ts";

export const sides = { made: 0, provided: 1 } as const;
export type UsageSide = keyof typeof sides;

const MINUTE_MS = 60_000;

/** Days are UTC's. */
export const steps = {
  minute: { code: 0, ms: MINUTE_MS },
  hour: { code: 1, ms: 60 * MINUTE_MS },
  day: { code: 2, ms: 24 * 60 * MINUTE_MS },
} as const;
export type UsageStep = keyof typeof steps;

/** What calls are told apart by, each a bit: a row's `grain` is the sum of those that it tells apart. */
export const dimensions = { model: 1, key: 2, node: 4 } as const;
export type UsageDimension = keyof typeof dimensions;

/**
 * The finest grain alone would do. The others make questions cheap that tell fewer things apart,
 * as most do: a view over months reads as many rows as it shows.
 */
const coarse = [0, 1, 2, 4, 7] as const;
const all = [0, 1, 2, 3, 4, 5, 6, 7] as const;
/** Whose calls a node serves is not its owner's business. */
const withoutKeys = [0, 1, 4, 5] as const;

const kept: Readonly<Record<UsageSide, Readonly<Record<UsageStep, readonly number[]>>>> = {
  made: { minute: coarse, hour: all, day: all },
  provided: { minute: withoutKeys, hour: withoutKeys, day: withoutKeys },
};

/** The coarsest grain that is kept and tells these apart. */
export function grainFor(
  side: UsageSide,
  step: UsageStep,
  apart: Iterable<UsageDimension>,
): number {
  const wanted = [...apart].reduce((sum, dimension) => sum | dimensions[dimension], 0);
  const grains = kept[side][step];
  const finest = grains.at(-1) ?? 0;
  return grains.includes(wanted) ? wanted : finest;
}

export const keyColumns = [
  "account_id",
  "side",
  "step",
  "grain",
  "at",
  "model",
  "key_id",
  "node_id",
] as const satisfies readonly (keyof UsageKey)[];

export const histogramColumns = Array.from(
  { length: BUCKETS },
  (_, bucket) => `h${bucket}` as const,
);

export const sumColumns: readonly (keyof UsageSums)[] = [
  "calls",
  "errors",
  "prompt_tokens",
  "completion_tokens",
  "stream_tokens",
  "stream_ms",
  ...histogramColumns,
];

const HISTOGRAM_AT = sumColumns.length - BUCKETS;

/** Rows to be added to the table, key columns first, each key once and in an order that all gateways share. */
export function rollup(entries: readonly LedgerEntry[]): (string | number)[][] {
  const cells = new Map<string, (string | number)[]>();
  for (const finest of finestRows(entries)) {
    for (const step of ["minute", "hour", "day"] as const) {
      for (const grain of kept[finest.side][step]) add(cells, finest, steps[step], grain);
    }
  }
  return [...cells].sort(([a], [b]) => a < b ? -1 : 1).map(([, row]) => row);
}

/** Entries of one account, side, minute, model, key and node, added up. */
interface Finest {
  accountId: string;
  side: UsageSide;
  minute: number;
  model: string;
  keyId: string;
  nodeId: string;
  sums: number[];
}

/** First by all that tells them apart: what follows is done once for calls that are alike. */
function finestRows(entries: readonly LedgerEntry[]): Iterable<Finest> {
  const rows = new Map<string, Finest>();
  for (const entry of entries) {
    const minute = Math.floor(entry.startedAt / MINUTE_MS) * MINUTE_MS;
    for (const [side, accountId] of accountsOf(entry)) {
      const keyId = side === "made" ? entry.keyId : "";
      const nodeId = entry.nodeId ?? "";
      const id = [accountId, side, minute, entry.model, keyId, nodeId].join("\n");
      let row = rows.get(id);
      if (row === undefined) {
        const sums = new Array<number>(sumColumns.length).fill(0);
        row = { accountId, side, minute, model: storable(entry.model), keyId, nodeId, sums };
        rows.set(id, row);
      }
      count(row.sums, entry);
    }
  }
  return rows.values();
}

function accountsOf(entry: LedgerEntry): [UsageSide, string][] {
  const made: [UsageSide, string] = ["made", entry.accountId];
  const { providerAccountId } = entry;
  return providerAccountId === null ? [made] : [made, ["provided", providerAccountId]];
}

function count(sums: number[], entry: LedgerEntry): void {
  const { promptTokens, completionTokens, stream, firstByteMs, durationMs } = entry;
  const streamMs = stream && firstByteMs !== null ? durationMs - firstByteMs : 0;
  const isTimed = completionTokens !== null && completionTokens > 0 && streamMs > 0;
  const added = [
    1,
    Number(isError(entry)),
    promptTokens ?? 0,
    completionTokens ?? 0,
    isTimed ? completionTokens : 0,
    isTimed ? Math.round(streamMs) : 0,
  ];
  for (const [at, amount] of added.entries()) sums[at]! += amount;
  if (stream && firstByteMs !== null) sums[HISTOGRAM_AT + bucketOf(firstByteMs)]!++;
}

/** Neither answered nor left by its caller. */
export function isError({ outcome }: Pick<LedgerEntry, "outcome">): boolean {
  return outcome !== "ok" && outcome !== "cancelled";
}

function add(
  cells: Map<string, (string | number)[]>,
  { accountId, side, minute, model, keyId, nodeId, sums }: Finest,
  step: typeof steps[UsageStep],
  grain: number,
): void {
  const shown = (dimension: UsageDimension, value: string) =>
    (grain & dimensions[dimension]) === 0 ? "" : value;
  const key = [
    accountId,
    sides[side],
    step.code,
    grain,
    Math.floor(minute / step.ms) * step.ms,
    shown("model", model),
    shown("key", keyId),
    shown("node", nodeId),
  ];
  const id = key.join("\n");
  const cell = cells.get(id);
  if (cell === undefined) {
    cells.set(id, [...key, ...sums]);
    return;
  }
  for (const [at, amount] of sums.entries()) {
    cell[key.length + at] = Number(cell[key.length + at]) + amount;
  }
}
