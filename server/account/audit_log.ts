/** The audit log: who did what, when and from where. Entries are added, never changed; administrators read them. */

import type { AuditAction, AuditPage } from "../../api/mod.ts";
import type { Clock } from "../base/clock.ts";
import { defined } from "../base/defined.ts";
import { newId } from "../base/new_id.ts";
import type { AuditRow } from "../store/audit.ts";
import type { Store } from "../store/store.ts";
import { followingOf, NOTHING_FOLLOWS, pageOf, positionOf } from "./cursor.ts";

/** Who acts, and from where. */
export interface Actor {
  /** Null: not signed in, or the command line. */
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
  constructor(private readonly options: { store: Pick<Store, "audit">; clock: Clock }) {}

  write(actor: Actor, { action, target = null, detail = {} }: AuditEvent): Promise<void> {
    const { store, clock } = this.options;
    return store.audit.add({
      id: newId("aud_"),
      at: clock.now(),
      actorId: actor.accountId,
      actor: actor.email,
      action,
      target,
      detail,
      address: actor.address,
    });
  }

  /** Newest first. Throws `invalid_request` for an invalid cursor. */
  async page(
    { actor, action, cursor, limit }: {
      actor?: string | undefined;
      action?: string | undefined;
      cursor?: string | undefined;
      limit: number;
    },
  ): Promise<AuditPage> {
    const { store: { audit } } = this.options;
    const query = defined({ actor, action, after: positionOf(cursor), limit: limit + 1 });
    const rows = await audit.page(query);
    const { shown, nextCursor } = pageOf(rows, limit, (row) => row);
    return {
      entries: shown.map(({ actorId: _, ...entry }) => ({
        ...entry,
        action: entry.action as AuditAction,
      })),
      next_cursor: nextCursor,
      following: nextCursor === null
        ? NOTHING_FOLLOWS
        : await followingOf((limit) =>
          audit.count(defined({ ...query, after: positionOf(nextCursor), limit }))
        ),
    };
  }
}
