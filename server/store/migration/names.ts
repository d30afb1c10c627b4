/** Names that lead to models, and the name that a caller asked for in the ledger. */

import type { Kysely } from "kysely";
import type { Schema } from "../schema.ts";

export async function addNames(db: Kysely<Schema>): Promise<void> {
  await db.schema.createTable("names")
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("value", "text", (column) => column.notNull())
    .addPrimaryKeyConstraint("names_key", ["kind", "name"])
    .execute();
  await db.schema.alterTable("ledger").addColumn("alias", "text").execute();
}
