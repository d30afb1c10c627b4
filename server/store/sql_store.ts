/** The Store, in queries that mean the same on both databases. */

import { type Insertable, type Selectable, sql, type Transaction } from "kysely";
import { ColinkError } from "../error.ts";
import type { Backend, Work } from "./backend.ts";
import { writeLedger } from "./ledger_table.ts";
import { migrate } from "./migrate.ts";
import type { Schema } from "./schema.ts";
import type { AccountRow, InviteRow, KeyRow, LedgerEntry, Role, Store } from "./store.ts";

export class SqlStore implements Store {
  readonly kind: Store["kind"];

  constructor(private readonly backend: Backend) {
    this.kind = backend.kind;
  }

  migrate(): Promise<void> {
    return this.backend.migrate(migrate);
  }

  async ping(): Promise<void> {
    await this.#read((db) => sql`select 1`.execute(db));
  }

  close(): Promise<void> {
    return this.backend.close();
  }

  addAccount(
    account: AccountRow,
    keys: readonly KeyRow[],
    inviteDigest?: string,
  ): Promise<void> {
    return this.#transaction(async (db) => {
      // The invite first: without a good one nobody learns which addresses are taken.
      if (inviteDigest !== undefined) await this.#useInvite(db, inviteDigest, account.id);
      const added = await db.insertInto("accounts").values(fromAccount(account))
        .onConflict((conflict) => conflict.column("email").doNothing())
        .returning("id").executeTakeFirst();
      if (added === undefined) {
        throw new ColinkError(
          "email_taken",
          "Cannot register: this e-mail address has an account already; sign in instead",
          { param: "email" },
        );
      }
      if (keys.length > 0) await db.insertInto("keys").values(keys.map(fromKey)).execute();
    });
  }

  async #useInvite(db: Transaction<Schema>, digest: string, accountId: string): Promise<void> {
    const used = await db.updateTable("invites").set({ used_by: accountId })
      .where("digest", "=", digest).where("used_by", "is", null)
      .where("expires_at", ">", this.backend.now)
      .returning("digest").executeTakeFirst();
    if (used !== undefined) return;
    throw new ColinkError(
      "invite_required",
      "Cannot register: this invite is unknown, used or expired; ask for a new one",
      { param: "invite" },
    );
  }

  accountByEmail(email: string): Promise<AccountRow | null> {
    return this.#account("email", email);
  }

  accountById(id: string): Promise<AccountRow | null> {
    return this.#account("id", id);
  }

  async #account(column: "email" | "id", value: string): Promise<AccountRow | null> {
    // PostgreSQL refuses text with NUL in it, even to compare with.
    if (value.includes("\0")) return null;
    const row = await this.#read((db) =>
      db.selectFrom("accounts").selectAll().where(column, "=", value).executeTakeFirst()
    );
    return row === undefined ? null : toAccount(row);
  }

  setRole(accountId: string, role: Role): Promise<void> {
    return this.#write((db) =>
      db.updateTable("accounts").set({ role }).where("id", "=", accountId).execute()
    );
  }

  setPasswordHash(accountId: string, passwordHash: string): Promise<void> {
    return this.#write((db) =>
      db.updateTable("accounts").set({ password_hash: passwordHash })
        .where("id", "=", accountId).execute()
    );
  }

  setDisabled(accountId: string, disabled: boolean): Promise<void> {
    return this.#write((db) =>
      db.updateTable("accounts").set({ disabled_at: disabled ? this.backend.now : null })
        .where("id", "=", accountId).execute()
    );
  }

  async keysOfAccount(accountId: string): Promise<KeyRow[]> {
    const rows = await this.#read((db) =>
      db.selectFrom("keys").selectAll().where("account_id", "=", accountId)
        .where("revoked_at", "is", null).orderBy("created_at").execute()
    );
    return rows.map(toKey);
  }

  async keyByDigest(digest: string): Promise<{ key: KeyRow; accountDisabled: boolean } | null> {
    const row = await this.#read((db) =>
      db.selectFrom("keys").innerJoin("accounts", "accounts.id", "keys.account_id")
        .selectAll("keys").select("accounts.disabled_at as disabled_at")
        .where("keys.digest", "=", digest).executeTakeFirst()
    );
    return row === undefined
      ? null
      : { key: toKey(row), accountDisabled: row.disabled_at !== null };
  }

  rotateKey(fresh: KeyRow): Promise<string[]> {
    return this.#transaction(async (db) => {
      // A lock on the account's row: of two rotations at once, the second revokes the first's key.
      await db.updateTable("accounts").set((column) => ({ id: column.ref("id") }))
        .where("id", "=", fresh.accountId).execute();
      const revoked = await db.updateTable("keys").set({ revoked_at: this.backend.now })
        .where("account_id", "=", fresh.accountId).where("kind", "=", fresh.kind)
        .where("revoked_at", "is", null).returning("id").execute();
      await db.insertInto("keys").values(fromKey(fresh)).execute();
      return revoked.map((row) => row.id);
    });
  }

  async setKeyLimits(
    keyId: string,
    { rpm, models }: { rpm?: number | null; models?: string[] | null },
  ): Promise<void> {
    const change = {
      ...(rpm === undefined ? {} : { rpm }),
      ...(models === undefined ? {} : { models: toJson(models) }),
    };
    if (Object.keys(change).length === 0) return;
    await this.#write((db) => db.updateTable("keys").set(change).where("id", "=", keyId).execute());
  }

  revokedSince(since: number): Promise<{ keyIds: string[]; now: number }> {
    return this.#read(async (db) => {
      // The clock first: what is stamped between the two questions is seen by this one or the next.
      const clock = await db.selectNoFrom(this.backend.now.as("now")).executeTakeFirstOrThrow();
      const rows = await db.selectFrom("keys").select("id").where("revoked_at", ">=", since)
        .union(
          db.selectFrom("keys").innerJoin("accounts", "accounts.id", "keys.account_id")
            .select("keys.id").where("accounts.disabled_at", ">=", since),
        ).execute();
      return { keyIds: rows.map((row) => row.id), now: clock.now };
    });
  }

  addInvite(invite: InviteRow): Promise<void> {
    return this.#write((db) =>
      db.insertInto("invites").values({
        digest: invite.digest,
        created_at: invite.createdAt,
        expires_at: invite.expiresAt,
        used_by: invite.usedBy,
      }).execute()
    );
  }

  async knownModels(limit: number): Promise<string[]> {
    const rows = await this.#read((db) =>
      db.selectFrom("known_models").select("name").orderBy("seen_at", "desc").limit(limit).execute()
    );
    return rows.map(({ name }) => name);
  }

  async addKnownModels(names: readonly string[], now: number): Promise<void> {
    if (names.length === 0) return;
    await this.#transaction((db) =>
      db.insertInto("known_models").values(names.map((name) => ({ name, seen_at: now })))
        .onConflict((conflict) => conflict.column("name").doNothing())
        .execute()
    );
  }

  async writeLedger(entries: readonly LedgerEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#transaction((db) => writeLedger(db, this.backend, entries));
  }

  #read<T>(work: Work<T>): Promise<T> {
    return this.backend.run(work, { retry: true });
  }

  async #write(work: Work<unknown>): Promise<void> {
    await this.backend.run(work);
  }

  #transaction<T>(work: (db: Transaction<Schema>) => Promise<T>): Promise<T> {
    return this.backend.run((db) => db.transaction().execute(work));
  }
}

function fromAccount(account: AccountRow): Insertable<Schema["accounts"]> {
  return {
    id: account.id,
    email: account.email,
    password_hash: account.passwordHash,
    role: account.role,
    created_at: account.createdAt,
    disabled_at: account.disabledAt,
    total_api_calls: account.totalApiCalls,
    total_provided_calls: account.totalProvidedCalls,
  };
}

function toAccount(row: Selectable<Schema["accounts"]>): AccountRow {
  return {
    id: row.id,
    email: row.email,
    passwordHash: row.password_hash,
    role: row.role as Role,
    createdAt: row.created_at,
    disabledAt: row.disabled_at,
    totalApiCalls: row.total_api_calls,
    totalProvidedCalls: row.total_provided_calls,
  };
}

function fromKey(key: KeyRow): Insertable<Schema["keys"]> {
  return {
    id: key.id,
    account_id: key.accountId,
    kind: key.kind,
    digest: key.digest,
    sealed: key.sealed,
    rpm: key.rpm,
    models: toJson(key.models),
    created_at: key.createdAt,
    revoked_at: key.revokedAt,
  };
}

function toKey(row: Selectable<Schema["keys"]>): KeyRow {
  return {
    id: row.id,
    accountId: row.account_id,
    kind: row.kind as KeyRow["kind"],
    digest: row.digest,
    sealed: row.sealed,
    rpm: row.rpm,
    models: row.models === null ? null : JSON.parse(row.models) as string[],
    createdAt: row.created_at,
    revokedAt: row.revoked_at,
  };
}

function toJson(models: string[] | null): string | null {
  return models === null ? null : JSON.stringify(models);
}
