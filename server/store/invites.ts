/** Codes that let one account in each. */

import type { Selectable, Transaction } from "kysely";
import { ColinkError } from "../base/error.ts";
import type { Database } from "./database.ts";
import { storable } from "./database.ts";
import type { Schema } from "./schema.ts";

export interface InviteRow {
  /** Tells nothing of the code. */
  id: string;
  /** SHA-256 of the code, as hex. */
  digest: string;
  note: string;
  createdAt: number;
  /** The account id of whom it came from; null: the command line. */
  createdBy: string | null;
  expiresAt: number;
  /** The account id of whom it let in. */
  usedBy: string | null;
  revokedAt: number | null;
}

/** With the people by their e-mail. */
export interface InviteListing extends InviteRow {
  createdByEmail: string | null;
  usedByEmail: string | null;
}

const MAX_LISTED = 500;

export class InviteTable {
  constructor(private readonly database: Database) {}

  add(invite: InviteRow): Promise<void> {
    return this.database.write((db) =>
      db.insertInto("invites").values({
        id: invite.id,
        digest: invite.digest,
        note: invite.note,
        created_at: invite.createdAt,
        created_by: invite.createdBy,
        expires_at: invite.expiresAt,
        used_by: invite.usedBy,
        revoked_at: invite.revokedAt,
      }).execute()
    );
  }

  /** LruCache first; those that were over before `overSince` are left out. */
  async list(overSince: number): Promise<InviteListing[]> {
    const rows = await this.database.read((db) =>
      db.selectFrom("invites")
        .leftJoin("accounts as maker", "maker.id", "invites.created_by")
        .leftJoin("accounts as guest", "guest.id", "invites.used_by")
        .selectAll("invites").select(["maker.email as maker_email", "guest.email as guest_email"])
        .where("invites.expires_at", ">", overSince)
        .orderBy("invites.created_at", "desc").orderBy("invites.id").limit(MAX_LISTED).execute()
    );
    return rows.map((row) => ({
      ...fromRow(row),
      createdByEmail: row.maker_email,
      usedByEmail: row.guest_email,
    }));
  }

  /** The invite, which lets nobody in from now on; null: there is none, or it is used or revoked. */
  async revoke(id: string): Promise<InviteRow | null> {
    const row = await this.database.change((db) =>
      db.updateTable("invites").set({ revoked_at: this.database.now }).where(
        "id",
        "=",
        storable(id),
      )
        .where("used_by", "is", null).where("revoked_at", "is", null)
        .returningAll().executeTakeFirst()
    );
    return row === undefined ? null : fromRow(row);
  }

  /** Within a transaction, uses the invite up. Throws `invite_required`. */
  async use(db: Transaction<Schema>, digest: string, accountId: string): Promise<void> {
    const used = await db.updateTable("invites").set({ used_by: accountId })
      .where("digest", "=", digest).where("used_by", "is", null).where("revoked_at", "is", null)
      .where("expires_at", ">", this.database.now)
      .returning("digest").executeTakeFirst();
    if (used !== undefined) return;
    throw new ColinkError(
      "invite_required",
      "Cannot register: this invite is unknown, used or expired; ask for a new one",
      { param: "invite" },
    );
  }
}

function fromRow(row: Selectable<Schema["invites"]>): InviteRow {
  return {
    id: row.id,
    digest: row.digest,
    note: row.note,
    createdAt: row.created_at,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    usedBy: row.used_by,
    revokedAt: row.revoked_at,
  };
}
