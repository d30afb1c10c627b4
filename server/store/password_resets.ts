/** Password resets: codes that let their holder set an account's password once. An account has one at most. */

import type { Transaction } from "kysely";
import type { Database } from "./database.ts";
import { type PasswordResetRow, passwordResets, type Schema } from "./schema.ts";

export type { PasswordResetRow };

export class PasswordResetTable {
  constructor(private readonly database: Database) {}

  /** Replaces the account's earlier code. */
  put(reset: PasswordResetRow): Promise<void> {
    const row = passwordResets.toRow(reset);
    const { account_id: _, ...others } = row;
    return this.database.write((db) =>
      db.insertInto("password_resets").values(row)
        .onConflict((conflict) => conflict.column("account_id").doUpdateSet(others)).execute()
    );
  }

  /** The e-mail address of the account that the code is for; null: unknown, used or expired, or the account is disabled. */
  async emailOf(digest: string): Promise<string | null> {
    const row = await this.database.read((db) =>
      db.selectFrom("password_resets")
        .innerJoin("accounts", "accounts.id", "password_resets.account_id")
        .select("accounts.email").where("digest", "=", digest)
        .where("expires_at", ">", this.database.now).where("accounts.disabled_at", "is", null)
        .executeTakeFirst()
    );
    return row?.email ?? null;
  }

  /** Within a transaction, uses the code up: the id of its account; null: it is unknown, used or expired. */
  async use(db: Transaction<Schema>, digest: string): Promise<string | null> {
    const found = await db.selectFrom("password_resets").select("account_id")
      .where("digest", "=", digest).executeTakeFirst();
    if (found === undefined) return null;
    // The account's row first, as every change of a password does: two of them must not deadlock.
    await db.updateTable("accounts").set((column) => ({ id: column.ref("id") }))
      .where("id", "=", found.account_id).execute();
    const used = await db.deleteFrom("password_resets").where("digest", "=", digest)
      .where("expires_at", ">", this.database.now).returning("account_id").executeTakeFirst();
    return used?.account_id ?? null;
  }

  /** Within a transaction: a link ends with the password that it was to replace. */
  async drop(db: Transaction<Schema>, accountId: string): Promise<void> {
    await db.deleteFrom("password_resets").where("account_id", "=", accountId).execute();
  }
}
