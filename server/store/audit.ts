/** The audit log: who did what, when, and from where. */

import type { Kysely } from "kysely";
import { countUpTo, type Database } from "./database.ts";
import { audit, type AuditRow, type Schema } from "./schema.ts";
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
  async page(query: AuditQuery): Promise<AuditRow[]> {
    const rows = await this.database.read((db) =>
      matching(db, query).selectAll().orderBy("at", "desc").orderBy("id", "desc")
        .limit(query.limit).execute()
    );
    return rows.map((row) => audit.fromRow(row));
  }

  /** How many entries there are, counted up to `limit`; null where they are filtered: many would be read for few. */
  async count(query: AuditQuery): Promise<number | null> {
    if (query.actor !== undefined || query.action !== undefined) return null;
    return await this.database.read((db) => countUpTo(db, matching(db, query), query.limit));
  }
}

function matching(db: Kysely<Schema>, { actor, action, after }: AuditQuery) {
  let query = db.selectFrom("audit");
  if (actor !== undefined) query = query.where("actor", "=", storable(actor));
  if (action !== undefined) query = query.where("action", "=", storable(action));
  if (after === undefined) return query;
  return query.where((row) =>
    row.or([
      row("at", "<", after.at),
      row.and([row("at", "=", after.at), row("id", "<", after.id)]),
    ])
  );
}
