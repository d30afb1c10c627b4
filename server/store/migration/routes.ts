/** Version 8: which nodes a key may use, and how near its caller the node of a call was. */

import type { Kysely } from "kysely";
import type { Schema } from "../schema.ts";

export async function addRoutes(db: Kysely<Schema>): Promise<void> {
  await db.schema.alterTable("keys").addColumn("route", "text").execute();
  await db.schema.alterTable("ledger").addColumn("route", "text").execute();
}
