/**
 * Deletes an account. Its row stays, emptied and without its address, so that the calls in the ledger
 * keep an account to belong to, and so that gateways which poll for ended keys learn of it.
 */

import { type RawBuilder, sql, type Transaction } from "kysely";
import { ColinkError } from "../base/error.ts";
import type { Schema } from "./schema.ts";
import { storable } from "./text.ts";

/** What lists show in the place of a deleted account's address. No address is spelt like that. */
const DELETED_ACCOUNT = "deleted account";

export interface DeletedAccount {
  /** As it was. */
  email: string;
  /** Of the keys that worked. */
  keyIds: string[];
  sessionIds: string[];
}

/** The setting whose row makes these changes wait for each other, so that two administrators cannot both be the last but one. */
const ADMINISTRATORS = "administrators";

/**
 * Within a transaction. Null: there is no such account. Throws `invalid_request` for the last
 * administrator.
 */
export async function deleteAccount(
  db: Transaction<Schema>,
  id: string,
  { now, endSessions, touchGroups }: {
    /** The database's clock. */
    now: RawBuilder<number>;
    endSessions: (accountId: string) => Promise<string[]>;
    /** Lets other gateways notice that members have changed. */
    touchGroups: () => Promise<void>;
  },
): Promise<DeletedAccount | null> {
  await expectAnotherAdministrator(db, id, "Cannot delete the last administrator");
  // Before the account's row, as every change of a group does.
  await touchGroups();
  const found = await db.selectFrom("accounts").select("email")
    .where("id", "=", storable(id)).where("deleted_at", "is", null).executeTakeFirst();
  if (found === undefined) return null;

  await db.updateTable("accounts").set({
    email: sql<string>`'deleted ' || id`,
    password_hash: "",
    disabled_at: now,
    deleted_at: now,
    rpm: null,
    models: null,
    budget: null,
    weight: null,
  }).where("id", "=", id).execute();
  const keyIds = await endKeys(db, id, now);
  for (const table of ["joins", "group_members", "password_resets", "identities"] as const) {
    await db.deleteFrom(table).where("account_id", "=", id).execute();
  }
  await db.deleteFrom("names").where("kind", "=", "own").where("name", "=", id).execute();
  return { email: found.email, keyIds, sessionIds: await endSessions(id) };
}

/** An account's address in a list; of a deleted account, the words that it was deleted. */
export function shownEmail(table: string): RawBuilder<string> {
  const [email, deletedAt] = [sql.ref(`${table}.email`), sql.ref(`${table}.deleted_at`)];
  return sql<string>`case when ${deletedAt} is null then ${email} else ${
    sql.lit(DELETED_ACCOUNT)
  } end`;
}

/**
 * Within a transaction: until its end no other one takes away an administrator in this way. Throws
 * `invalid_request` with the words of `failure` where the account is the only administrator that can
 * sign in.
 */
export async function expectAnotherAdministrator(
  db: Transaction<Schema>,
  id: string,
  failure: string,
): Promise<void> {
  await db.insertInto("settings").values({ name: ADMINISTRATORS, value: "true" })
    .onConflict((conflict) => conflict.column("name").doUpdateSet({ value: "true" })).execute();
  const administrators = await db.selectFrom("accounts").select("id").where("role", "=", "admin")
    .where("disabled_at", "is", null).limit(2).execute();
  if (administrators.length !== 1 || administrators[0]!.id !== id) return;
  throw new ColinkError(
    "invalid_request",
    `${failure}: make another account an administrator first`,
    { problem: { code: "last_administrator" } },
  );
}

/**
 * Within a transaction: ends the account's keys and clears their names, tokens and limits. Resolves
 * with the ids of those that worked.
 */
export async function endKeys(
  db: Transaction<Schema>,
  accountId: string,
  now: RawBuilder<number>,
): Promise<string[]> {
  const working = await db.selectFrom("keys").select("id").where("account_id", "=", accountId)
    .where("revoked_at", "is", null).orderBy("id").execute();
  // One by one in the order of ids: two transactions that write about the same keys must not deadlock.
  for (const { id } of working) {
    await db.updateTable("keys").set({ revoked_at: now }).where("id", "=", id).execute();
  }
  await db.updateTable("keys").set({ name: "", sealed: "", models: null, budget: null })
    .where("account_id", "=", accountId).execute();
  return working.map(({ id }) => id);
}
