/** Sign-ins that are not over. A session that was ended has no row any more. */

import type { Selectable, Transaction } from "kysely";
import type { Database } from "./database.ts";
import { storable } from "./database.ts";
import type { Schema } from "./schema.ts";
import type { Role } from "./rows.ts";

export interface SessionRow {
  id: string;
  accountId: string;
  createdAt: number;
  lastSeenAt: number;
  expiresAt: number;
  address: string;
  userAgent: string | null;
}

/** What is asked of a session's account each time it is used. */
export interface SessionAccount {
  role: Role;
  email: string;
}

/** Sessions of an account beyond these end when another begins, the oldest first. */
const MAX_PER_ACCOUNT = 50;

export class SessionTable {
  constructor(private readonly database: Database) {}

  /**
   * Adds a session that was begun with the password of that hash, and ends the account's oldest ones
   * beyond so many. False, and nothing is added: the account has another password by now.
   */
  add(session: SessionRow, passwordHash: string): Promise<boolean> {
    const { accountId } = session;
    return this.database.transaction(async (db) => {
      // Holds the account's row: whoever changes the password has done so, or ends this session too.
      const held = await db.updateTable("accounts").set({ password_hash: passwordHash })
        .where("id", "=", accountId).where("password_hash", "=", passwordHash)
        .returning("id").executeTakeFirst();
      if (held === undefined) return false;
      await db.deleteFrom("sessions").where("account_id", "=", accountId).where(
        "id",
        "in",
        db.selectFrom("sessions").select("id").where("account_id", "=", accountId)
          .orderBy("created_at", "desc").orderBy("id").offset(MAX_PER_ACCOUNT - 1).limit(1000),
      ).execute();
      await db.insertInto("sessions").values(toRow(session)).execute();
      return true;
    });
  }

  /** The session with its account; null: it was ended, is over, or its account was shut. */
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
    return { ...fromRow(row), account: { role: role as Role, email } };
  }

  /** Of these sessions, those that are still good. */
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

  /** LruCache first. */
  async ofAccount(accountId: string): Promise<SessionRow[]> {
    const rows = await this.database.read((db) =>
      db.selectFrom("sessions").selectAll().where("account_id", "=", accountId)
        .where("expires_at", ">", this.database.now)
        .orderBy("created_at", "desc").limit(MAX_PER_ACCOUNT).execute()
    );
    return rows.map(fromRow);
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

  seen(id: string, at: number): Promise<void> {
    return this.database.write((db) =>
      db.updateTable("sessions").set({ last_seen_at: at }).where("id", "=", id).execute()
    );
  }

  /** Forgets sessions that were over before then. */
  prune(before: number): Promise<void> {
    return this.database.write((db) =>
      db.deleteFrom("sessions").where("expires_at", "<", before).execute()
    );
  }
}

function toRow(session: SessionRow): Schema["sessions"] {
  return {
    id: session.id,
    account_id: session.accountId,
    created_at: session.createdAt,
    last_seen_at: session.lastSeenAt,
    expires_at: session.expiresAt,
    address: session.address,
    user_agent: session.userAgent,
  };
}

function fromRow(row: Selectable<Schema["sessions"]>): SessionRow {
  return {
    id: row.id,
    accountId: row.account_id,
    createdAt: row.created_at,
    lastSeenAt: row.last_seen_at,
    expiresAt: row.expires_at,
    address: row.address,
    userAgent: row.user_agent,
  };
}
