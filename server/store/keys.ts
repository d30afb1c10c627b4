/** Keys: the bearer tokens of accounts, with their limits and their ends. */

import { type NotNull, type RawBuilder, sql, type SqlBool, type Transaction } from "kysely";
import type { Budget } from "../../api/mod.ts";
import { ColinkError } from "../base/error.ts";
import { LruCache } from "../base/lru.ts";
import type { Changes } from "./change_poll.ts";
import type { Database } from "./database.ts";
import { type KeyRow, keys, type LedgerEntry, type Schema } from "./schema.ts";
import { storable } from "./text.ts";

/** What an owner may change of a key. Absent members stay as they are. */
export type KeyChange = Partial<
  Pick<KeyRow, "name" | "rpm" | "models" | "expiresAt" | "route" | "budget">
>;

/** What a key's account contributes when the key is used. */
export interface KeyAccount {
  isDisabled: boolean;
  isAdmin: boolean;
  /** Calls per minute of all its keys together; null: the gateway's default; 0: none. */
  rpm: number | null;
  /** The models that it may call; null: all. */
  models: string[] | null;
  /** Its own aliases, as JSON; null: it has none. */
  aliases: string | null;
  /** What all its keys together may use; null: no budget. */
  budget: Budget | null;
}

/** A key stopped working at that time. */
export interface KeyEnd {
  id: string;
  at: number;
  /** The key's account, where it was deleted; else null. */
  deletedAccountId: string | null;
}

/** Keys of an account that work at the same time. */
const MAX_PER_ACCOUNT = 200;

/** Uses of one key within this time are one write. */
const USED_EVERY_MS = 60_000;
/** Keys whose last use is remembered; more of them cost a write more often. */
const MAX_REMEMBERED = 10_000;

/** The names of an account's keys that are looked up for a page of calls. */
const MAX_NAMES = 1000;

export class KeyTable {
  readonly #usedAt = new LruCache<string, number>(MAX_REMEMBERED);

  constructor(private readonly database: Database) {}

  /** The account's keys that work, oldest first. */
  async ofAccount(accountId: string): Promise<KeyRow[]> {
    const rows = await this.database.read((db) =>
      db.selectFrom("keys").selectAll().where("account_id", "=", accountId)
        .where(isWorking(this.database.now)).orderBy("created_at").orderBy("id").execute()
    );
    return rows.map((row) => keys.fromRow(row));
  }

  /** The key with this digest, whether it works or not, with its account's state. */
  async byDigest(digest: string): Promise<{ key: KeyRow; account: KeyAccount } | null> {
    const row = await this.database.read((db) =>
      db.selectFrom("keys").innerJoin("accounts", "accounts.id", "keys.account_id")
        .leftJoin(
          "names",
          (join) => join.on("names.kind", "=", "own").onRef("names.name", "=", "accounts.id"),
        )
        .selectAll("keys")
        .select([
          "accounts.disabled_at",
          "accounts.role as account_role",
          "accounts.rpm as account_rpm",
          "accounts.models as account_models",
          "names.value as account_aliases",
          "accounts.budget as account_budget",
        ])
        .where("keys.digest", "=", digest).executeTakeFirst()
    );
    if (row === undefined) return null;
    const { rpm, models, budget } = limits.fromRow({
      rpm: row.account_rpm,
      models: row.account_models,
      budget: row.account_budget,
    });
    return {
      key: keys.fromRow(row),
      account: {
        isDisabled: row.disabled_at !== null,
        isAdmin: row.account_role === "admin",
        rpm,
        models,
        budget,
        aliases: row.account_aliases,
      },
    };
  }

  /** Throws `too_many` where the account has as many working keys as it may. */
  add(key: KeyRow): Promise<void> {
    return this.database.transaction((db) => this.insert(db, key));
  }

  /** The same within a transaction. */
  async insert(db: Transaction<Schema>, key: KeyRow): Promise<void> {
    await this.#lockAccount(db, key.accountId);
    await this.#expectRoom(db, key.accountId);
    await db.insertInto("keys").values(keys.toRow(key)).execute();
  }

  /** The key after the change; null: the account has no working key of that id. An end in the past means now. */
  async change(accountId: string, keyId: string, change: KeyChange): Promise<KeyRow | null> {
    const { expiresAt, ...others } = change;
    const set = {
      id: sql.ref<string>("id"),
      ...keys.toChange(others),
      ...(expiresAt === undefined ? {} : { expires_at: this.#notBeforeNow(expiresAt) }),
    };
    const row = await this.database.change((db) =>
      db.updateTable("keys").set(set).where("id", "=", storable(keyId))
        .where("account_id", "=", accountId).where(isWorking(this.database.now))
        .returningAll().executeTakeFirst()
    );
    return keys.fromFound(row);
  }

  /** Revokes one of the account's keys by the database's clock. False: none of that id is left to revoke. */
  async revoke(accountId: string, keyId: string): Promise<boolean> {
    const row = await this.database.change((db) =>
      db.updateTable("keys").set({ revoked_at: this.database.now })
        .where("id", "=", storable(keyId)).where("account_id", "=", accountId)
        .where("revoked_at", "is", null).returning("id").executeTakeFirst()
    );
    return row !== undefined;
  }

  /**
   * Replaces the account's default key of the new key's kind, or the key `replaced`. The old key is
   * revoked, or works for `overlapMs` more. Resolves with the ids of the revoked keys; null, and
   * nothing has changed: there is no key `replaced`, or it was replaced before. Throws `too_many`
   * where the account would have more working keys than it may.
   */
  rotate(
    fresh: KeyRow,
    { replaced, overlapMs = 0 }: { replaced?: string; overlapMs?: number } = {},
  ): Promise<string[] | null> {
    return this.database.transaction(async (db) => {
      // Of two rotations at once, the second replaces the first's key.
      await this.#lockAccount(db, fresh.accountId);
      if (overlapMs > 0) await this.#expectRoom(db, fresh.accountId);
      const end = overlapMs === 0
        ? { revoked_at: this.database.now }
        : { expires_at: this.#atMostIn(overlapMs) };
      const all = db.updateTable("keys").set({ ...end, is_default: 0, replaced_by: fresh.id })
        .where("account_id", "=", fresh.accountId).where("kind", "=", fresh.kind)
        .where("revoked_at", "is", null);
      const old = replaced === undefined
        ? all.where("is_default", "=", 1)
        : all.where("id", "=", storable(replaced)).where("replaced_by", "is", null);
      const ended = await old.returning("id").execute();
      if (replaced !== undefined && ended.length === 0) return null;
      await db.insertInto("keys").values(keys.toRow(fresh)).execute();
      return overlapMs === 0 ? ended.map(({ id }) => id) : [];
    });
  }

  /** Keys that ended, or whose account was disabled, at or after `since` by the database's clock. */
  endedSince(since: number): Promise<Changes<KeyEnd>> {
    return this.database.read(async (db) => {
      // The clock first: a key that ends between the two queries is in this answer or the next.
      const now = await this.database.clock(db);
      const none = sql<string | null>`cast(null as text)`.as("deleted");
      const rows = await db.selectFrom("keys").where("revoked_at", ">=", since)
        .select(["id", "revoked_at as at", none])
        .union(
          db.selectFrom("keys").where("expires_at", ">=", since).where("expires_at", "<=", now)
            .select(["id", "expires_at as at", none]),
        )
        .union(
          db.selectFrom("keys").innerJoin("accounts", "accounts.id", "keys.account_id")
            .where("accounts.disabled_at", ">=", since)
            .select([
              "keys.id",
              "accounts.disabled_at as at",
              sql<
                string | null
              >`case when accounts.deleted_at is null then null else accounts.id end`
                .as("deleted"),
            ]),
        ).$narrowType<{ at: NotNull }>().execute();
      const changes = rows.map(({ id, at, deleted }) => ({ id, at, deletedAccountId: deleted }));
      return { changes, now };
    });
  }

  /**
   * Within a transaction, writes when these calls' keys were used: at most once a minute for each
   * key. The transaction's owner calls the result once it is committed.
   */
  async used(db: Transaction<Schema>, entries: readonly LedgerEntry[]): Promise<() => void> {
    const due = new Map<string, number>();
    for (const { keyId, startedAt } of entries) {
      const written = due.get(keyId) ?? this.#usedAt.get(keyId);
      if (written !== undefined && startedAt - written < USED_EVERY_MS) continue;
      due.set(keyId, Math.round(startedAt));
    }
    // In the order of ids: two gateways that write about the same keys must not deadlock.
    const uses = [...due].sort(([a], [b]) => a < b ? -1 : 1);
    for (const [keyId, at] of uses) {
      await db.updateTable("keys").set({ last_used_at: at }).where("id", "=", keyId)
        .where((key) => key.or([key("last_used_at", "is", null), key("last_used_at", "<", at)]))
        .execute();
    }
    return () => uses.forEach(([keyId, at]) => this.#usedAt.set(keyId, at));
  }

  /** The names of an account's latest keys, by id. */
  async names(accountId: string): Promise<Map<string, string>> {
    const rows = await this.database.read((db) =>
      db.selectFrom("keys").select(["id", "name"]).where("account_id", "=", accountId)
        .orderBy("created_at", "desc").orderBy("id", "desc").limit(MAX_NAMES).execute()
    );
    return new Map(rows.map(({ id, name }) => [id, name]));
  }

  /** The names of these keys, by id. */
  async namesOf(ids: readonly string[]): Promise<Map<string, string>> {
    const known = [...new Set(ids)];
    if (known.length === 0) return new Map();
    const rows = await this.database.read((db) =>
      db.selectFrom("keys").select(["id", "name"]).where("id", "in", known).execute()
    );
    return new Map(rows.map(({ id, name }) => [id, name]));
  }

  /** The key's own end, or this time from now, whichever comes first. */
  #atMostIn(overlapMs: number) {
    const end = sql<number>`${this.database.now} + ${sql.lit(overlapMs)}`;
    return sql<
      number
    >`case when expires_at is not null and expires_at < ${end} then expires_at else ${end} end`;
  }

  /** Polls find keys that have just ended: they would never find one that ended long ago. */
  #notBeforeNow(expiresAt: number | null) {
    if (expiresAt === null) return null;
    const { now } = this.database;
    const end = sql.lit(expiresAt);
    return sql<number>`case when ${now} > ${end} then ${now} else ${end} end`;
  }

  async #expectRoom(db: Transaction<Schema>, accountId: string): Promise<void> {
    const { count } = await db.selectFrom("keys")
      .select((row) => row.fn.countAll<number>().as("count"))
      .where("account_id", "=", accountId).where(isWorking(this.database.now))
      .executeTakeFirstOrThrow();
    if (Number(count) < MAX_PER_ACCOUNT) return;
    throw new ColinkError(
      "too_many",
      `Cannot make a key: this account has ${MAX_PER_ACCOUNT}; revoke one first`,
    );
  }

  /** Locks the account's row until the transaction ends. */
  async #lockAccount(db: Transaction<Schema>, accountId: string): Promise<void> {
    await db.updateTable("accounts").set((column) => ({ id: column.ref("id") }))
      .where("id", "=", accountId).execute();
  }
}

/** A condition on rows of `keys`: neither revoked nor expired. */
export function isWorking(now: RawBuilder<number>) {
  return sql<
    SqlBool
  >`keys.revoked_at is null and (keys.expires_at is null or keys.expires_at > ${now})`;
}

const limits = keys.pick("rpm", "models", "budget");
