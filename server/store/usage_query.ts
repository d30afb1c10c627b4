/** Adds up rollups and fresh cells in a single statement, so that a cell that is being folded counts once. */

import { type Kysely, type RawBuilder, sql } from "kysely";
import { DAY_MS } from "../base/clock.ts";
import { type ZoneOffset } from "../base/time_zone.ts";
import { histogramColumns, type Schema, type UsageSums } from "./schema.ts";
import { storable } from "./text.ts";
import {
  grainFor,
  sides,
  steps,
  type UsageDimension,
  type UsageSide,
  type UsageStep,
} from "./usage_rollup.ts";

export interface UsageQuery {
  /** EVERYONE on the side `everyone`, where a key is an account's id. */
  accountId: string;
  side: UsageSide;
  step: UsageStep;
  /**
   * The offsets of a time zone: hours are then grouped by its local days, whose `at` is their number.
   * An hour belongs to the day in which it begins.
   */
  offsets?: readonly ZoneOffset[];
  /** Whole steps: UTC milliseconds. */
  from: number;
  /** Not included. */
  to: number;
  model?: string;
  keyId?: string;
  nodeId?: string;
}

export const dimensionColumns = { model: "model", key: "key_id", node: "node_id" } as const;

/** What rows of an answer can be grouped by. */
type GroupColumn = "at" | typeof dimensionColumns[UsageDimension];

type SumColumn = keyof UsageSums;

export interface Wanted {
  by: readonly GroupColumn[];
  sums: readonly SumColumn[];
}

/** A row for each group of the query's calls. Sums are null where there was nothing to add. */
export function sumsOf(db: Kysely<Schema>, query: UsageQuery, wanted: Wanted) {
  const both = rolledUp(db, query, wanted).unionAll(fresh(db, query, wanted)).as("usage");
  const rows = db.selectFrom(both).select([...wanted.by, ...wanted.sums.map(total)]);
  return wanted.by.length === 0 ? rows : rows.groupBy(wanted.by);
}

/** From the coarsest grain that has the groups. */
function rolledUp(db: Kysely<Schema>, query: UsageQuery, { by, sums }: Wanted) {
  const { accountId, side, step, from, to } = query;
  let rows = db.selectFrom("usage").where("account_id", "=", accountId)
    .where("side", "=", sides[side]).where("step", "=", steps[step].code)
    .where("grain", "=", grainFor(side, step, dimensionsOf(query, by)))
    .where("at", ">=", from).where("at", "<", to);
  for (const [column, value] of filtersOf(query)) rows = rows.where(column, "=", value);
  const columns = by.map((column) =>
    column === "at"
      ? timeOf(query, sql<number>`at`).as("at")
      : sql<string>`${sql.ref(column)}`.as(column)
  );
  const totals = rows.select([...columns, ...sums.map(total)]);
  return by.length === 0 ? totals : totals.groupBy(by);
}

/** Not grouped yet: the cells are added up together with the rollups. */
function fresh(db: Kysely<Schema>, query: UsageQuery, { by, sums }: Wanted) {
  const { accountId, side, step, from, to } = query;
  let rows = db.selectFrom("usage_fresh").where("at", ">=", from).where("at", "<", to);
  const account = accountColumns[side];
  if (account !== null) rows = rows.where(account, "=", accountId);
  for (const [column, value] of filtersOf(query)) {
    rows = rows.where(cellColumn(side, column), "=", value);
  }
  // A node's owner must not learn whose calls it serves.
  if (side === "provided" && dimensionsOf(query, by).includes("key")) {
    rows = rows.where(sql`1`, "=", 0);
  }
  const ms = sql.lit(steps[step].ms);
  const columns = by.map((column) => {
    if (column === "at") return timeOf(query, sql<number>`(at - at % ${ms})`).as("at");
    return sql<string>`${sql.ref(cellColumn(side, column))}`.as(column);
  });
  return rows.select([...columns, ...sums.map(ofCell)]);
}

/** The time by which a step that begins then is grouped. */
export function timeOf(
  { offsets }: Pick<UsageQuery, "offsets">,
  at: RawBuilder<number>,
): RawBuilder<number> {
  if (offsets === undefined) return at;
  // The latest offset is the outermost: it is asked for first.
  const offset = offsets.slice(1).reduce(
    (earlier, { from, offsetMs }) =>
      sql<number>`case when ${at} >= ${sql.lit(from)} then ${
        sql.lit(offsetMs)
      } else ${earlier} end`,
    sql<number>`${sql.lit(offsets[0]?.offsetMs ?? 0)}`,
  );
  return sql<number>`((${at} + ${offset}) / ${sql.lit(DAY_MS)})`;
}

/** Which column of a cell names the account whose calls a side counts; null: it counts all. */
const accountColumns = { made: "account_id", provided: "provider_id", everyone: null } as const;

function cellColumn(side: UsageSide, column: typeof dimensionColumns[UsageDimension]) {
  return side === "everyone" && column === "key_id" ? "account_id" : column;
}

/** Not in whole numbers: SQLite refuses a sum of them that is too large. */
function total(column: SumColumn) {
  return sql<number | null>`sum(1.0 * ${sql.ref(column)})`.as(column);
}

/** A cell has a bucket instead of a histogram. */
function ofCell(column: SumColumn) {
  const bucket = histogramColumns.findIndex((counter) => counter === column);
  if (bucket < 0) return sql<number | null>`${sql.ref(column)}`.as(column);
  return sql<number | null>`case bucket when ${sql.lit(bucket)} then calls else 0 end`.as(column);
}

/** The dimensions that the query groups or filters by. */
function dimensionsOf(query: UsageQuery, by: readonly GroupColumn[]): UsageDimension[] {
  const columns: readonly string[] = [...by, ...filtersOf(query).map(([column]) => column)];
  return (["model", "key", "node"] as const).filter((dimension) =>
    columns.includes(dimensionColumns[dimension])
  );
}

function filtersOf({ model, keyId, nodeId }: UsageQuery) {
  const filters = [["model", model], ["key_id", keyId], ["node_id", nodeId]] as const;
  return filters.flatMap(([column, value]) =>
    value === undefined ? [] : [[column, storable(value)] as const]
  );
}
