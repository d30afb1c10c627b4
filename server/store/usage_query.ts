/** Rollups and fresh cells asked as one: in a single statement, so that a cell that is being folded counts once. */

import { type Kysely, sql } from "kysely";
import { storable } from "./database.ts";
import type { Schema, UsageSums } from "./schema.ts";
import {
  grainFor,
  histogramColumns,
  sides,
  steps,
  type UsageDimension,
  type UsageSide,
  type UsageStep,
} from "./usage_rollup.ts";

export interface UsageQuery {
  accountId: string;
  side: UsageSide;
  step: UsageStep;
  /** Whole steps: UTC milliseconds. */
  from: number;
  /** Not included. */
  to: number;
  model?: string;
  keyId?: string;
  nodeId?: string;
}

export const dimensionColumns = { model: "model", key: "key_id", node: "node_id" } as const;

/** What rows of an answer may be told apart by. */
type ApartColumn = "at" | typeof dimensionColumns[UsageDimension];

type SumColumn = keyof UsageSums;

export interface Wanted {
  by: readonly ApartColumn[];
  sums: readonly SumColumn[];
}

/** Of what is asked for, a row for each that `by` tells apart. Sums are null where there was nothing to add. */
export function sumsOf(db: Kysely<Schema>, query: UsageQuery, wanted: Wanted) {
  const both = rolledUp(db, query, wanted).unionAll(fresh(db, query, wanted)).as("usage");
  const rows = db.selectFrom(both).select([...wanted.by, ...wanted.sums.map(total)]);
  return wanted.by.length === 0 ? rows : rows.groupBy(wanted.by);
}

/** At the coarsest grain that tells apart what must be. */
function rolledUp(db: Kysely<Schema>, query: UsageQuery, { by, sums }: Wanted) {
  const { accountId, side, step, from, to } = query;
  let rows = db.selectFrom("usage").where("account_id", "=", accountId)
    .where("side", "=", sides[side]).where("step", "=", steps[step].code)
    .where("grain", "=", grainFor(side, step, apart(query, by)))
    .where("at", ">=", from).where("at", "<", to);
  for (const [column, value] of filtersOf(query)) rows = rows.where(column, "=", value);
  const totals = rows.select([...by, ...sums.map(total)]);
  return by.length === 0 ? totals : totals.groupBy(by);
}

/** Cell by cell: they are added up together with the rollups, once. */
function fresh(db: Kysely<Schema>, query: UsageQuery, { by, sums }: Wanted) {
  const { accountId, side, step, from, to } = query;
  let rows = db.selectFrom("usage_fresh")
    .where(side === "made" ? "account_id" : "provider_id", "=", accountId)
    .where("at", ">=", from).where("at", "<", to);
  for (const [column, value] of filtersOf(query)) rows = rows.where(column, "=", value);
  // Whose calls a node serves is not its owner's business.
  if (side === "provided" && apart(query, by).includes("key")) rows = rows.where(sql`1`, "=", 0);
  const ms = sql.lit(steps[step].ms);
  const columns = by.map((column) =>
    column === "at" ? sql<number>`at - at % ${ms}`.as("at") : column
  );
  return rows.select([...columns, ...sums.map(ofCell)]);
}

function total(column: SumColumn) {
  return sql<number | null>`sum(${sql.ref(column)})`.as(column);
}

/** A cell has its bucket instead of a histogram. */
function ofCell(column: SumColumn) {
  const bucket = histogramColumns.findIndex((counter) => counter === column);
  if (bucket < 0) return sql<number | null>`${sql.ref(column)}`.as(column);
  return sql<number | null>`case bucket when ${sql.lit(bucket)} then calls else 0 end`.as(column);
}

/** What the question tells apart, be it to show or to choose. */
function apart(query: UsageQuery, by: readonly ApartColumn[]): UsageDimension[] {
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
