/** Accounts as administrators look for them. */

import { type ExpressionBuilder, sql } from "kysely";
import type { Database } from "./database.ts";
import { containing, storable } from "./database.ts";
import { listOf, textOf } from "./keys.ts";
import type { Schema } from "./schema.ts";
import type { AccountRow, Role } from "./rows.ts";

/** What of an account administrators may change. What is absent stays as it is. */
export interface AccountChange {
  role?: Role;
  isDisabled?: boolean;
  rpm?: number | null;
  models?: string[] | null;
}

/** An account, without its password's hash. */
export interface UserRow extends Omit<AccountRow, "passwordHash"> {
  /** Keys that work. */
  keys: number;
}

export interface UserQuery {
  /** A part of the e-mail. */
  search?: string;
  /** The last account of the page before. */
  after?: { at: number; id: string };
  limit: number;
}

export class UserTable {
  constructor(private readonly database: Database) {}

  /** LruCache first. */
  async page({ search, after, limit }: UserQuery): Promise<UserRow[]> {
    const rows = await this.database.read((db) => {
      let query = db.selectFrom("accounts").select(columns).select((row) => this.#keys(row));
      if (search !== undefined) {
        const pattern = containing(storable(search));
        query = query.where(sql<boolean>`email like ${pattern} escape '\\'`);
      }
      if (after !== undefined) {
        query = query.where((row) =>
          row.or([
            row("created_at", "<", after.at),
            row.and([row("created_at", "=", after.at), row("id", "<", after.id)]),
          ])
        );
      }
      return query.orderBy("created_at", "desc").orderBy("id", "desc").limit(limit).execute();
    });
    return rows.map(fromRow);
  }

  async find(id: string): Promise<UserRow | null> {
    const row = await this.database.read((db) =>
      db.selectFrom("accounts").select(columns).select((row) => this.#keys(row))
        .where("id", "=", storable(id)).executeTakeFirst()
    );
    return row === undefined ? null : fromRow(row);
  }

  async change(id: string, { role, isDisabled, rpm, models }: AccountChange): Promise<void> {
    const set = {
      ...(role === undefined ? {} : { role }),
      ...(isDisabled === undefined ? {} : { disabled_at: isDisabled ? this.database.now : null }),
      ...(rpm === undefined ? {} : { rpm }),
      ...(models === undefined ? {} : { models: textOf(models) }),
    };
    if (Object.keys(set).length === 0) return;
    await this.database.write((db) =>
      db.updateTable("accounts").set(set).where("id", "=", storable(id)).execute()
    );
  }

  /** A page of account ids, in their order. */
  async ids(after: string, limit: number): Promise<string[]> {
    const rows = await this.database.read((db) =>
      db.selectFrom("accounts").select("id").where("id", ">", after).orderBy("id").limit(limit)
        .execute()
    );
    return rows.map(({ id }) => id);
  }

  #keys(row: ExpressionBuilder<Schema, "accounts">) {
    return row.selectFrom("keys").select((key) => key.fn.countAll<number>().as("count"))
      .whereRef("keys.account_id", "=", "accounts.id").where("keys.revoked_at", "is", null)
      .where((key) =>
        key.or([key("expires_at", "is", null), key("expires_at", ">", this.database.now)])
      ).as("keys");
  }
}

const columns = [
  "id",
  "email",
  "role",
  "created_at",
  "disabled_at",
  "total_api_calls",
  "total_provided_calls",
  "rpm",
  "models",
] as const;

type Row = Pick<Schema["accounts"], typeof columns[number]> & { keys: number | null };

function fromRow(row: Row): UserRow {
  return {
    id: row.id,
    email: row.email,
    role: row.role as Role,
    createdAt: row.created_at,
    disabledAt: row.disabled_at,
    totalApiCalls: row.total_api_calls,
    totalProvidedCalls: row.total_provided_calls,
    rpm: row.rpm,
    models: listOf(row.models),
    keys: Number(row.keys ?? 0),
  };
}
