/** Usage read back: figures of one account over time, and by model, key and node. */

import { sql } from "kysely";
import type { Database } from "./database.ts";
import type { UsageSums } from "./schema.ts";
import { freshKeyColumns } from "./usage_fresh.ts";
import { dimensionColumns, sumsOf, type UsageQuery } from "./usage_query.ts";
import {
  histogramColumns,
  keyColumns,
  rollup,
  sides,
  steps,
  sumColumns,
  type UsageDimension,
} from "./usage_rollup.ts";

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

export class UsageTable {
  constructor(private readonly database: Database) {}

  /** By step, oldest first; steps without calls are left out. */
  async series(query: UsageQuery): Promise<(UsageSum & { at: number })[]> {
    const rows = await this.database.read((db) =>
      sumsOf(db, query, { by: ["at"], sums: sumColumns }).orderBy("at").execute()
    );
    return rows.map((row) => ({ at: Number(row.at), ...fromRow(row) }));
  }

  /** All of it in one. */
  async total(query: UsageQuery): Promise<UsageSum> {
    const row = await this.database.read((db) =>
      sumsOf(db, query, { by: [], sums: sumColumns }).executeTakeFirstOrThrow()
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
      sumsOf(db, query, { by: [column], sums: sumColumns })
        .where(column, "!=", "").orderBy(sql`calls`, "desc").orderBy(column).limit(limit).execute()
    );
    return rows.map((row) => ({ id: String(row[column]), ...fromRow(row) }));
  }

  /** Calls and tokens of these models by step, oldest first. */
  async modelSeries(query: UsageQuery, models: readonly string[]) {
    if (models.length === 0) return [];
    const rows = await this.database.read((db) =>
      sumsOf(db, query, { by: ["at", "model"], sums: ["calls", "completion_tokens"] })
        .where("model", "in", models).orderBy("at").execute()
    );
    return rows.map(({ at, model, calls, completion_tokens }) => ({
      at: Number(at),
      model: String(model),
      calls: Number(calls),
      completionTokens: Number(completion_tokens),
    }));
  }

  /** How many cells wait to be folded into the rollups; counted up to `most`. */
  async waiting(most: number): Promise<number> {
    const { count } = await this.database.read((db) =>
      db.selectFrom(db.selectFrom("usage_fresh").select("at").limit(most).as("waiting"))
        .select((row) => row.fn.countAll<number>().as("count")).executeTakeFirstOrThrow()
    );
    return Number(count);
  }

  /**
   * Folds up to `limit` cells into the rollups: figures stay what they are at every moment, whoever
   * else does the same. Resolves with how many those were.
   */
  fold(limit: number): Promise<number> {
    const { backend } = this.database;
    return this.database.transaction(async (db) => {
      const cells = await backend.takeFirst(db, {
        table: "usage_fresh",
        keyColumns: freshKeyColumns,
        limit,
      });
      await backend.addUp(db, { table: "usage", keyColumns, sumColumns, rows: rollup(cells) });
      return cells.length;
    });
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
