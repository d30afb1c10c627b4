/** Version 7: groups of accounts. */

import type { Kysely } from "kysely";
import type { Schema } from "../schema.ts";

export async function addGroups(db: Kysely<Schema>): Promise<void> {
  await db.schema.createTable("account_groups")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("name_key", "text", (column) => column.notNull().unique())
    .addColumn("weight", "integer", (column) => column.notNull())
    .addColumn("members_see_nodes", "integer", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createTable("group_members")
    .addColumn("group_id", "text", (column) => column.notNull())
    .addColumn("account_id", "text", (column) => column.notNull())
    .addColumn("added_at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("group_members_key", ["group_id", "account_id"])
    .execute();
  await db.schema.createIndex("group_members_account").on("group_members").column("account_id")
    .execute();
}
