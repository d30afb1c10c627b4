/** What names lead to and what is said about models: values by kind and name, as JSON. */

import type { Transaction } from "kysely";
import { ColinkError } from "../base/error.ts";
import type { Database } from "./database.ts";
import type { NamedValue, Schema } from "./schema.ts";
import { storable } from "./text.ts";

export type { NamedValue };

/** The setting that changes with every change of an alias or a model's settings for everybody. */
const REVISION = "names_revision";

export class NameTable {
  constructor(private readonly database: Database) {}

  /** A text that changes with whatever `shared` returns; null: nothing was ever changed. */
  async revision(): Promise<string | null> {
    const row = await this.database.read((db) =>
      db.selectFrom("settings").select("value").where("name", "=", REVISION).executeTakeFirst()
    );
    return row?.value ?? null;
  }

  /** The values that concern everybody, by kind and name. */
  shared(): Promise<NamedValue[]> {
    return this.database.read((db) =>
      db.selectFrom("names").selectAll().where("kind", "!=", "own")
        .orderBy("kind").orderBy("name").execute()
    );
  }

  /** The account's own aliases, as JSON; null: it has none. */
  async own(accountId: string): Promise<string | null> {
    const row = await this.database.read((db) =>
      db.selectFrom("names").select("value").where("kind", "=", "own")
        .where("name", "=", storable(accountId)).executeTakeFirst()
    );
    return row?.value ?? null;
  }

  /**
   * Changes the value of a name, while no other name is changed. `change` gets the names of that
   * kind as they are, and returns the new value; null removes it. What it throws ends the change.
   * Throws `too_many` beyond `max` names of the kind.
   */
  changeShared(
    kind: Exclude<NamedValue["kind"], "own">,
    name: string,
    max: number,
    change: (others: readonly NamedValue[]) => string | null,
  ): Promise<void> {
    return this.database.transaction(async (db) => {
      const value = JSON.stringify(crypto.randomUUID());
      // First: the row's lock lets one change in at a time.
      await db.insertInto("settings").values({ name: REVISION, value })
        .onConflict((conflict) => conflict.column("name").doUpdateSet({ value }))
        .execute();
      const rows = await db.selectFrom("names").selectAll().where("kind", "=", kind).execute();
      const isNew = rows.every((row) => row.name !== storable(name));
      const next = change(rows);
      if (next !== null && isNew && rows.length >= max) {
        throw new ColinkError("too_many", `Cannot save the name: there are ${max} already`);
      }
      await put(db, { kind, name, value: next });
    });
  }

  /** Changes the account's own aliases; `change` gets them as they are and returns the new value. */
  changeOwn(accountId: string, change: (value: string | null) => string | null): Promise<void> {
    return this.database.transaction(async (db) => {
      // The account's row is locked: another change of its aliases waits.
      await db.updateTable("accounts").set((row) => ({ rpm: row.ref("rpm") }))
        .where("id", "=", accountId).execute();
      const row = await db.selectFrom("names").select("value").where("kind", "=", "own")
        .where("name", "=", accountId).executeTakeFirst();
      await put(db, { kind: "own", name: accountId, value: change(row?.value ?? null) });
    });
  }
}

async function put(
  db: Transaction<Schema>,
  { kind, name, value }: { kind: NamedValue["kind"]; name: string; value: string | null },
): Promise<void> {
  const key = storable(name);
  if (value === null) {
    await db.deleteFrom("names").where("kind", "=", kind).where("name", "=", key).execute();
    return;
  }
  await db.insertInto("names").values({ kind, name: key, value })
    .onConflict((conflict) => conflict.columns(["kind", "name"]).doUpdateSet({ value }))
    .execute();
}
