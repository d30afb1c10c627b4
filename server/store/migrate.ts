/** Brings a database's schema up to date, version by version, in one transaction. */

import { type Kysely, sql } from "kysely";
import { migrations } from "./migrations.ts";
import type { Schema } from "./schema.ts";

/** A later version of this program has changed the database. */
export class NewerSchemaError extends Error {
  override readonly name = "NewerSchemaError";
  constructor(readonly found: number, readonly known: number) {
    super(
      `Cannot use the database: its schema is version ${found}, and this program knows versions ` +
        `up to ${known}; start a newer release of Co-Link, ` +
        `or restore the backup from before the update`,
    );
  }
}

/**
 * Applies the missing migrations. `transaction` must hold the backend's migration lock, so that no
 * other process reads the version before this one writes it.
 */
export async function migrate(transaction: Kysely<Schema>): Promise<void> {
  await sql`create table if not exists colink_schema (version integer not null)`
    .execute(transaction);
  const row = await transaction.selectFrom("colink_schema").select("version").executeTakeFirst();
  const found = row?.version ?? 0;
  if (found > migrations.length) throw new NewerSchemaError(found, migrations.length);
  for (const apply of migrations.slice(found)) await apply(transaction);
  const version = migrations.length;
  if (row === undefined) {
    await transaction.insertInto("colink_schema").values({ version }).execute();
  } else if (found < version) {
    await transaction.updateTable("colink_schema").set({ version }).execute();
  }
}
