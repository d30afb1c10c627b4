/** Invites: codes that let one account each register. */

import type { Transaction } from "kysely";
import { ColinkError } from "../base/error.ts";
import { shownEmail } from "./account_deletion.ts";
import type { Database } from "./database.ts";
import { type InviteRow, invites, type Schema } from "./schema.ts";
import { storable } from "./text.ts";

export type { InviteRow };

/** With both accounts by their e-mail addresses. */
export interface InviteListing extends InviteRow {
  createdByEmail: string | null;
  usedByEmail: string | null;
}

const MAX_LISTED = 500;

export class InviteTable {
  constructor(private readonly database: Database) {}

  add(invite: InviteRow): Promise<void> {
    return this.database.write((db) =>
      db.insertInto("invites").values(invites.toRow(invite)).execute()
    );
  }

  /** Newest first, without those that expired before `expiredSince`. */
  async list(expiredSince: number): Promise<InviteListing[]> {
    const rows = await this.database.read((db) =>
      db.selectFrom("invites")
        .leftJoin("accounts as maker", "maker.id", "invites.created_by")
        .leftJoin("accounts as guest", "guest.id", "invites.used_by")
        .selectAll("invites").select([
          shownEmail("maker").$castTo<string | null>().as("maker_email"),
          shownEmail("guest").$castTo<string | null>().as("guest_email"),
        ])
        .where("invites.expires_at", ">", expiredSince)
        .orderBy("invites.created_at", "desc").orderBy("invites.id", "desc").limit(MAX_LISTED)
        .execute()
    );
    return rows.map((row) => ({
      ...invites.fromRow(row),
      createdByEmail: row.maker_email,
      usedByEmail: row.guest_email,
    }));
  }

  /** Revokes an invite that is unused; null: there is none of that id, or it is used or revoked. */
  async revoke(id: string): Promise<InviteRow | null> {
    const row = await this.database.change((db) =>
      db.updateTable("invites").set({ revoked_at: this.database.now })
        .where("id", "=", storable(id)).where("used_by", "is", null)
        .where("revoked_at", "is", null).returningAll().executeTakeFirst()
    );
    return invites.fromFound(row);
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
