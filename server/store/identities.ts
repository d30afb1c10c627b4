/** Identities: which account a person of the sign-in provider has, and until when the provider has vouched for it. */

import type { Transaction } from "kysely";
import { endKeys } from "./account_deletion.ts";
import type { Database } from "./database.ts";
import { identities, type IdentityRow, type KeyRow, keys, type Schema } from "./schema.ts";
import type { SessionTable } from "./sessions.ts";
import { storable } from "./text.ts";

export type { IdentityRow };

/** An identity by the provider's names. */
export type IdentityName = Pick<IdentityRow, "issuer" | "subject">;

/** What a good sign-in or a good check has found. */
export type Vouched = Pick<IdentityRow, "given" | "sealedGrant" | "dueAt">;

export interface TakenOver {
  keyIds: string[];
  sessionIds: string[];
}

export class IdentityTable {
  constructor(
    private readonly database: Database,
    private readonly sessions: SessionTable,
  ) {}

  async find({ issuer, subject }: IdentityName): Promise<IdentityRow | null> {
    const row = await this.database.read((db) =>
      db.selectFrom("identities").selectAll().where("issuer", "=", issuer)
        .where("subject", "=", storable(subject)).executeTakeFirst()
    );
    return identities.fromFound(row);
  }

  /** The account's identity at that provider; null: it has none. */
  async ofAccount(accountId: string, issuer: string): Promise<IdentityRow | null> {
    const row = await this.database.read((db) =>
      db.selectFrom("identities").selectAll().where("account_id", "=", accountId)
        .where("issuer", "=", issuer).executeTakeFirst()
    );
    return identities.fromFound(row);
  }

  /** Links an account whose owner has asked for it. False: one of the two is linked already, or the account was deleted. */
  link(identity: IdentityRow): Promise<boolean> {
    return this.database.transaction(async (db) => {
      // Locks the account's row: a deletion that comes later removes the link, too.
      const account = await db.updateTable("accounts").set((column) => ({ id: column.ref("id") }))
        .where("id", "=", identity.accountId).where("deleted_at", "is", null).returning("id")
        .executeTakeFirst();
      return account !== undefined && await this.add(db, identity);
    });
  }

  /**
   * Links the account that has the person's address, which another may have made: its password, its
   * sessions and its keys end, whose ids it resolves with, and `fresh` keys take their place. Null, and
   * nothing has changed: the account or the person is linked already, or the account was deleted.
   */
  takeOver(identity: IdentityRow, fresh: readonly KeyRow[]): Promise<TakenOver | null> {
    const { accountId: id } = identity;
    return this.database.transaction(async (db) => {
      // The account's row first, as every change of a password does: two of them must not deadlock.
      const account = await db.updateTable("accounts").set({ password_hash: "" })
        .where("id", "=", id).where("deleted_at", "is", null).returning("id").executeTakeFirst();
      if (account === undefined || !await this.add(db, identity)) throw new NothingChanged();
      await db.deleteFrom("password_resets").where("account_id", "=", id).execute();
      await db.updateTable("keys").set({ is_default: 0 }).where("account_id", "=", id).execute();
      const keyIds = await endKeys(db, id, this.database.now);
      await db.insertInto("keys").values(fresh.map((key) => keys.toRow(key))).execute();
      return { keyIds, sessionIds: await this.sessions.endAll(db, id, null) };
    }).catch(nullIfNothingChanged);
  }

  /** Within a transaction. False: the account or the person is linked already. */
  async add(db: Transaction<Schema>, identity: IdentityRow): Promise<boolean> {
    const added = await db.insertInto("identities").values(identities.toRow(identity))
      .onConflict((conflict) => conflict.doNothing()).returning("subject").executeTakeFirst();
    return added !== undefined;
  }

  /** Forgets the person of an account. False: there was none. */
  async unlink(accountId: string): Promise<boolean> {
    return await this.database.delete((db) =>
      db.deleteFrom("identities").where("account_id", "=", accountId)
    ) > 0;
  }

  /** Notes a good sign-in; an account that the provider no longer vouched for is enabled again. */
  vouch({ issuer, subject }: IdentityName, vouched: Vouched): Promise<void> {
    return this.database.transaction(async (db) => {
      const before = await db.selectFrom("identities").select(["account_id", "suspended_at"])
        .where("issuer", "=", issuer).where("subject", "=", storable(subject)).executeTakeFirst();
      if (before === undefined) return;
      const { account_id, suspended_at } = before;
      if (suspended_at !== null) {
        // Another time: an administrator has disabled the account since, who alone enables it again.
        await db.updateTable("accounts").set({ disabled_at: null }).where("id", "=", account_id)
          .where("disabled_at", "=", suspended_at).execute();
      }
      await db.updateTable("identities")
        .set({ ...identities.toChange(vouched), suspended_at: null })
        .where("issuer", "=", issuer).where("subject", "=", storable(subject)).execute();
    });
  }

  /**
   * The identities that are to be checked, most urgent first. They are this gateway's alone until
   * `leaseUntil`, when another may take them up.
   */
  async claimDue(
    { issuer, now, leaseUntil, limit }: {
      issuer: string;
      now: number;
      leaseUntil: number;
      limit: number;
    },
  ): Promise<IdentityRow[]> {
    const rows = await this.database.change((db) =>
      db.updateTable("identities").set({ due_at: leaseUntil })
        .where("issuer", "=", issuer).where("due_at", "<=", now)
        .where(
          "subject",
          "in",
          db.selectFrom("identities").select("subject").where("issuer", "=", issuer)
            .where("due_at", "<=", now).orderBy("due_at").limit(limit),
        )
        .returningAll().execute()
    );
    return rows.map((row) => identities.fromRow(row));
  }

  /** Notes a good check, unless the person has signed in since it began. */
  checked({ issuer, subject, sealedGrant }: IdentityRow, vouched: Vouched): Promise<void> {
    return this.database.write((db) =>
      db.updateTable("identities").set(identities.toChange(vouched))
        .where("issuer", "=", issuer).where("subject", "=", storable(subject))
        .where("sealed_grant", "=", sealedGrant).execute()
    );
  }

  /**
   * Disables the account of a person for whom the provider no longer vouches, and ends its sessions,
   * whose ids it resolves with. Null, and nothing has changed: the person has signed in since.
   */
  suspend({ issuer, subject, accountId, sealedGrant }: IdentityRow): Promise<string[] | null> {
    return this.database.transaction(async (db) => {
      // The account first, as everywhere: two transactions must not wait for each other.
      const disabled = await db.updateTable("accounts").set({ disabled_at: this.database.now })
        .where("id", "=", accountId).where("disabled_at", "is", null)
        .where((row) =>
          row.exists(
            db.selectFrom("identities").select("subject").where("issuer", "=", issuer)
              .where("subject", "=", storable(subject)).where("sealed_grant", "=", sealedGrant),
          )
        )
        .returning("disabled_at").executeTakeFirst();
      const noted = await db.updateTable("identities")
        .set({ sealed_grant: "", due_at: null, suspended_at: disabled?.disabled_at ?? null })
        .where("issuer", "=", issuer).where("subject", "=", storable(subject))
        .where("sealed_grant", "=", sealedGrant).returning("subject").executeTakeFirst();
      if (noted === undefined) throw new NothingChanged();
      return await this.sessions.endAll(db, accountId, null);
    }).catch(nullIfNothingChanged);
  }
}

/** Rolls a transaction back. */
class NothingChanged extends Error {}

function nullIfNothingChanged(error: unknown): null {
  if (error instanceof NothingChanged) return null;
  throw error;
}
