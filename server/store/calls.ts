/** The ledger read back: calls of one account, made or provided, page by page. */

import { type Kysely, type Selectable, sql } from "kysely";
import type { Database } from "./database.ts";
import { storable } from "./database.ts";
import type { Schema } from "./schema.ts";
import type { Outcome } from "../base/outcome.ts";
import type { AttemptEntry, LedgerEntry } from "./rows.ts";

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
  /** The last call that was looked at. */
  after?: CallPosition;
  limit: number;
}

export interface CallPosition {
  startedAt: number;
  id: string;
}

export interface CallPageRows {
  calls: LedgerEntry[];
  /** The last call that was looked at, whether it fitted or not; null: there are no older ones. */
  end: CallPosition | null;
}

/**
 * A filter that fits nothing must not read ten million rows: so many of the account's calls are
 * looked at for one page, and who asked may go on from there.
 */
const MAX_LOOKED_AT = 10_000;

const accountColumns = { made: "account_id", provided: "provider_account_id" } as const;

export class CallTable {
  constructor(private readonly database: Database) {}

  /** LruCache first. */
  page(query: CallQuery): Promise<CallPageRows> {
    return this.database.read((db) => isFiltered(query) ? search(db, query) : next(db, query));
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
    return row === undefined ? null : fromRow(row);
  }

  /** Forgets up to `limit` calls from before then. Resolves with how many those were. */
  async prune(before: number, limit: number): Promise<number> {
    const result = await this.database.change((db) =>
      db.deleteFrom("ledger").where(
        "id",
        "in",
        db.selectFrom("ledger").select("id").where("started_at", "<", before)
          .orderBy("started_at").limit(limit),
      ).executeTakeFirst()
    );
    return Number(result.numDeletedRows);
  }
}

/** The account's calls within the time that is asked for, older than where the page before ended. */
function windowOf(db: Kysely<Schema>, { accountId, side, from, to, after }: CallQuery) {
  let window = db.selectFrom("ledger").where(accountColumns[side], "=", accountId);
  if (from !== undefined) window = window.where("started_at", ">=", from);
  if (to !== undefined) window = window.where("started_at", "<", to);
  if (after === undefined) return window;
  const { startedAt, id } = after;
  // The plain bound first: by it both databases find the place in their index.
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
    .orderBy("started_at", "desc").offset(MAX_LOOKED_AT - 1).limit(1).executeTakeFirst();
  let fitting = windowOf(db, query).selectAll();
  if (edge !== undefined) fitting = fitting.where("started_at", ">=", edge.started_at);
  for (const [column, value] of Object.entries(filtersOf(query))) {
    if (value !== undefined) fitting = fitting.where(sql.ref(column), "=", value);
  }
  if (query.outcomes !== undefined) fitting = fitting.where("outcome", "in", query.outcomes);
  const rows = await fitting.orderBy("started_at", "desc").orderBy("id", "desc")
    .limit(query.limit + 1).execute();
  // All calls of the edge's moment were looked at: the next page begins before it.
  const end = edge === undefined ? null : { startedAt: edge.started_at, id: "" };
  return pageOf(rows, query.limit, end);
}

function filtersOf({ keyId, model, nodeId, endpoint, status }: CallQuery) {
  return {
    key_id: keyId === undefined ? undefined : storable(keyId),
    model: model === undefined ? undefined : storable(model),
    node_id: nodeId === undefined ? undefined : storable(nodeId),
    endpoint: endpoint === undefined ? undefined : storable(endpoint),
    status,
  };
}

/** Where there are more rows than the page takes, it ends with its last one; else at `end`. */
function pageOf(
  rows: readonly Selectable<Schema["ledger"]>[],
  limit: number,
  end: CallPosition | null,
): CallPageRows {
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  return {
    calls: rows.slice(0, limit).map(fromRow),
    end: last === undefined ? end : { startedAt: last.started_at, id: last.id },
  };
}

function isFiltered(query: CallQuery): boolean {
  return query.outcomes !== undefined ||
    Object.values(filtersOf(query)).some((value) => value !== undefined);
}

function fromRow(row: Selectable<Schema["ledger"]>): LedgerEntry {
  return {
    id: row.id,
    accountId: row.account_id,
    keyId: row.key_id,
    providerAccountId: row.provider_account_id,
    nodeId: row.node_id,
    endpoint: row.endpoint,
    model: row.model,
    stream: row.stream === 1,
    outcome: row.outcome as Outcome,
    status: row.status,
    promptTokens: row.prompt_tokens,
    completionTokens: row.completion_tokens,
    estimated: row.estimated === 1,
    deliveredBytes: row.delivered_bytes,
    deliveredChunks: row.delivered_chunks,
    producedChunks: row.produced_chunks,
    attempts: row.attempts,
    queuedMs: row.queued_ms,
    firstByteMs: row.first_byte_ms,
    durationMs: row.duration_ms,
    startedAt: row.started_at,
    cause: row.cause,
    attemptLog: row.attempt_log === null ? [] : JSON.parse(row.attempt_log) as AttemptEntry[],
  };
}
