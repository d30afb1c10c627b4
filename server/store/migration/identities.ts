/** Who signs in with a provider of the operator's own, and that provider's name of a session. */

import type { Kysely } from "kysely";
import type { Schema } from "../schema.ts";

export async function addIdentities(db: Kysely<Schema>): Promise<void> {
  await db.schema.createTable("identities")
    .addColumn("issuer", "text", (column) => column.notNull())
    .addColumn("subject", "text", (column) => column.notNull())
    .addColumn("account_id", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("given", "text", (column) => column.notNull())
    .addColumn("sealed_grant", "text", (column) => column.notNull())
    .addColumn("due_at", "bigint")
    .addColumn("suspended_at", "bigint")
    .addPrimaryKeyConstraint("identities_key", ["issuer", "subject"])
    .execute();
  await db.schema.createIndex("identities_account").on("identities")
    .columns(["account_id", "issuer"]).unique().execute();
  await db.schema.createIndex("identities_due").on("identities").columns(["issuer", "due_at"])
    .execute();
  await db.schema.alterTable("sessions").addColumn("provider_sid", "text").execute();
  await db.schema.createIndex("sessions_provider").on("sessions").column("provider_sid").execute();
}
