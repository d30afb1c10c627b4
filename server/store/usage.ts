/** Rollups read back: figures of one account over time, and by model, key and node. */

import { type ExpressionBuilder, type Kysely, sql } from "kysely";
import type { Database } from "./database.ts";
import { storable } from "./database.ts";
import type { Schema, UsageSums } from "./schema.ts";
import {
  grainFor,
  histogramColumns,
  sides,
  steps,
  sumColumns,
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

/** What was added up. */
export interface UsageSum {
  calls: number;
  errors: number;
  promptTokens: number;
  completionTokens: number;
  streamTokens: number;
  streamMs: number;
  /** Times to first token; see histogram.ts. */
  histogram: number[];
}

const dimensionColumns = { model: "model", key: "key_id", node: "node_id" } as const;

export class UsageTable {
  constructor(private readonly database: Database) {}

  /** By step, oldest first; steps without calls are left out. */
  async series(query: UsageQuery): Promise<(UsageSum & { at: number })[]> {
    const rows = await this.database.read((db) =>
      rowsOf(db, query, []).select(["at", ...sumsOf()]).groupBy("at").orderBy("at").execute()
    );
    return rows.map((row) => ({ at: row.at, ...fromRow(row) }));
  }

  /** All of it in one. */
  async total(query: UsageQuery): Promise<UsageSum> {
    const row = await this.database.read((db) =>
      rowsOf(db, query, []).select(sumsOf()).executeTakeFirstOrThrow()
    );
    return fromRow(row);
  }

  /** By model, key or node, most calls first; calls that reached no node are in no node's row. */
  async shares(
    query: UsageQuery,
    dimension: UsageDimension,
    limit: number,
  ): Promise<(UsageSum & { id: string })[]> {
    const column = dimensionColumns[dimension];
    const rows = await this.database.read((db) =>
      rowsOf(db, query, [dimension]).select([`${column} as id`, ...sumsOf()])
        .where(column, "!=", "").groupBy(column)
        .orderBy(sql`calls`, "desc").orderBy(column).limit(limit).execute()
    );
    return rows.map((row) => ({ id: row.id, ...fromRow(row) }));
  }

  /** Calls and tokens of these models by step, oldest first. */
  async modelSeries(query: UsageQuery, models: readonly string[]) {
    if (models.length === 0) return [];
    const rows = await this.database.read((db) =>
      rowsOf(db, query, ["model"])
        .select((row) => [
          "at",
          "model",
          row.fn.sum<number>("calls").as("calls"),
          row.fn.sum<number>("completion_tokens").as("completion_tokens"),
        ])
        .where("model", "in", models).groupBy(["at", "model"]).orderBy("at").execute()
    );
    return rows.map(({ at, model, calls, completion_tokens }) => ({
      at,
      model,
      calls: Number(calls),
      completionTokens: Number(completion_tokens),
    }));
  }

  /** Forgets these accounts' rows by the minute from before then. Resolves with how many those were. */
  async pruneMinutes(accountIds: readonly string[], before: number): Promise<number> {
    const result = await this.database.change((db) =>
      db.deleteFrom("usage").where("account_id", "in", accountIds)
        .where("side", "in", Object.values(sides))
        .where("step", "=", steps.minute.code)
        .where("grain", "in", minuteGrains).where("at", "<", before)
        .executeTakeFirst()
    );
    return Number(result.numDeletedRows);
  }
}

/** Named, so that both databases find their way in the index. */
const minuteGrains = [0, 1, 2, 3, 4, 5, 6, 7];

/** The rows that hold what is asked for, and tell the given dimensions apart, at the coarsest grain that does. */
function rowsOf(db: Kysely<Schema>, query: UsageQuery, apart: readonly UsageDimension[]) {
  const { model, keyId, nodeId } = query;
  const filters = Object.entries({ model, key: keyId, node: nodeId })
    .filter((entry): entry is [UsageDimension, string] => entry[1] !== undefined);
  const needed = [...apart, ...filters.map(([dimension]) => dimension)];
  let rows = db.selectFrom("usage").where("account_id", "=", query.accountId)
    .where("side", "=", sides[query.side]).where("step", "=", steps[query.step].code)
    .where("grain", "=", grainFor(query.side, query.step, needed)).where("at", ">=", query.from)
    .where("at", "<", query.to);
  for (const [dimension, value] of filters) {
    rows = rows.where(dimensionColumns[dimension], "=", storable(value));
  }
  return rows;
}

function sumsOf() {
  return sumColumns.map((column) => {
    return (row: ExpressionBuilder<Schema, "usage">) => row.fn.sum<number>(column).as(column);
  });
}

/** PostgreSQL's sums are texts, and null where there was nothing to add. */
function fromRow(row: Partial<Record<keyof UsageSums, number | string | null>>): UsageSum {
  const sum = (column: keyof UsageSums) => Number(row[column] ?? 0);
  return {
    calls: sum("calls"),
    errors: sum("errors"),
    promptTokens: sum("prompt_tokens"),
    completionTokens: sum("completion_tokens"),
    streamTokens: sum("stream_tokens"),
    streamMs: sum("stream_ms"),
    histogram: histogramColumns.map(sum),
  };
}
