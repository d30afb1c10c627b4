/** What audit events have changed since the last look, at this gateway, at another, or by the command line. */

import type { AuditAction, Changed } from "../../../api/mod.ts";

/** An entry of the audit log. */
export interface AuditLogEntry {
  id: string;
  actorId: string | null;
  action: string;
}

/** What is out of date, and on whose pages. */
export interface Changes {
  /** By account. */
  own: ReadonlyMap<string, ReadonlySet<Changed>>;
  /** On administrators' pages. */
  admins: ReadonlySet<Changed>;
}

/** The first word of an action. */
type Subject = AuditAction extends `${infer S}.${string}` ? S : never;

interface Change {
  /** For the account that acted. */
  own?: Changed;
  admins?: readonly Changed[];
}

const changedBy: Readonly<Record<Subject, Change>> = {
  account: { admins: ["users", "invites"] },
  session: { own: "sessions" },
  password: { own: "sessions" },
  key: { own: "keys", admins: ["users"] },
  node: { admins: ["nodes"] },
  // A machine that joins gets a key of its own.
  join: { own: "keys", admins: ["users"] },
  user: { admins: ["users"] },
  group: { admins: ["groups", "users"] },
  invite: { admins: ["invites"] },
  settings: { admins: ["settings"] },
  alias: { admins: ["settings"] },
  model: { admins: ["settings"] },
};

export class AuditFeed {
  #seen: ReadonlySet<string> | null = null;

  /** `latest`: the newest audit events. Their order is not relied on: the clocks that wrote them may differ. */
  constructor(private readonly latest: () => Promise<readonly AuditLogEntry[]>) {}

  /** The next look finds nothing, as the first one does. */
  forget(): void {
    this.#seen = null;
  }

  /** What was changed since the last look; the first one finds nothing. Rejects as `latest` does. */
  async look(): Promise<Changes> {
    const events = await this.latest();
    const seen = this.#seen ?? new Set(events.map(({ id }) => id));
    const fresh = events.filter(({ id }) => !seen.has(id));
    this.#seen = new Set(events.map(({ id }) => id));
    return changesOf(fresh);
  }
}

function changesOf(events: readonly AuditLogEntry[]): Changes {
  const own = new Map<string, Set<Changed>>();
  const admins = new Set<Changed>(events.length > 0 ? ["audit"] : []);
  for (const { action, actorId } of events) {
    // A newer gateway may log actions that this one does not know.
    const changed: Change | undefined = changedBy[action.split(".", 1)[0] as Subject];
    changed?.admins?.forEach((what) => admins.add(what));
    if (actorId === null || changed?.own === undefined) continue;
    own.set(actorId, (own.get(actorId) ?? new Set()).add(changed.own));
  }
  return { own, admins };
}
