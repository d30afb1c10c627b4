/** Sessions: sign-ins to the console. A session that was ended has no row. */

import type { Transaction } from "kysely";
import type { Database } from "./database.ts";
import { type Role, type Schema, type SessionRow, sessions } from "./schema.ts";
import { storable } from "./text.ts";

export type { SessionRow };

/** What of a session's account matters each time the session is used. */
export interface SessionAccount {
  role: Role;
  email: string;
}

/** A further session ends the account's oldest one. */
const MAX_PER_ACCOUNT = 50;

export class SessionTable {
  constructor(private readonly database: Database) {}

  /**
   * Adds a session that began with the password of that hash, and ends the account's oldest ones
   * beyond the limit. False, and nothing has changed: the account has another password by now.
   */
  add(session: SessionRow, passwordHash: string): Promise<boolean> {
    const { accountId } = session;
    return this.database.transaction(async (db) => {
      // Locks the account's row: a change of the password has happened before, or ends this session too.
      const locked = await db.updateTable("accounts").set({ password_hash: passwordHash })
        .where("id", "=", accountId).where("password_hash", "=", passwordHash)
        .returning("id").executeTakeFirst();
      if (locked === undefined) return false;
      await db.deleteFrom("sessions").where("account_id", "=", accountId).where(
        "id",
        "in",
        db.selectFrom("sessions").select("id").where("account_id", "=", accountId)
          .orderBy("created_at", "desc").orderBy("id", "desc").offset(MAX_PER_ACCOUNT - 1).limit(
            1000,
          ),
      ).execute();
      await db.insertInto("sessions").values(sessions.toRow(session)).execute();
      return true;
    });
  }

  /** The session with its account; null: it was ended, has expired, or its account is disabled. */
  async find(id: string): Promise<SessionRow & { account: SessionAccount } | null> {
    const row = await this.database.read((db) =>
      db.selectFrom("sessions").innerJoin("accounts", "accounts.id", "sessions.account_id")
        .selectAll("sessions")
        .select(["accounts.role", "accounts.email"])
        .where("sessions.id", "=", id).where("accounts.disabled_at", "is", null)
        .where("sessions.expires_at", ">", this.database.now)
        .executeTakeFirst()
    );
    if (row === undefined) return null;
    const { role, email } = row;
    return { ...sessions.fromRow(row), account: { role, email } };
  }

  /** The ids of those of these sessions that `find` would find. */
  async alive(ids: readonly string[]): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const rows = await this.database.read((db) =>
      db.selectFrom("sessions").innerJoin("accounts", "accounts.id", "sessions.account_id")
        .select("sessions.id").where("sessions.id", "in", ids)
        .where("accounts.disabled_at", "is", null)
        .where("sessions.expires_at", ">", this.database.now).execute()
    );
    return new Set(rows.map(({ id }) => id));
  }

  /** Newest first. */
  async ofAccount(accountId: string): Promise<SessionRow[]> {
    const rows = await this.database.read((db) =>
      db.selectFrom("sessions").selectAll().where("account_id", "=", accountId)
        .where("expires_at", ">", this.database.now)
        .orderBy("created_at", "desc").orderBy("id", "desc").limit(MAX_PER_ACCOUNT).execute()
    );
    return rows.map((row) => sessions.fromRow(row));
  }

  /** Ends one of the account's sessions. False: there is none of that id. */
  async end(accountId: string, id: string): Promise<boolean> {
    const row = await this.database.change((db) =>
      db.deleteFrom("sessions").where("account_id", "=", accountId).where("id", "=", storable(id))
        .returning("id").executeTakeFirst()
    );
    return row !== undefined;
  }

  /** Ends the account's sessions, all but `except`; resolves with their ids. */
  endOthers(accountId: string, except: string | null): Promise<string[]> {
    return this.database.transaction((db) => this.endAll(db, accountId, except));
  }

  /** As `endOthers`, within a transaction. */
  async endAll(
    db: Transaction<Schema>,
    accountId: string,
    except: string | null,
  ): Promise<string[]> {
    const rows = await db.deleteFrom("sessions").where("account_id", "=", accountId)
      .where("id", "!=", except ?? "").returning("id").execute();
    return rows.map(({ id }) => id);
  }

  /**
   * Ends the account's sessions that its sign-in provider began: those of that name, or all. Resolves
   * with their ids.
   */
  async endOfProvider(accountId: string, sid: string | null): Promise<string[]> {
    const rows = await this.database.change((db) => {
      const all = db.deleteFrom("sessions").where("account_id", "=", accountId);
      const some = sid === null
        ? all.where("provider_sid", "is not", null)
        : all.where("provider_sid", "=", storable(sid));
      return some.returning("id").execute();
    });
    return rows.map(({ id }) => id);
  }

  /** The accounts that have a session of that name at the sign-in provider. */
  async accountsOfProvider(sid: string): Promise<string[]> {
    const rows = await this.database.read((db) =>
      db.selectFrom("sessions").select("account_id").distinct()
        .where("provider_sid", "=", storable(sid)).execute()
    );
    return rows.map(({ account_id }) => account_id);
  }

  seen(id: string, at: number): Promise<void> {
    return this.database.write((db) =>
      db.updateTable("sessions").set({ last_seen_at: at }).where("id", "=", id).execute()
    );
  }

  /** Deletes sessions that expired before that time. */
  prune(before: number): Promise<void> {
    return this.database.write((db) =>
      db.deleteFrom("sessions").where("expires_at", "<", before).execute()
    );
  }
}
