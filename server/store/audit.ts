/** The audit log: who did what, when, and from where. */

import type { Database } from "./database.ts";
import { audit, type AuditRow } from "./schema.ts";
import { storable } from "./text.ts";

export type { AuditRow };

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
    return this.database.write((db) => db.insertInto("audit").values(audit.toRow(row)).execute());
  }

  /** Deletes up to `limit` rows from before that time, the oldest first; resolves with their number. */
  prune(before: number, limit: number): Promise<number> {
    return this.database.delete((db) =>
      db.deleteFrom("audit").where(
        "id",
        "in",
        db.selectFrom("audit").select("id").where("at", "<", before).orderBy("at").limit(limit),
      )
    );
  }

  /** Newest first. */
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
    return rows.map((row) => audit.fromRow(row));
  }
}
