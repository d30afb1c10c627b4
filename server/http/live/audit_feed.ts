/** What people have done since one looked last, wherever they did it: here, at another gateway, or by the command line. */

import type { Changed } from "../../../api/mod.ts";

/** An entry of the audit log. */
export interface AuditEvent {
  id: string;
  actorId: string | null;
  action: string;
}

/** What is out of date now, on whose pages. */
export interface Changes {
  /** By account. */
  own: ReadonlyMap<string, ReadonlySet<Changed>>;
  /** On administrators' pages. */
  admins: ReadonlySet<Changed>;
}

/** By the first word of an action: what it changes for who did it, and for administrators. */
const changedBy: Readonly<Record<string, { own?: Changed; admins?: readonly Changed[] }>> = {
  account: { admins: ["users", "invites"] },
  session: { own: "sessions" },
  password: { own: "sessions" },
  key: { own: "keys", admins: ["users"] },
  node: { admins: ["nodes"] },
  user: { admins: ["users"] },
  invite: { admins: ["invites"] },
  settings: { admins: ["settings"] },
};

export class AuditFeed {
  #seen: ReadonlySet<string> | null = null;

  /** `latest`: the newest auditEvents, whatever the clocks of those who wrote them say about their order. */
  constructor(private readonly latest: () => Promise<readonly AuditEvent[]>) {}

  /** From now on nothing is known of before. */
  forget(): void {
    this.#seen = null;
  }

  /** What was done since the last look; the first one finds nothing. Rejects as `latest` does. */
  async look(): Promise<Changes> {
    const auditEvents = await this.latest();
    const seen = this.#seen ?? new Set(auditEvents.map(({ id }) => id));
    const fresh = auditEvents.filter(({ id }) => !seen.has(id));
    this.#seen = new Set(auditEvents.map(({ id }) => id));
    return changesOf(fresh);
  }
}

function changesOf(auditEvents: readonly AuditEvent[]): Changes {
  const own = new Map<string, Set<Changed>>();
  const admins = new Set<Changed>(auditEvents.length > 0 ? ["audit"] : []);
  for (const { action, actorId } of auditEvents) {
    const changed = changedBy[action.split(".", 1)[0] ?? ""];
    changed?.admins?.forEach((what) => admins.add(what));
    if (actorId === null || changed?.own === undefined) continue;
    own.set(actorId, (own.get(actorId) ?? new Set()).add(changed.own));
  }
  return { own, admins };
}
