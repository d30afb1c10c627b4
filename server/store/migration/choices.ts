/** Why a call's node was chosen. */

import type { Kysely } from "kysely";
import type { Schema } from "../schema.ts";

export async function addChoices(db: Kysely<Schema>): Promise<void> {
  await db.schema.alterTable("ledger").addColumn("choice", "text").execute();
}
