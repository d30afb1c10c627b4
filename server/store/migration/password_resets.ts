/** Links by which accounts get a new password: at most one an account. */

import type { Kysely } from "kysely";
import type { Schema } from "../schema.ts";

export async function addPasswordResets(db: Kysely<Schema>): Promise<void> {
  await db.schema.createTable("password_resets")
    .addColumn("account_id", "text", (column) => column.primaryKey().references("accounts.id"))
    .addColumn("digest", "text", (column) => column.notNull().unique())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .execute();
}
