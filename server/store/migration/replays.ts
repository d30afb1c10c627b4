/** How often callers came back for a call's answer. */

import type { Kysely } from "kysely";
import type { Schema } from "../schema.ts";

export async function addReplays(db: Kysely<Schema>): Promise<void> {
  await db.schema.alterTable("ledger").addColumn("replays", "text").execute();
}
