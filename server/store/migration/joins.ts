/** Version 6: codes and requests by which machines join. */

import type { Kysely } from "kysely";
import type { Schema } from "../schema.ts";

export async function addJoins(db: Kysely<Schema>): Promise<void> {
  await db.schema.createTable("joins")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("code_digest", "text", (column) => column.notNull().unique())
    .addColumn("device_digest", "text", (column) => column.unique())
    .addColumn("account_id", "text")
    .addColumn("state", "text", (column) => column.notNull())
    .addColumn("machine", "text", (column) => column.notNull())
    .addColumn("address", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("joins_expires").on("joins").column("expires_at").execute();
}
