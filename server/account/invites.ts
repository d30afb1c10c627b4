/** Invites: codes made by administrators, each of which registers one account. */

import { createHash } from "node:crypto";
import type { CreatedInvite, InviteView } from "../../api/mod.ts";
import { type Clock, DAY_MS } from "../base/clock.ts";
import { ColinkError } from "../base/error.ts";
import { newId } from "../base/new_id.ts";
import type { InviteListing, InviteRow } from "../store/invites.ts";
import type { Store } from "../store/store.ts";
import { randomChars } from "./tokens.ts";

/** Invites stay in the list this long after they expired. */
const SHOWN_MS = 30 * DAY_MS;

export class Invites {
  constructor(private readonly options: { store: Pick<Store, "invites">; clock: Clock }) {}

  /**
   * Creates an invite that is valid for `ttlMs`. The code is returned only here; the store keeps its
   * digest. `createdBy` null: the command line.
   */
  async create(
    { note = "", ttlMs, createdBy }: {
      note?: string;
      ttlMs: number;
      createdBy: { id: string; email: string } | null;
    },
  ): Promise<CreatedInvite> {
    const code = `invite-${randomChars(24)}`;
    const { store, clock } = this.options;
    const createdAt = clock.now();
    const invite: InviteRow = {
      id: newId("inv_"),
      digest: inviteDigest(code),
      note,
      createdAt,
      createdBy: createdBy?.id ?? null,
      expiresAt: createdAt + ttlMs,
      usedBy: null,
      revokedAt: null,
    };
    await store.invites.add(invite);
    const listing = { ...invite, createdByEmail: createdBy?.email ?? null, usedByEmail: null };
    return { invite: this.#view(listing), code };
  }

  /** Newest first. */
  async list(): Promise<InviteView[]> {
    const { store, clock } = this.options;
    const rows = await store.invites.list(clock.now() - SHOWN_MS);
    return rows.map((row) => this.#view(row));
  }

  /** Throws `not_found` for an invite that is used, revoked or unknown. */
  async revoke(id: string): Promise<InviteRow> {
    const invite = await this.options.store.invites.revoke(id);
    if (invite !== null) return invite;
    throw new ColinkError("not_found", "Cannot revoke the invite: it is used, revoked or unknown");
  }

  #view(row: InviteListing): InviteView {
    return {
      id: row.id,
      note: row.note,
      created_at: row.createdAt,
      expires_at: row.expiresAt,
      created_by: row.createdByEmail,
      used_by: row.usedByEmail,
      state: this.#state(row),
    };
  }

  #state({ usedBy, revokedAt, expiresAt }: InviteRow): InviteView["state"] {
    if (usedBy !== null) return "used";
    if (revokedAt !== null) return "revoked";
    return expiresAt <= this.options.clock.now() ? "expired" : "open";
  }
}

/** The digest under which the store keeps a code. */
export function inviteDigest(code: string): string {
  return createHash("sha256").update(code.trim()).digest("hex");
}
