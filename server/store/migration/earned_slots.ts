/** How many slots nodes have earned, so that a restart of the gateway takes none from them. */

import type { Kysely } from "kysely";
import type { Schema } from "../schema.ts";

export async function addEarnedSlots(db: Kysely<Schema>): Promise<void> {
  await db.schema.alterTable("nodes").addColumn("earned_slots", "integer").execute();
}
