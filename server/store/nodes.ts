/** Nodes that were connected some time: what they were, what was decided about them, and their timeline. */

import { type Kysely, type Selectable, sql } from "kysely";
import type { Changes } from "./change_poll.ts";
import type { Database } from "./database.ts";
import { storable } from "./database.ts";
import { listOf } from "./keys.ts";
import type { Schema } from "./schema.ts";

export interface NodeRow {
  /** Public. */
  id: string;
  accountId: string;
  keyId: string;
  /** As it calls itself. */
  name: string;
  /** As its owner calls it. */
  label: string | null;
  agent: string | null;
  models: string[];
  maxParallel: number;
  firstSeenAt: number;
  lastSeenAt: number;
  goneAt: number | null;
  goneCode: string | null;
  closeCode: number | null;
  pausedAt: number | null;
  /** Connections from before then are being drained. */
  drainedAt: number | null;
  approvedAt: number | null;
}

/** What a node says of itself when it connects or changes. */
export type NodeSighting =
  & Pick<
    NodeRow,
    "id" | "accountId" | "keyId" | "name" | "agent" | "models" | "maxParallel"
  >
  & { at: number };

export interface NodeDeparture {
  id: string;
  at: number;
  code: string;
  closeCode: number;
}

export interface NodeEventRow {
  id: string;
  nodeId: string;
  at: number;
  kind: string;
  code: string | null;
  model: string | null;
  detail: string | null;
  until: number | null;
}

/** What gateways do on somebody's word. */
export type NodeOrder = Pick<NodeRow, "id" | "label" | "pausedAt" | "drainedAt" | "approvedAt">;

/** What is decided about a node, and since when. */
export type DecidedNode = NodeOrder & { at: number };

/** What is decided about a node. What is absent stays as it is. */
export type NodeDecision = Partial<Omit<NodeOrder, "id">>;

export interface OwnedNodeRow extends NodeRow {
  ownerEmail: string;
}

/** What calls are shown with. */
export type KnownNode = Pick<NodeRow, "id" | "accountId" | "name" | "label">;

/** Rows of one statement: PostgreSQL takes 65,535 values. */
const MAX_ROWS = 500;

export class NodeTable {
  constructor(private readonly database: Database) {}

  /** Writes what nodes said and how they left, adds to their timelines, and notes their keys as used: in that order. */
  async write(
    { sightings, departures, events }: {
      sightings: readonly NodeSighting[];
      departures: readonly NodeDeparture[];
      events: readonly NodeEventRow[];
    },
  ): Promise<void> {
    await this.database.transaction(async (db) => {
      for (const some of inChunks(latest(sightings))) await this.#seen(db, some);
      for (const gone of departures) await this.#left(db, gone);
      for (const some of inChunks(events)) {
        await db.insertInto("node_events").values(some.map(eventToRow))
          .onConflict((conflict) => conflict.column("id").doNothing()).execute();
      }
    });
  }

  async #seen(db: Kysely<Schema>, sightings: readonly NodeSighting[]): Promise<void> {
    await db.insertInto("nodes").values(sightings.map((node) => ({
      id: node.id,
      account_id: node.accountId,
      key_id: node.keyId,
      name: storable(node.name),
      label: null,
      agent: node.agent === null ? null : storable(node.agent),
      models: storable(JSON.stringify(node.models)),
      max_parallel: node.maxParallel,
      first_seen_at: node.at,
      last_seen_at: node.at,
      gone_at: null,
      gone_code: null,
      close_code: null,
      paused_at: null,
      drained_at: null,
      approved_at: null,
      changed_at: 0,
    }))).onConflict((conflict) =>
      conflict.column("id").doUpdateSet((row) => ({
        key_id: row.ref("excluded.key_id"),
        name: row.ref("excluded.name"),
        agent: row.ref("excluded.agent"),
        models: row.ref("excluded.models"),
        max_parallel: row.ref("excluded.max_parallel"),
        last_seen_at: row.ref("excluded.last_seen_at"),
        gone_at: null,
        gone_code: null,
        close_code: null,
      }))
    ).execute();
    const at = Math.max(...sightings.map((node) => node.at));
    const keyIds = [...new Set(sightings.map(({ keyId }) => keyId))].sort();
    await db.updateTable("keys").set({ last_used_at: at }).where("id", "in", keyIds).execute();
  }

  /** Unless it has come again since: what one batch holds is not written in the order it happened. */
  async #left(db: Kysely<Schema>, { id, at, code, closeCode }: NodeDeparture): Promise<void> {
    await db.updateTable("nodes")
      .set({ gone_at: at, gone_code: code, close_code: closeCode, last_seen_at: at })
      .where("id", "=", id).where("last_seen_at", "<=", at).execute();
  }

  async find(id: string): Promise<NodeRow | null> {
    const row = await this.database.read((db) =>
      db.selectFrom("nodes").selectAll().where("id", "=", storable(id)).executeTakeFirst()
    );
    return row === undefined ? null : fromRow(row);
  }

  /** Those that were seen last come first. */
  async ofAccount(accountId: string, limit: number): Promise<NodeRow[]> {
    const rows = await this.database.read((db) =>
      db.selectFrom("nodes").selectAll().where("account_id", "=", accountId)
        .orderBy("last_seen_at", "desc").orderBy("id").limit(limit).execute()
    );
    return rows.map(fromRow);
  }

  /** Of all accounts; those that wait for approval first. */
  async all(limit: number): Promise<OwnedNodeRow[]> {
    const rows = await this.database.read((db) =>
      db.selectFrom("nodes").innerJoin("accounts", "accounts.id", "nodes.account_id")
        .selectAll("nodes").select("accounts.email")
        .orderBy(sql`case when nodes.approved_at is null then 0 else 1 end`)
        .orderBy("nodes.last_seen_at", "desc").orderBy("nodes.id").limit(limit).execute()
    );
    return rows.map((row) => ({ ...fromRow(row), ownerEmail: row.email }));
  }

  async owned(id: string): Promise<OwnedNodeRow | null> {
    const row = await this.database.read((db) =>
      db.selectFrom("nodes").innerJoin("accounts", "accounts.id", "nodes.account_id")
        .selectAll("nodes").select("accounts.email").where("nodes.id", "=", storable(id))
        .executeTakeFirst()
    );
    return row === undefined ? null : { ...fromRow(row), ownerEmail: row.email };
  }

  /** The node as it is afterwards; null: there is none of that id, or not of that account (null: of any). */
  async decide(
    id: string,
    accountId: string | null,
    { label, pausedAt, drainedAt, approvedAt }: NodeDecision,
  ): Promise<NodeRow | null> {
    const set = {
      ...(label === undefined ? {} : { label }),
      ...(pausedAt === undefined ? {} : { paused_at: pausedAt }),
      ...(drainedAt === undefined ? {} : { drained_at: drainedAt }),
      ...(approvedAt === undefined ? {} : { approved_at: approvedAt }),
    };
    const row = await this.database.change((db) => {
      const all = db.updateTable("nodes").set({ ...set, changed_at: this.database.now })
        .where("id", "=", storable(id));
      const some = accountId === null ? all : all.where("account_id", "=", accountId);
      return some.returningAll().executeTakeFirst();
    });
    return row === undefined ? null : fromRow(row);
  }

  /** Approves every node that was not. */
  approveAll(at: number): Promise<void> {
    return this.database.write((db) =>
      db.updateTable("nodes").set({ approved_at: at, changed_at: this.database.now })
        .where("approved_at", "is", null).execute()
    );
  }

  /** Nodes about which something was decided at or after `since` by the database's clock. */
  decidedSince(since: number, limit: number): Promise<Changes<DecidedNode>> {
    return this.database.read(async (db) => {
      const now = await this.database.clock(db);
      const rows = await db.selectFrom("nodes")
        .select(["id", "label", "paused_at", "drained_at", "approved_at", "changed_at"])
        .where("changed_at", ">=", Math.max(since, 1)).limit(limit).execute();
      const changes = rows.map((row) => ({
        id: row.id,
        label: row.label,
        pausedAt: row.paused_at,
        drainedAt: row.drained_at,
        approvedAt: row.approved_at,
        at: row.changed_at,
      }));
      return { changes, now };
    });
  }

  /** LruCache first. */
  async timeline(nodeId: string, limit: number): Promise<NodeEventRow[]> {
    const rows = await this.database.read((db) =>
      db.selectFrom("node_events").selectAll().where("node_id", "=", storable(nodeId))
        .orderBy("at", "desc").orderBy("id").limit(limit).execute()
    );
    return rows.map(eventFromRow);
  }

  /** Leaves only the newest `keep` lines of these nodes' timelines. */
  async trim(nodeIds: readonly string[], keep: number): Promise<void> {
    for (const id of nodeIds) {
      await this.database.write((db) =>
        db.deleteFrom("node_events").where("node_id", "=", id).where(
          "at",
          "<",
          db.selectFrom("node_events").select("at").where("node_id", "=", id)
            .orderBy("at", "desc").offset(keep - 1).limit(1),
        ).execute()
      );
    }
  }

  /** Forgets what happened before then. */
  prune(before: number): Promise<void> {
    return this.database.write((db) =>
      db.deleteFrom("node_events").where("at", "<", before).execute()
    );
  }

  /** Whose these nodes are and what they are called, as far as they are known. */
  async known(ids: readonly string[]): Promise<KnownNode[]> {
    if (ids.length === 0) return [];
    const rows = await this.database.read((db) =>
      db.selectFrom("nodes").select(["id", "account_id", "name", "label"])
        .where("id", "in", ids).execute()
    );
    return rows.map(({ id, account_id: accountId, name, label }) => ({
      id,
      accountId,
      name,
      label,
    }));
  }
}

/** Of each node what it said last: one statement may touch a row once. In an order that all gateways share. */
function latest(sightings: readonly NodeSighting[]): NodeSighting[] {
  const byId = new Map(sightings.map((node) => [node.id, node]));
  return [...byId.values()].sort((a, b) => a.id < b.id ? -1 : 1);
}

function* inChunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += MAX_ROWS) yield items.slice(at, at + MAX_ROWS);
}

function fromRow(row: Selectable<Schema["nodes"]>): NodeRow {
  return {
    id: row.id,
    accountId: row.account_id,
    keyId: row.key_id,
    name: row.name,
    label: row.label,
    agent: row.agent,
    models: listOf(row.models) ?? [],
    maxParallel: row.max_parallel,
    firstSeenAt: row.first_seen_at,
    lastSeenAt: row.last_seen_at,
    goneAt: row.gone_at,
    goneCode: row.gone_code,
    closeCode: row.close_code,
    pausedAt: row.paused_at,
    drainedAt: row.drained_at,
    approvedAt: row.approved_at,
  };
}

function eventToRow(event: NodeEventRow): Schema["node_events"] {
  return {
    id: event.id,
    node_id: event.nodeId,
    at: event.at,
    kind: event.kind,
    code: event.code,
    model: event.model === null ? null : storable(event.model),
    detail: event.detail === null ? null : storable(event.detail),
    until: event.until,
  };
}

function eventFromRow(row: Selectable<Schema["node_events"]>): NodeEventRow {
  return {
    id: row.id,
    nodeId: row.node_id,
    at: row.at,
    kind: row.kind,
    code: row.code,
    model: row.model,
    detail: row.detail,
    until: row.until,
  };
}
