/** Who did what, when, from where. Rows are added, never changed, and forgotten when they are old. */

import type { Database } from "./database.ts";
import { storable } from "./database.ts";

export interface AuditRow {
  id: string;
  at: number;
  actorId: string | null;
  /** The actor's e-mail then. */
  actor: string | null;
  action: string;
  target: string | null;
  detail: Record<string, string | number | boolean | null>;
  address: string | null;
}

export interface AuditQuery {
  actor?: string;
  action?: string;
  /** The last row of the page before. */
  after?: { at: number; id: string };
  limit: number;
}

export class AuditTable {
  constructor(private readonly database: Database) {}

  add(row: AuditRow): Promise<void> {
    return this.database.write((db) =>
      db.insertInto("audit").values({
        id: row.id,
        at: row.at,
        actor_id: row.actorId,
        actor: row.actor,
        action: row.action,
        target: row.target === null ? null : storable(row.target),
        detail: JSON.stringify(row.detail),
        address: row.address,
      }).execute()
    );
  }

  /** Forgets what was done before then, at most `limit` rows of it; resolves with how many those were. */
  async prune(before: number, limit: number): Promise<number> {
    const result = await this.database.change((db) =>
      db.deleteFrom("audit").where(
        "id",
        "in",
        db.selectFrom("audit").select("id").where("at", "<", before).orderBy("at").limit(limit),
      ).executeTakeFirst()
    );
    return Number(result.numDeletedRows);
  }

  /** LruCache first. */
  async page({ actor, action, after, limit }: AuditQuery): Promise<AuditRow[]> {
    const rows = await this.database.read((db) => {
      let query = db.selectFrom("audit").selectAll();
      if (actor !== undefined) query = query.where("actor", "=", storable(actor));
      if (action !== undefined) query = query.where("action", "=", storable(action));
      if (after !== undefined) {
        query = query.where((row) =>
          row.or([
            row("at", "<", after.at),
            row.and([row("at", "=", after.at), row("id", "<", after.id)]),
          ])
        );
      }
      return query.orderBy("at", "desc").orderBy("id", "desc").limit(limit).execute();
    });
    return rows.map((row) => ({
      id: row.id,
      at: row.at,
      actorId: row.actor_id,
      actor: row.actor,
      action: row.action,
      target: row.target,
      detail: JSON.parse(row.detail) as AuditRow["detail"],
      address: row.address,
    }));
  }
}
