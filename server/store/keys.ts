/** Bearer tokens: digests, limits, and when they end. */

import { type Insertable, type NotNull, type Selectable, sql, type Transaction } from "kysely";
import { ColinkError } from "../base/error.ts";
import { LruCache } from "../base/lru.ts";
import type { Changes } from "./change_poll.ts";
import type { Database } from "./database.ts";
import { storable } from "./database.ts";
import type { Schema } from "./schema.ts";
import type { KeyKind, KeyRow, LedgerEntry } from "./rows.ts";

/** What of a key its owner may change. What is absent stays as it is. */
export type KeyChange = Partial<Pick<KeyRow, "name" | "rpm" | "models" | "expiresAt">>;

/** What is known of a key's account when the key is used. */
export interface KeyAccount {
  isDisabled: boolean;
  /** Calls per minute of all its keys together; null: the gateway's default; 0: none. */
  rpm: number | null;
  /** The models that it may call; null: all. */
  models: string[] | null;
}

/** A key stopped working at that time. */
export interface KeyEnd {
  id: string;
  at: number;
}

/** Keys of an account that work at the same time. */
const MAX_PER_ACCOUNT = 200;

/** How often a key is noted as used, and of how many keys it is known when that was. */
const USED_EVERY_MS = 60_000;
const MAX_USED = 10_000;

export class KeyTable {
  readonly #usedAt = new LruCache<string, number>(MAX_USED);

  constructor(private readonly database: Database) {}

  /** The account's keys that work, oldest first. */
  async ofAccount(accountId: string): Promise<KeyRow[]> {
    const rows = await this.database.read((db) =>
      db.selectFrom("keys").selectAll().where("account_id", "=", accountId)
        .where("revoked_at", "is", null)
        .where((key) =>
          key.or([key("expires_at", "is", null), key("expires_at", ">", this.database.now)])
        )
        .orderBy("created_at").orderBy("id").execute()
    );
    return rows.map(fromRow);
  }

  /** The key with this digest, whether it works or not, with its account's state. */
  async byDigest(digest: string): Promise<{ key: KeyRow; account: KeyAccount } | null> {
    const row = await this.database.read((db) =>
      db.selectFrom("keys").innerJoin("accounts", "accounts.id", "keys.account_id")
        .selectAll("keys")
        .select([
          "accounts.disabled_at",
          "accounts.rpm as all_rpm",
          "accounts.models as all_models",
        ])
        .where("keys.digest", "=", digest).executeTakeFirst()
    );
    if (row === undefined) return null;
    const account = {
      isDisabled: row.disabled_at !== null,
      rpm: row.all_rpm,
      models: listOf(row.all_models),
    };
    return { key: fromRow(row), account };
  }

  /** Throws `too_many` where the account has as many as it may. */
  add(key: KeyRow): Promise<void> {
    return this.database.transaction(async (db) => {
      await this.#lock(db, key.accountId);
      await this.#expectRoom(db, key.accountId);
      await db.insertInto("keys").values(keyToRow(key)).execute();
    });
  }

  /** The key as it is afterwards; null: the account has no such key that works. An end in the past is now. */
  async change(accountId: string, keyId: string, change: KeyChange): Promise<KeyRow | null> {
    const set = {
      ...(change.name === undefined ? {} : { name: change.name }),
      ...(change.rpm === undefined ? {} : { rpm: change.rpm }),
      ...(change.models === undefined ? {} : { models: textOf(change.models) }),
      ...(change.expiresAt === undefined ? {} : { expires_at: this.#notBefore(change.expiresAt) }),
    };
    const row = await this.database.change((db) =>
      db.updateTable("keys").set({ id: sql.ref("id"), ...set }).where("id", "=", storable(keyId))
        .where("account_id", "=", accountId).where("revoked_at", "is", null)
        .where((key) =>
          key.or([key("expires_at", "is", null), key("expires_at", ">", this.database.now)])
        )
        .returningAll().executeTakeFirst()
    );
    return row === undefined ? null : fromRow(row);
  }

  /** Revokes one of the account's keys by the database's clock. False: it has no such key that works. */
  async revoke(accountId: string, keyId: string): Promise<boolean> {
    const row = await this.database.change((db) =>
      db.updateTable("keys").set({ revoked_at: this.database.now }).where("id", "=", keyId)
        .where("account_id", "=", accountId).where("revoked_at", "is", null)
        .returning("id").executeTakeFirst()
    );
    return row !== undefined;
  }

  /**
   * Puts the new key in the place of the account's default of its kind, or of the key `replaced`.
   * The old one is revoked, or works for `overlapMs` more. Resolves with the ids of those that were
   * revoked; null: `replaced` is not there, or was replaced already, and nothing is changed. Throws
   * `too_many` where the account would have more that work than it may.
   */
  rotate(
    fresh: KeyRow,
    { replaced, overlapMs = 0 }: { replaced?: string; overlapMs?: number } = {},
  ): Promise<string[] | null> {
    return this.database.transaction(async (db) => {
      // Of two rotations at once, the second replaces the first's key.
      await this.#lock(db, fresh.accountId);
      if (overlapMs > 0) await this.#expectRoom(db, fresh.accountId);
      const end = overlapMs === 0
        ? { revoked_at: this.database.now }
        : { expires_at: this.#sooner(overlapMs) };
      const all = db.updateTable("keys").set({ ...end, is_default: 0, replaced_by: fresh.id })
        .where("account_id", "=", fresh.accountId).where("kind", "=", fresh.kind)
        .where("revoked_at", "is", null);
      const some = replaced === undefined
        ? all.where("is_default", "=", 1)
        : all.where("id", "=", replaced).where("replaced_by", "is", null);
      const gone = await some.returning("id").execute();
      if (replaced !== undefined && gone.length === 0) return null;
      await db.insertInto("keys").values(keyToRow(fresh)).execute();
      return overlapMs === 0 ? gone.map(({ id }) => id) : [];
    });
  }

  /** Keys that ended, or whose account was shut, at or after `since` by the database's clock. */
  endedSince(since: number): Promise<Changes<KeyEnd>> {
    return this.database.read(async (db) => {
      // The clock first: a key that ends between the two questions is in this answer or the next.
      const now = await this.database.clock(db);
      const changes = await db.selectFrom("keys").where("revoked_at", ">=", since)
        .select(["id", "revoked_at as at"])
        .union(
          db.selectFrom("keys").where("expires_at", ">=", since).where("expires_at", "<=", now)
            .select(["id", "expires_at as at"]),
        )
        .union(
          db.selectFrom("keys").innerJoin("accounts", "accounts.id", "keys.account_id")
            .where("accounts.disabled_at", ">=", since)
            .select(["keys.id", "accounts.disabled_at as at"]),
        ).$narrowType<{ at: NotNull }>().execute();
      return { changes, now };
    });
  }

  /** Within a transaction, notes when these calls' keys were used: of each key once a minute. */
  async used(db: Transaction<Schema>, entries: readonly LedgerEntry[]): Promise<void> {
    const due = new Map<string, number>();
    for (const { keyId, startedAt } of entries) {
      const noted = this.#usedAt.get(keyId);
      if (noted !== undefined && startedAt - noted < USED_EVERY_MS) continue;
      this.#usedAt.set(keyId, startedAt);
      due.set(keyId, Math.round(startedAt));
    }
    // Sorted: two gateways that note the same keys must not wait for each other.
    for (const [keyId, at] of [...due].sort(([a], [b]) => a < b ? -1 : 1)) {
      await db.updateTable("keys").set({ last_used_at: at }).where("id", "=", keyId)
        .where((key) => key.or([key("last_used_at", "is", null), key("last_used_at", "<", at)]))
        .execute();
    }
  }

  /** Names of keys by id, of one account. */
  async names(accountId: string): Promise<Map<string, string>> {
    const rows = await this.database.read((db) =>
      db.selectFrom("keys").select(["id", "name"]).where("account_id", "=", accountId)
        .orderBy("created_at", "desc").limit(1000).execute()
    );
    return new Map(rows.map(({ id, name }) => [id, name]));
  }

  /** A key ends at its own time or so long from now, whichever comes first. */
  #sooner(overlapMs: number) {
    const end = sql<number>`${this.database.now} + ${sql.lit(overlapMs)}`;
    return sql<
      number
    >`case when expires_at is not null and expires_at < ${end} then expires_at else ${end} end`;
  }

  /** Polls tell of keys that have just ended: one that ended long ago would never be told of. */
  #notBefore(expiresAt: number | null) {
    if (expiresAt === null) return null;
    const { now } = this.database;
    return sql<number>`case when ${now} > ${sql.lit(expiresAt)} then ${now} else ${
      sql.lit(expiresAt)
    } end`;
  }

  async #expectRoom(db: Transaction<Schema>, accountId: string): Promise<void> {
    const { count } = await db.selectFrom("keys")
      .select((row) => row.fn.countAll<number>().as("count"))
      .where("account_id", "=", accountId).where("revoked_at", "is", null)
      .where((row) =>
        row.or([row("expires_at", "is", null), row("expires_at", ">", this.database.now)])
      ).executeTakeFirstOrThrow();
    if (Number(count) < MAX_PER_ACCOUNT) return;
    throw new ColinkError(
      "too_many",
      `Cannot make a key: this account has ${MAX_PER_ACCOUNT}; revoke one first`,
    );
  }

  /** The account's row, locked until the transaction ends. */
  async #lock(db: Transaction<Schema>, accountId: string): Promise<void> {
    await db.updateTable("accounts").set((column) => ({ id: column.ref("id") }))
      .where("id", "=", accountId).execute();
  }
}

export function keyToRow(key: KeyRow): Insertable<Schema["keys"]> {
  return {
    id: key.id,
    account_id: key.accountId,
    kind: key.kind,
    digest: key.digest,
    sealed: key.sealed,
    rpm: key.rpm,
    models: textOf(key.models),
    created_at: key.createdAt,
    revoked_at: key.revokedAt,
    name: key.name,
    hint: key.hint,
    family: key.family,
    is_default: Number(key.isDefault),
    last_used_at: key.lastUsedAt,
    expires_at: key.expiresAt,
    replaced_by: key.replacedBy,
  };
}

function fromRow(row: Selectable<Schema["keys"]>): KeyRow {
  return {
    id: row.id,
    accountId: row.account_id,
    kind: row.kind as KeyKind,
    digest: row.digest,
    sealed: row.sealed,
    rpm: row.rpm,
    models: listOf(row.models),
    createdAt: row.created_at,
    revokedAt: row.revoked_at,
    name: row.name,
    hint: row.hint,
    family: row.family,
    isDefault: row.is_default === 1,
    lastUsedAt: row.last_used_at,
    expiresAt: row.expires_at,
    replacedBy: row.replaced_by,
  };
}

/** Lists are JSON as text. */
export function textOf(list: readonly string[] | null): string | null {
  return list === null ? null : JSON.stringify(list);
}

export function listOf(text: string | null): string[] | null {
  return text === null ? null : JSON.parse(text) as string[];
}
