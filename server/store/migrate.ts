/** Brings a database's schema up to date, one version after the other, inside one transaction. */

import { type Kysely, sql } from "kysely";
import { migrations } from "./migrations.ts";
import type { Schema } from "./schema.ts";

/** The database was written by a later version of this program. */
export class NewerSchemaError extends Error {
  override readonly name = "NewerSchemaError";
  constructor(readonly found: number, readonly known: number) {
    super(
      `Cannot use the database: its schema is version ${found}, and this program knows versions ` +
        `up to ${known}; start a newer release of Co-Link`,
    );
  }
}

/**
 * Applies what is missing. `transaction` must be one that holds the backend's migration lock, so
 * that nobody else is between reading the version and writing it.
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
