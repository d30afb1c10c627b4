/** Reads usage of many accounts, row by row in one order, a limited number at a time. */

import { type Kysely, sql } from "kysely";
import type { Database } from "./database.ts";
import type { Schema } from "./schema.ts";
import { timeOf, type UsageQuery } from "./usage_query.ts";
import { EVERYONE, grainFor, sides, steps, type UsageDimension } from "./usage_rollup.ts";

/** What rows are distinguished by, besides their account. */
export type ExportColumn = "at" | "key" | "model";

export interface UsageExportQuery extends Pick<UsageQuery, "step" | "offsets" | "from" | "to"> {
  /** Null: all accounts together, which have no keys. */
  accountIds: readonly string[] | null;
  by: ReadonlySet<ExportColumn>;
  /** The last row of the page before. */
  after: ExportedUsage | null;
  limit: number;
}

/** What is not told apart is the empty string, and 0. */
export interface ExportedUsage {
  accountId: string;
  at: number;
  keyId: string;
  model: string;
  calls: number;
  errors: number;
  promptTokens: number;
  completionTokens: number;
}

const sums = ["calls", "errors", "prompt_tokens", "completion_tokens"] as const;

/** In the order of accounts, times, keys and models. */
export async function exportUsage(
  database: Database,
  query: UsageExportQuery,
): Promise<ExportedUsage[]> {
  const { after } = query;
  const rows = await database.read((db) => {
    let all = db.selectFrom(rolledUp(db, query).unionAll(fresh(db, query)).as("usage"));
    if (after !== null) {
      const { accountId, at, keyId, model } = after;
      all = all.where(
        sql<
          boolean
        >`(account, at, key_id, model) > (${accountId}, ${sql.lit(at)}, ${keyId}, ${model})`,
      );
    }
    return all.select(["account", "at", "key_id", "model"])
      // Not in whole numbers: SQLite refuses a sum of them that is too large.
      .select(sums.map((sum) => sql<number>`sum(1.0 * ${sql.ref(sum)})`.as(sum)))
      .groupBy(["account", "at", "key_id", "model"])
      .orderBy("account").orderBy("at").orderBy("key_id").orderBy("model")
      .limit(query.limit).execute();
  });
  return rows.map((row) => ({
    accountId: row.account,
    at: Number(row.at),
    keyId: row.key_id,
    model: row.model,
    calls: Number(row.calls),
    errors: Number(row.errors),
    promptTokens: Number(row.prompt_tokens),
    completionTokens: Number(row.completion_tokens),
  }));
}

function rolledUp(db: Kysely<Schema>, query: UsageExportQuery) {
  const { accountIds, step, from, to, by } = query;
  const side = accountIds === null ? "everyone" : "made";
  const dimensions = (["key", "model"] as const).filter((one) => by.has(one)) as UsageDimension[];
  return db.selectFrom("usage").where("account_id", "in", [...accountIds ?? [EVERYONE]])
    .where("side", "=", sides[side]).where("step", "=", steps[step].code)
    .where("grain", "=", grainFor(side, step, dimensions))
    .where("at", ">=", from).where("at", "<", to)
    .select([
      "account_id as account",
      (by.has("at") ? timeOf(query, sql<number>`at`) : sql<number>`0`).as("at"),
      (by.has("key") ? sql<string>`key_id` : sql<string>`''`).as("key_id"),
      (by.has("model") ? sql<string>`model` : sql<string>`''`).as("model"),
      ...sums,
    ]);
}

function fresh(db: Kysely<Schema>, query: UsageExportQuery) {
  const { accountIds, step, from, to, by } = query;
  let rows = db.selectFrom("usage_fresh").where("at", ">=", from).where("at", "<", to);
  if (accountIds !== null) rows = rows.where("account_id", "in", [...accountIds]);
  const at = sql<number>`(at - at % ${sql.lit(steps[step].ms)})`;
  return rows.select([
    (accountIds === null ? sql<string>`${sql.lit(EVERYONE)}` : sql<string>`account_id`)
      .as("account"),
    (by.has("at") ? timeOf(query, at) : sql<number>`0`).as("at"),
    (by.has("key") ? sql<string>`key_id` : sql<string>`''`).as("key_id"),
    (by.has("model") ? sql<string>`model` : sql<string>`''`).as("model"),
    ...sums,
  ]);
}
