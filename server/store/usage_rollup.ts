/** Calls added up by minute, hour and day: which rows of `usage` a fresh cell is folded into. */

import { BUCKETS } from "./histogram.ts";
import type { UsageKey, UsageSums } from "./schema.ts";
import { type FreshCell, freshSumColumns, NO_BUCKET } from "./usage_fresh.ts";

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

export const sumColumns: readonly (keyof UsageSums)[] = [...freshSumColumns, ...histogramColumns];

const HISTOGRAM_AT = freshSumColumns.length;

/** Rows to be added to `usage`, key columns first, each key once and in an order that all gateways share. */
export function rollup(cells: readonly FreshCell[]): (string | number)[][] {
  const rows = new Map<string, Row>();
  for (const finest of finestRows(cells)) {
    for (const step of ["minute", "hour", "day"] as const) addAtStep(rows, finest, step);
  }
  return [...rows].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([, { key, sums }]) => [...key, ...sums]);
}

interface Row {
  /** In the order of `keyColumns`. */
  key: (string | number)[];
  /** In the order of `sumColumns`. */
  sums: number[];
}

/** Cells of one account, side, minute, model, key and node, added up. */
interface Finest {
  accountId: string;
  side: UsageSide;
  minute: number;
  model: string;
  keyId: string;
  nodeId: string;
  sums: number[];
}

/** First by all that tells rows apart: what follows is done once for cells that only their bucket tells apart. */
function finestRows(cells: readonly FreshCell[]): Iterable<Finest> {
  const rows = new Map<string, Finest>();
  for (const cell of cells) {
    for (const [side, accountId] of accountsOf(cell)) {
      const keyId = side === "made" ? cell.key_id : "";
      const { at: minute, model, node_id: nodeId } = cell;
      const id = `${accountId}\n${side}\n${minute}\n${model}\n${keyId}\n${nodeId}`;
      let row = rows.get(id);
      if (row === undefined) {
        const sums = new Array<number>(sumColumns.length).fill(0);
        rows.set(id, row = { accountId, side, minute, model, keyId, nodeId, sums });
      }
      addCell(row.sums, cell);
    }
  }
  return rows.values();
}

function accountsOf(cell: FreshCell): [UsageSide, string][] {
  const made: [UsageSide, string] = ["made", cell.account_id];
  return cell.provider_id === "" ? [made] : [made, ["provided", cell.provider_id]];
}

function addCell(sums: number[], cell: FreshCell): void {
  freshSumColumns.forEach((column, index) => sums[index]! += cell[column]);
  if (cell.bucket !== NO_BUCKET) sums[HISTOGRAM_AT + cell.bucket]! += cell.calls;
}

/** Many rows for each call that is like no other: a text is made for each, and nothing else that is not kept. */
function addAtStep(rows: Map<string, Row>, finest: Finest, step: UsageStep): void {
  const { accountId, side, minute, sums } = finest;
  const { code, ms } = steps[step];
  const at = minute - minute % ms;
  for (const grain of kept[side][step]) {
    const model = (grain & dimensions.model) === 0 ? "" : finest.model;
    const keyId = (grain & dimensions.key) === 0 ? "" : finest.keyId;
    const nodeId = (grain & dimensions.node) === 0 ? "" : finest.nodeId;
    const id = `${accountId}\n${side}\n${code}\n${grain}\n${at}\n${model}\n${keyId}\n${nodeId}`;
    const row = rows.get(id);
    if (row === undefined) {
      const key = [accountId, sides[side], code, grain, at, model, keyId, nodeId];
      rows.set(id, { key, sums: [...sums] });
    } else {
      for (let index = 0; index < sums.length; index++) row.sums[index]! += sums[index]!;
    }
  }
}
