/** Reads the ledger: the calls that one account made or provided, page by page. */

import { type Kysely, sql } from "kysely";
import type { Outcome } from "../base/outcome.ts";
import type { StoredOf } from "./columns.ts";
import { countUpTo, type Database } from "./database.ts";
import { FAILED } from "./migration/everyone.ts";
import { ledger, type LedgerEntry, type ReplaysEntry, type Schema } from "./schema.ts";
import { storable } from "./text.ts";

export interface CallQuery {
  accountId: string;
  side: "made" | "provided";
  from?: number;
  to?: number;
  keyId?: string;
  model?: string;
  nodeId?: string;
  endpoint?: string;
  status?: number;
  outcomes?: readonly Outcome[];
  /** The `end` of the page before. */
  after?: CallPosition;
  limit: number;
}

interface CallPosition {
  startedAt: number;
  id: string;
}

export interface CallPageRows {
  calls: LedgerEntry[];
  /** The last call that was examined, whether it matched or not; null: there are no older ones. */
  end: CallPosition | null;
}

/**
 * A filter that matches nothing must not read ten million rows: one page examines this many of the
 * account's calls, and the next page goes on from there.
 */
const MAX_EXAMINED = 10_000;

const accountColumns = { made: "account_id", provided: "provider_account_id" } as const;

export class CallTable {
  constructor(private readonly database: Database) {}

  /** Newest first. */
  page(query: CallQuery): Promise<CallPageRows> {
    return this.database.read((db) => isFiltered(query) ? search(db, query) : next(db, query));
  }

  /**
   * How many calls there are, counted up to `limit`; null where they are filtered by more than their
   * time, because many would be read for few.
   */
  async count(query: CallQuery): Promise<number | null> {
    if (isFiltered(query)) return null;
    return await this.database.read((db) => countUpTo(db, windowOf(db, query), query.limit));
  }

  /** A call that the account made or provided; null: there is none. */
  async find(accountId: string, id: string): Promise<LedgerEntry | null> {
    const row = await this.database.read((db) =>
      db.selectFrom("ledger").selectAll().where("id", "=", storable(id))
        .where((row) =>
          row.or([row("account_id", "=", accountId), row("provider_account_id", "=", accountId)])
        )
        .executeTakeFirst()
    );
    return ledger.fromFound(row);
  }

  /** Callers came back for the answer after the call's end. */
  setReplays(id: string, replays: ReplaysEntry): Promise<void> {
    const change = ledger.toChange({ replays });
    return this.database.write((db) =>
      db.updateTable("ledger").set(change).where("id", "=", id).execute()
    );
  }

  /** How many calls of all accounts failed in that time, by their cause; the most frequent first. */
  async causes(
    from: number,
    to: number,
    limit: number,
  ): Promise<{ cause: string; calls: number }[]> {
    const rows = await this.database.read((db) =>
      db.selectFrom("ledger").select(sql<string>`coalesce(cause, outcome)`.as("why"))
        .select((row) => row.fn.countAll<number>().as("calls"))
        .where("started_at", ">=", from).where("started_at", "<", to)
        .where(sql<boolean>`${sql.raw(FAILED)}`)
        .groupBy("why").orderBy("calls", "desc").orderBy("why").limit(limit).execute()
    );
    return rows.map(({ why, calls }) => ({ cause: why, calls: Number(calls) }));
  }

  /** Deletes up to `limit` calls from before that time, the oldest first; resolves with their number. */
  prune(before: number, limit: number): Promise<number> {
    return this.database.delete((db) =>
      db.deleteFrom("ledger").where(
        "id",
        "in",
        db.selectFrom("ledger").select("id").where("started_at", "<", before)
          .orderBy("started_at").limit(limit),
      )
    );
  }
}

/** The account's calls within the time of the query, older than the end of the page before. */
function windowOf(db: Kysely<Schema>, { accountId, side, from, to, after }: CallQuery) {
  let window = db.selectFrom("ledger").where(accountColumns[side], "=", accountId);
  if (from !== undefined) window = window.where("started_at", ">=", from);
  if (to !== undefined) window = window.where("started_at", "<", to);
  if (after === undefined) return window;
  const { startedAt, id } = after;
  // The plain bound first: both databases find the place in their index by it.
  return window.where("started_at", "<=", startedAt)
    .where((row) => row.or([row("started_at", "<", startedAt), row("id", "<", id)]));
}

async function next(db: Kysely<Schema>, query: CallQuery): Promise<CallPageRows> {
  const rows = await windowOf(db, query).selectAll()
    .orderBy("started_at", "desc").orderBy("id", "desc").limit(query.limit + 1).execute();
  return pageOf(rows, query.limit, null);
}

async function search(db: Kysely<Schema>, query: CallQuery): Promise<CallPageRows> {
  const edge = await windowOf(db, query).select("started_at")
    .orderBy("started_at", "desc").offset(MAX_EXAMINED - 1).limit(1).executeTakeFirst();
  let matching = windowOf(db, query).selectAll();
  if (edge !== undefined) matching = matching.where("started_at", ">=", edge.started_at);
  for (const [column, value] of filtersOf(query)) {
    matching = matching.where(sql.ref(column), "=", value);
  }
  if (query.outcomes !== undefined) matching = matching.where("outcome", "in", query.outcomes);
  const rows = await matching.orderBy("started_at", "desc").orderBy("id", "desc")
    .limit(query.limit + 1).execute();
  // Every call of the edge's millisecond was examined: the next page begins before it.
  const end = edge === undefined ? null : { startedAt: edge.started_at, id: "" };
  return pageOf(rows, query.limit, end);
}

function filtersOf({ keyId, model, nodeId, endpoint, status }: CallQuery) {
  const filters = { key_id: keyId, model, node_id: nodeId, endpoint, status };
  return Object.entries(filters).flatMap(([column, value]) => {
    if (value === undefined) return [];
    return [[column, typeof value === "string" ? storable(value) : value] as const];
  });
}

/** A page ends with its last call where there are more rows than its limit, else at `end`. */
function pageOf(
  rows: readonly StoredOf<typeof ledger>[],
  limit: number,
  end: CallPosition | null,
): CallPageRows {
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  return {
    calls: rows.slice(0, limit).map((row) => ledger.fromRow(row)),
    end: last === undefined ? end : { startedAt: last.started_at, id: last.id },
  };
}

function isFiltered(query: CallQuery): boolean {
  return query.outcomes !== undefined || filtersOf(query).length > 0;
}
