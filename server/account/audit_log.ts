/** Who did what, when, from where: written once, read by administrators, never changed. */

import type { AuditAction, AuditPage } from "../../api/mod.ts";
import type { AuditRow } from "../store/audit.ts";
import type { Store } from "../store/store.ts";
import { cursorOf, positionOf } from "./cursor.ts";
import { randomChars } from "./tokens.ts";

/** Who acts, and from where. */
export interface Actor {
  /** Null: nobody is signed in, or it is the command line. */
  accountId: string | null;
  email: string | null;
  /** Null: the command line. */
  address: string | null;
}

/** Something that was done. */
export interface AuditEvent {
  action: AuditAction;
  target?: string | null;
  detail?: AuditRow["detail"];
}

export const COMMAND_LINE: Actor = { accountId: null, email: null, address: null };

export class AuditLog {
  readonly #store: Pick<Store, "audit">;
  readonly #now: () => number;

  constructor({ store, now = Date.now }: { store: Pick<Store, "audit">; now?: () => number }) {
    this.#store = store;
    this.#now = now;
  }

  write(actor: Actor, { action, target = null, detail = {} }: AuditEvent): Promise<void> {
    return this.#store.audit.add({
      id: `aud_${randomChars(22)}`,
      at: this.#now(),
      actorId: actor.accountId,
      actor: actor.email,
      action,
      target,
      detail,
      address: actor.address,
    });
  }

  /** LruCache first. Throws `invalid_request` for a cursor that is none. */
  async page(
    { actor, action, cursor, limit }: {
      actor?: string;
      action?: string;
      cursor?: string;
      limit: number;
    },
  ): Promise<AuditPage> {
    const after = positionOf(cursor);
    const rows = await this.#store.audit.page({ actor, action, after, limit: limit + 1 });
    const shown = rows.slice(0, limit);
    return {
      entries: shown.map(({ id, at, actor, action, target, detail, address }) => ({
        id,
        at,
        actor,
        action: action as AuditAction,
        target,
        detail,
        address,
      })),
      next_cursor: rows.length > limit ? cursorOf(shown.at(-1)) : null,
    };
  }
}
