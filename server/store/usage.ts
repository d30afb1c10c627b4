/** Reads usage: figures of one account over time, and by model, key and node. */

import { sql } from "kysely";
import { countable } from "./backend.ts";
import type { RowOf } from "./columns.ts";
import type { Database } from "./database.ts";
import { freshKey, histogramColumns, type UsageSums, usageSums } from "./schema.ts";
import { type ExportedUsage, exportUsage, type UsageExportQuery } from "./usage_export.ts";
import { dimensionColumns, sumsOf, type UsageQuery } from "./usage_query.ts";
import { rollup, rollupColumns, sides, steps, type UsageDimension } from "./usage_rollup.ts";

export type UsageSum = RowOf<typeof usageSums> & {
  /** Times to first token; see histogram.ts. */
  histogram: number[];
};

const { sumColumns } = rollupColumns;

/** Whose tokens a budget counts: the id of an account or a group, or a key's family. */
export interface BudgetSubject {
  of: "account" | "group" | "key";
  id: string;
}

const LEDGER_SLICE_MS = 3 * 60 * 60_000;

function ofSubject({ of, id }: BudgetSubject) {
  if (of === "account") return sql<boolean>`account_id = ${id}`;
  if (of === "group") {
    return sql<
      boolean
    >`account_id in (select account_id from group_members where group_id = ${id})`;
  }
  return sql<boolean>`account_id in (select account_id from keys where family = ${id})
    and key_id in (select id from keys where family = ${id})`;
}

export class UsageTable {
  constructor(private readonly database: Database) {}

  /**
   * The tokens of calls that count for budgets of an account, a group's members or a key's family: not
   * those on the account's own nodes. Reads the ledger a few hours at a time, so that it holds up
   * nothing else.
   */
  async budgetTokens(of: BudgetSubject, from: number, to: number): Promise<number> {
    let tokens = 0;
    for (let at = from; at < to; at += LEDGER_SLICE_MS) {
      const end = Math.min(at + LEDGER_SLICE_MS, to);
      const row = await this.database.read((db) =>
        db.selectFrom("ledger")
          .select(sql<number | string | null>`sum(coalesce(prompt_tokens, 0)
            + coalesce(completion_tokens, 0))`.as("tokens"))
          .where("started_at", ">=", at).where("started_at", "<", end)
          .where(sql<boolean>`provider_account_id is distinct from account_id`)
          .where("status", "<>", 404).where(ofSubject(of)).executeTakeFirst()
      );
      tokens += Number(row?.tokens ?? 0);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    return tokens;
  }

  /** By step, oldest first; steps without calls are left out. */
  async series(query: UsageQuery): Promise<(UsageSum & { at: number })[]> {
    const rows = await this.database.read((db) =>
      sumsOf(db, query, { by: ["at"], sums: sumColumns }).orderBy("at").execute()
    );
    return rows.map((row) => ({ at: Number(row.at), ...fromRow(row) }));
  }

  async total(query: UsageQuery): Promise<UsageSum> {
    const row = await this.database.read((db) =>
      sumsOf(db, query, { by: [], sums: sumColumns }).executeTakeFirstOrThrow()
    );
    return fromRow(row);
  }

  /** By model, key or node, most calls first; calls that reached no node count for no node. */
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
        .where("model", "in", models).orderBy("at").orderBy("model").execute()
    );
    return rows.map(({ at, model, calls, completion_tokens }) => ({
      at: Number(at),
      model: String(model),
      calls: Number(calls),
      completionTokens: Number(completion_tokens),
    }));
  }

  /** Rows of many accounts' usage. */
  exported(query: UsageExportQuery): Promise<ExportedUsage[]> {
    return exportUsage(this.database, query);
  }

  /** How many fresh cells wait to be folded; counted up to `most`. */
  async waiting(most: number): Promise<number> {
    const { count } = await this.database.read((db) =>
      db.selectFrom(db.selectFrom("usage_fresh").select("at").limit(most).as("waiting"))
        .select((row) => row.fn.countAll<number>().as("count")).executeTakeFirstOrThrow()
    );
    return Number(count);
  }

  /**
   * Folds up to `limit` fresh cells into the rollups; resolves with their number. The figures stay
   * the same at every moment, also while other gateways fold.
   */
  fold(limit: number): Promise<number> {
    const { backend } = this.database;
    return this.database.transaction(async (db) => {
      const cells = await backend.takeFirst(db, {
        table: "usage_fresh",
        keyColumns: freshKey.names,
        limit,
      });
      await backend.addUp(db, { table: "usage", ...rollupColumns, rows: countable(rollup(cells)) });
      return cells.length;
    });
  }

  /** Deletes these accounts' rows by the minute from before that time; resolves with their number. */
  pruneMinutes(accountIds: readonly string[], before: number): Promise<number> {
    return this.database.delete((db) =>
      db.deleteFrom("usage").where("account_id", "in", accountIds)
        // All values by name: both databases then find the rows in the index.
        .where("side", "in", Object.values(sides))
        .where("step", "=", steps.minute.code)
        .where("grain", "in", minuteGrains).where("at", "<", before)
    );
  }
}

const minuteGrains = [0, 1, 2, 3, 4, 5, 6, 7];

/** PostgreSQL returns sums as texts, and null where there was nothing to add. */
function fromRow(row: Partial<Record<keyof UsageSums, number | string | null>>): UsageSum {
  const sum = (column: keyof UsageSums) => Number(row[column] ?? 0);
  const sums = Object.fromEntries(usageSums.names.map((name) => [name, sum(name)]));
  return {
    ...usageSums.fromRow(sums as Pick<UsageSums, typeof usageSums.names[number]>),
    histogram: histogramColumns.map(sum),
  };
}
