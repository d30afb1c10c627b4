/** Rollups: calls added up by minute, hour and day. Decides which rows of `usage` a fresh cell is added to. */

import { MINUTE_MS } from "../base/clock.ts";
import { type FreshCell, histogramColumns, usageKey, usageSums } from "./schema.ts";
import { NO_BUCKET } from "./usage_fresh.ts";

/** `everyone`: the calls that any account made, under the empty account id; their `key` is the account. */
export const sides = { made: 0, provided: 1, everyone: 2 } as const;
export type UsageSide = keyof typeof sides;

/** The account id of everyone's rows. */
export const EVERYONE = "";

/** Days are UTC's. */
export const steps = {
  minute: { code: 0, ms: MINUTE_MS },
  hour: { code: 1, ms: 60 * MINUTE_MS },
  day: { code: 2, ms: 24 * 60 * MINUTE_MS },
} as const;
export type UsageStep = keyof typeof steps;

/** What calls can be grouped by, a bit each: a row's `grain` is the sum of the dimensions that it groups by. */
const dimensions = { model: 1, key: 2, node: 4 } as const;
export type UsageDimension = keyof typeof dimensions;

/**
 * The finest grain alone would do. The coarser ones make cheap what most views ask: a view over
 * months reads as many rows as it shows.
 */
const coarse = [0, 1, 2, 4, 7] as const;
const all = [0, 1, 2, 3, 4, 5, 6, 7] as const;
/** A node's owner must not learn whose calls it serves. */
const withoutKeys = [0, 1, 4, 5] as const;
/** Of everyone's calls: in all, by model, by account and by node, never by two of them. */
const single = [0, 1, 2, 4] as const;

const kept: Readonly<Record<UsageSide, Readonly<Record<UsageStep, readonly number[]>>>> = {
  made: { minute: coarse, hour: all, day: all },
  provided: { minute: withoutKeys, hour: withoutKeys, day: withoutKeys },
  everyone: { minute: single, hour: single, day: single },
};

/** The coarsest grain that is kept and groups by all of these dimensions. */
export function grainFor(
  side: UsageSide,
  step: UsageStep,
  groups: Iterable<UsageDimension>,
): number {
  const wanted = [...groups].reduce((sum, dimension) => sum | dimensions[dimension], 0);
  const grains = kept[side][step];
  const finest = grains.at(-1) ?? 0;
  return grains.includes(wanted) ? wanted : finest;
}

export const rollupColumns = {
  keyColumns: usageKey.names,
  sumColumns: [...usageSums.names, ...histogramColumns],
};

const HISTOGRAM_AT = usageSums.names.length;

/**
 * The rows that these cells add to `usage`: key columns first, each key once. The order depends on
 * the keys alone, so that two gateways that add to the same rows never deadlock.
 */
export function rollup(cells: readonly FreshCell[]): (string | number)[][] {
  const rows = new Map<string, Row>();
  for (const finest of finestRows(cells)) {
    for (const step of ["minute", "hour", "day"] as const) addAtStep(rows, finest, step);
  }
  return [...rows].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([, { key, sums }]) => [...key, ...sums]);
}

interface Row {
  /** In the order of `rollupColumns.keyColumns`. */
  key: (string | number)[];
  /** In the order of `rollupColumns.sumColumns`. */
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

/** Adds up cells that differ in their bucket alone, so that the coarser rows are computed once for them. */
function finestRows(cells: readonly FreshCell[]): Iterable<Finest> {
  const rows = new Map<string, Finest>();
  for (const cell of cells) {
    for (const [side, accountId] of accountsOf(cell)) {
      const keyId = keyOn[side](cell);
      const { at: minute, model, node_id: nodeId } = cell;
      const id = `${accountId}\n${side}\n${minute}\n${model}\n${keyId}\n${nodeId}`;
      let row = rows.get(id);
      if (row === undefined) {
        const sums = new Array<number>(rollupColumns.sumColumns.length).fill(0);
        rows.set(id, row = { accountId, side, minute, model, keyId, nodeId, sums });
      }
      addCell(row.sums, cell);
    }
  }
  return rows.values();
}

const keyOn: Readonly<Record<UsageSide, (cell: FreshCell) => string>> = {
  made: (cell) => cell.key_id,
  provided: () => "",
  everyone: (cell) => cell.account_id,
};

function accountsOf(cell: FreshCell): [UsageSide, string][] {
  const made: [UsageSide, string] = ["made", cell.account_id];
  const everyone: [UsageSide, string] = ["everyone", EVERYONE];
  if (cell.provider_id === "") return [made, everyone];
  return [made, ["provided", cell.provider_id], everyone];
}

function addCell(sums: number[], cell: FreshCell): void {
  usageSums.names.forEach((column, index) => sums[index]! += cell[column]);
  if (cell.bucket !== NO_BUCKET) sums[HISTOGRAM_AT + cell.bucket]! += cell.calls;
}

/** Runs for many rows of each cell: makes one text for each, and nothing else that is not kept. */
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
