/** What nodes report of the machines that they run on. */

import type { Kysely } from "kysely";
import type { Schema } from "../schema.ts";

export async function addMachines(db: Kysely<Schema>): Promise<void> {
  await db.schema.alterTable("nodes").addColumn("machine", "text").execute();
}
