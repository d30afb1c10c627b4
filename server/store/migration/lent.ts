/** Version 9: what nodes gave, by day. */

import type { Kysely } from "kysely";
import type { Schema } from "../schema.ts";

export async function addLent(db: Kysely<Schema>): Promise<void> {
  await db.schema.createTable("lent_usage")
    .addColumn("node_id", "text", (column) => column.notNull())
    .addColumn("day", "bigint", (column) => column.notNull())
    .addColumn("route", "text", (column) => column.notNull())
    .addColumn("calls", "bigint", (column) => column.notNull())
    .addColumn("prompt_tokens", "bigint", (column) => column.notNull())
    .addColumn("completion_tokens", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("lent_usage_key", ["node_id", "day", "route"])
    .execute();
  await db.schema.createTable("lent_sums")
    .addColumn("node_id", "text", (column) => column.notNull())
    .addColumn("day", "bigint", (column) => column.notNull())
    .addColumn("what", "text", (column) => column.notNull())
    .addColumn("amount", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("lent_sums_key", ["node_id", "day", "what"])
    .execute();
  // Both are pruned by their age.
  await db.schema.createIndex("lent_usage_day").on("lent_usage").column("day").execute();
  await db.schema.createIndex("lent_sums_day").on("lent_sums").column("day").execute();
}
