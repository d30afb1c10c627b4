/**
 * Adds everyone's usage: rollups of all accounts' calls together, an index of the calls that failed,
 * and counters of first tokens that take longer than a minute.
 */

import { type Kysely, sql } from "kysely";
import type { Schema } from "../schema.ts";

/** What everyone's rows of a grain add up: rows of which grain, grouped by which of their columns. */
const grains = [
  { grain: 0, from: 0, model: "''", key: "''", node: "''" },
  { grain: 1, from: 1, model: "model", key: "''", node: "''" },
  { grain: 2, from: 0, model: "''", key: "account_id", node: "''" },
  { grain: 4, from: 4, model: "''", key: "''", node: "node_id" },
] as const;

const keys = ["account_id", "side", "step", "grain", "at", "model", "key_id", "node_id"];
const sums = [
  "calls",
  "errors",
  "prompt_tokens",
  "completion_tokens",
  "stream_tokens",
  "stream_ms",
  ...Array.from({ length: 26 }, (_, bucket) => `h${bucket}`),
];

/** As written in the index: both databases use it only for a query with the same words. */
export const FAILED = "outcome not in ('ok', 'cancelled')";

export async function addEveryone(db: Kysely<Schema>): Promise<void> {
  for (const column of ["h23", "h24", "h25"]) {
    await db.schema.alterTable("usage")
      .addColumn(column, "integer", (counter) => counter.notNull().defaultTo(0)).execute();
  }
  for (const { grain, from, model, key, node } of grains) {
    const values = ["''", 2, "step", grain, "at", model, key, node];
    const totals = sums.map((column) => `sum(${column})`);
    const groups = ["step", "at", ...[model, key, node].filter((column) => column !== "''")];
    const statement = `insert into usage (${[...keys, ...sums].join(", ")}) ` +
      `select ${[...values, ...totals].join(", ")} from usage ` +
      `where side = 0 and grain = ${from} group by ${groups.join(", ")}`;
    await sql.raw(statement).execute(db);
  }
  await sql.raw(
    `create index ledger_failed on ledger (started_at, outcome, cause) where ${FAILED}`,
  ).execute(db);
}
