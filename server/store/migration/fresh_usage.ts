/** Version 3: calls are counted into fresh cells first, which are folded into the rollups later. */

import type { Kysely } from "kysely";
import type { Schema } from "../schema.ts";

export async function addFreshUsage(db: Kysely<Schema>): Promise<void> {
  let table = db.schema.createTable("usage_fresh")
    .addColumn("account_id", "text", (column) => column.notNull())
    .addColumn("model", "text", (column) => column.notNull())
    .addColumn("key_id", "text", (column) => column.notNull())
    .addColumn("node_id", "text", (column) => column.notNull())
    .addColumn("provider_id", "text", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("bucket", "integer", (column) => column.notNull());
  const sums = [
    "calls",
    "errors",
    "prompt_tokens",
    "completion_tokens",
    "stream_tokens",
    "stream_ms",
  ] as const;
  for (const sum of sums) table = table.addColumn(sum, "bigint", (column) => column.notNull());
  // The minute comes late in the key: cells that share rollups, a node's minutes of one hour, then lie together.
  await table.addPrimaryKeyConstraint("usage_fresh_key", [
    "account_id",
    "model",
    "key_id",
    "node_id",
    "provider_id",
    "at",
    "bucket",
  ]).execute();
  await db.schema.createIndex("usage_fresh_provider").on("usage_fresh").column("provider_id")
    .execute();
}
