/** Invites: codes that let one account in each, made by administrators. */

import { createHash } from "node:crypto";
import type { CreatedInvite, InviteView } from "../../api/mod.ts";
import { ColinkError } from "../base/error.ts";
import type { InviteListing, InviteRow } from "../store/invites.ts";
import type { Store } from "../store/store.ts";
import { randomChars } from "./tokens.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** Invites that were over for longer than this are not shown. */
const SHOWN_MS = 30 * DAY_MS;

export class Invites {
  readonly #store: Pick<Store, "invites">;
  readonly #now: () => number;

  constructor({ store, now = Date.now }: { store: Pick<Store, "invites">; now?: () => number }) {
    this.#store = store;
    this.#now = now;
  }

  /** Makes an invite, good for `ttlMs`; the code is told this once. `createdBy`: an account's id and e-mail. */
  async create(
    { note = "", ttlMs, createdBy }: {
      note?: string;
      ttlMs: number;
      createdBy: { id: string; email: string } | null;
    },
  ): Promise<CreatedInvite> {
    const code = `invite-${randomChars(24)}`;
    const createdAt = this.#now();
    const invite: InviteRow = {
      id: `inv_${randomChars(22)}`,
      digest: inviteDigest(code),
      note,
      createdAt,
      createdBy: createdBy?.id ?? null,
      expiresAt: createdAt + ttlMs,
      usedBy: null,
      revokedAt: null,
    };
    await this.#store.invites.add(invite);
    const listing = { ...invite, createdByEmail: createdBy?.email ?? null, usedByEmail: null };
    return { invite: this.#view(listing), code };
  }

  /** LruCache first. */
  async list(): Promise<InviteView[]> {
    const rows = await this.#store.invites.list(this.#now() - SHOWN_MS);
    return rows.map((row) => this.#view(row));
  }

  /** Throws `not_found` where there is none that could still be used. */
  async revoke(id: string): Promise<InviteRow> {
    const invite = await this.#store.invites.revoke(id);
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
    return expiresAt <= this.#now() ? "expired" : "open";
  }
}

/** What the store knows a code by. */
export function inviteDigest(code: string): string {
  return createHash("sha256").update(code.trim()).digest("hex");
}
