/** How machines join: codes that accounts made, and machines' own requests, until a key was made for each. */

import type { Transaction } from "kysely";
import { ColinkError } from "../base/error.ts";
import type { Database } from "./database.ts";
import type { KeyTable } from "./keys.ts";
import { type JoinRow, joins, type KeyRow, type Schema } from "./schema.ts";

export type { JoinRow };

/** Codes of one account; another one ends the oldest. */
const MAX_CODES_PER_ACCOUNT = 20;
/** Requests of all machines. Beyond them only codes work, which do not depend on strangers. */
const MAX_REQUESTS = 10_000;

export class JoinTable {
  constructor(private readonly database: Database, private readonly keys: KeyTable) {}

  /** Adds a code or a request, and forgets those that have expired. Throws `too_many`. */
  add(join: JoinRow): Promise<void> {
    return this.database.transaction(async (db) => {
      await db.deleteFrom("joins").where("expires_at", "<=", this.database.now).execute();
      if (join.accountId === null) await this.#expectRoom(db);
      else await this.#makeRoom(db, join.accountId);
      await db.insertInto("joins").values(joins.toRow(join)).execute();
    });
  }

  /** The code or request with this digest of what people read; null: none that is valid. */
  byCode(digest: string): Promise<JoinRow | null> {
    return this.#find("code_digest", digest);
  }

  /** The request with this digest of its device code, expired or not; null: none. */
  byDevice(digest: string): Promise<JoinRow | null> {
    return this.#find("device_digest", digest);
  }

  async #find(column: "code_digest" | "device_digest", digest: string): Promise<JoinRow | null> {
    const row = await this.database.read((db) =>
      db.selectFrom("joins").selectAll().where(column, "=", digest).executeTakeFirst()
    );
    return joins.fromFound(row);
  }

  /** Decides about an open request. Null: there is none, or it was decided or has expired. */
  async decide(
    digest: string,
    { accountId, isApproved }: { accountId: string; isApproved: boolean },
  ): Promise<JoinRow | null> {
    const row = await this.database.change((db) =>
      db.updateTable("joins")
        .set({ state: isApproved ? "approved" : "denied", account_id: accountId })
        .where("code_digest", "=", digest).where("state", "=", "open")
        .where("expires_at", ">", this.database.now).returningAll().executeTakeFirst()
    );
    return joins.fromFound(row);
  }

  /**
   * Uses an approved code or request up and adds the key that `keyOf` makes for it, in one
   * transaction. Null, and nothing has changed: it is not approved, or was used or has expired.
   * Throws `too_many` where the account has as many keys as it may.
   */
  use(id: string, keyOf: (accountId: string) => KeyRow): Promise<KeyRow | null> {
    return this.database.transaction(async (db) => {
      const used = await db.updateTable("joins").set({ state: "used" })
        .where("id", "=", id).where("state", "=", "approved")
        .where("expires_at", ">", this.database.now).returning("account_id").executeTakeFirst();
      if (used === undefined || used.account_id === null) return null;
      const key = keyOf(used.account_id);
      await this.keys.insert(db, key);
      return key;
    });
  }

  async #makeRoom(db: Transaction<Schema>, accountId: string): Promise<void> {
    await db.deleteFrom("joins").where("account_id", "=", accountId).where(
      "id",
      "in",
      db.selectFrom("joins").select("id").where("account_id", "=", accountId)
        .where("device_digest", "is", null).orderBy("created_at", "desc").orderBy("id", "desc")
        .offset(MAX_CODES_PER_ACCOUNT - 1).limit(1000),
    ).execute();
  }

  async #expectRoom(db: Transaction<Schema>): Promise<void> {
    const { count } = await db.selectFrom("joins")
      .select((row) => row.fn.countAll<number>().as("count"))
      .where("device_digest", "is not", null).executeTakeFirstOrThrow();
    if (Number(count) < MAX_REQUESTS) return;
    throw new ColinkError(
      "too_many",
      "Cannot ask to join: too many machines are asking; use a join code from the console",
    );
  }
}
