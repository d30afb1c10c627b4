/** Every node that was ever connected: what it announced, what was decided about it, and its timeline. */

import { type Expression, type ExpressionBuilder, type Kysely, sql, type SqlBool } from "kysely";
import type { RowOf } from "./columns.ts";
import type { Changes } from "./change_poll.ts";
import type { Database } from "./database.ts";
import { type NodeEventRow, nodeEvents, type NodeRow, nodes, type Schema } from "./schema.ts";
import { storable } from "./text.ts";

export type { NodeEventRow, NodeRow };

/** What a node announces when it connects or changes. */
export type NodeSighting =
  & Pick<
    NodeRow,
    "id" | "accountId" | "keyId" | "name" | "agent" | "machine" | "models" | "maxParallel"
  >
  & { at: number };

export interface NodeDeparture {
  id: string;
  at: number;
  code: string;
  closeCode: number;
}

/** How many slots a node has earned. */
export interface EarnedSlotsRow {
  id: string;
  slots: number;
}

const orders = nodes.pick(
  "id",
  "label",
  "pausedAt",
  "pausedUntil",
  "drainedAt",
  "approvedAt",
);

/** What people have decided about a node, for gateways to obey. */
export type NodeOrder = RowOf<typeof orders>;

/** With the time of the last decision. */
export type DecidedNode = NodeOrder & { at: number };

/** A decision about a node. Absent members stay as they are. */
export type NodeDecision = Partial<Omit<NodeOrder, "id">>;

export interface OwnedNodeRow extends NodeRow {
  ownerEmail: string;
}

const known = nodes.pick("id", "accountId", "name", "label");

/** What lists of calls show of a node. */
export type KnownNode = RowOf<typeof known>;

/** When a forgotten node was last there. */
const FORGOTTEN = 0;

/** Of the names of the models that one node offers. */
const MAX_STORED_CHARS = 16 * 1024;

/** Rows of one statement: PostgreSQL takes 65,535 values. */
const MAX_ROWS = 500;

export class NodeTable {
  constructor(private readonly database: Database) {}

  /** Writes what nodes announced, earned, then how they left, then their timelines; notes their keys as used. */
  async write(
    { sightings, earned = [], departures, events }: {
      sightings: readonly NodeSighting[];
      earned?: readonly EarnedSlotsRow[];
      departures: readonly NodeDeparture[];
      events: readonly NodeEventRow[];
    },
  ): Promise<void> {
    await this.database.transaction(async (db) => {
      for (const some of inChunks(latest(sightings))) await this.#seen(db, some);
      for (const { id, slots } of inIdOrder(earned)) {
        await db.updateTable("nodes").set({ earned_slots: slots }).where("id", "=", id).execute();
      }
      for (const departure of inIdOrder(departures)) await this.#left(db, departure);
      for (const some of inChunks(events)) {
        await db.insertInto("node_events").values(some.map((event) => nodeEvents.toRow(event)))
          .onConflict((conflict) => conflict.column("id").doNothing()).execute();
      }
    });
  }

  async #seen(db: Kysely<Schema>, sightings: readonly NodeSighting[]): Promise<void> {
    await db.insertInto("nodes").values(sightings.map((sighting) => nodes.toRow(newNode(sighting))))
      .onConflict((conflict) =>
        conflict.column("id").doUpdateSet((row) => ({
          key_id: row.ref("excluded.key_id"),
          name: row.ref("excluded.name"),
          agent: row.ref("excluded.agent"),
          machine: row.ref("excluded.machine"),
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

  /** Changes nothing where the node was seen later: a batch is not in the order of events. */
  async #left(db: Kysely<Schema>, { id, at, code, closeCode }: NodeDeparture): Promise<void> {
    await db.updateTable("nodes")
      .set({ gone_at: at, gone_code: code, close_code: closeCode, last_seen_at: at })
      .where("id", "=", id).where("last_seen_at", "<=", at).execute();
  }

  /** Nodes that have earned slots, or lost some, with when they were last there; those seen last first. */
  async earnedSlots(limit: number): Promise<(EarnedSlotsRow & { lastSeenAt: number })[]> {
    const rows = await this.database.read((db) =>
      db.selectFrom("nodes").select(["id", "earned_slots", "last_seen_at"])
        .where("earned_slots", "is not", null).orderBy("last_seen_at", "desc").orderBy("id")
        .limit(limit).execute()
    );
    return rows.map((row) => ({
      id: row.id,
      slots: row.earned_slots!,
      lastSeenAt: row.last_seen_at,
    }));
  }

  async find(id: string): Promise<NodeRow | null> {
    const row = await this.database.read((db) =>
      db.selectFrom("nodes").selectAll().where("id", "=", storable(id)).where(isRemembered)
        .executeTakeFirst()
    );
    return nodes.fromFound(row);
  }

  /** The nodes seen last first. */
  async ofAccount(accountId: string, limit: number): Promise<NodeRow[]> {
    const rows = await this.database.read((db) =>
      db.selectFrom("nodes").selectAll().where("account_id", "=", accountId).where(isRemembered)
        .orderBy("last_seen_at", "desc").orderBy("id").limit(limit).execute()
    );
    return rows.map((row) => nodes.fromRow(row));
  }

  /** Nodes of all accounts; those that wait for approval first. */
  async all(limit: number): Promise<OwnedNodeRow[]> {
    const rows = await this.database.read((db) =>
      withOwner(db).where(isRemembered)
        .orderBy(sql`case when nodes.approved_at is null then 0 else 1 end`)
        .orderBy("nodes.last_seen_at", "desc").orderBy("nodes.id").limit(limit).execute()
    );
    return rows.map(ownedFromRow);
  }

  async owned(id: string): Promise<OwnedNodeRow | null> {
    const row = await this.database.read((db) =>
      withOwner(db).where("nodes.id", "=", storable(id)).executeTakeFirst()
    );
    return row === undefined ? null : ownedFromRow(row);
  }

  /** The node after the decision; null: there is none of that id, or not of that account (null: of any). */
  async decide(
    id: string,
    accountId: string | null,
    decision: NodeDecision,
  ): Promise<NodeRow | null> {
    const set = { ...nodes.toChange(decision), changed_at: this.database.now };
    const row = await this.database.change((db) => {
      const all = db.updateTable("nodes").set(set).where("id", "=", storable(id));
      const some = accountId === null ? all : all.where("account_id", "=", accountId);
      return some.returningAll().executeTakeFirst();
    });
    return nodes.fromFound(row);
  }

  /** Approves every node that was not approved. */
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
      const rows = await db.selectFrom("nodes").select(orders.names).select("changed_at as at")
        .where("changed_at", ">=", Math.max(since, 1)).limit(limit).execute();
      return { changes: rows.map((row) => ({ ...orders.fromRow(row), at: row.at })), now };
    });
  }

  /** Newest first. */
  async timeline(nodeId: string, limit: number): Promise<NodeEventRow[]> {
    const rows = await this.database.read((db) =>
      db.selectFrom("node_events").selectAll().where("node_id", "=", storable(nodeId))
        .orderBy("at", "desc").orderBy("id", "desc").limit(limit).execute()
    );
    return rows.map((row) => nodeEvents.fromRow(row));
  }

  /** Deletes all but the newest `keep` events of each of these nodes. */
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

  /** Deletes events from before that time. */
  prune(before: number): Promise<void> {
    return this.database.write((db) =>
      db.deleteFrom("node_events").where("at", "<", before).execute()
    );
  }

  /** Notes that these nodes, at most 500, are connected at that time, where that was not noted since `before`. */
  stillSeen(ids: readonly string[], { at, before }: { at: number; before: number }): Promise<void> {
    return this.database.write((db) =>
      db.updateTable("nodes")
        .set({ last_seen_at: at, gone_at: null, gone_code: null, close_code: null })
        .where("id", "in", ids).where("last_seen_at", "<", before).execute()
    );
  }

  /** Ends the connections of nodes that were not seen since before that time: their gateway has crashed. */
  endUnseen(before: number): Promise<void> {
    return this.database.write((db) =>
      db.updateTable("nodes")
        .set(({ ref }) => ({ gone_at: ref("last_seen_at"), gone_code: "lost", close_code: 1006 }))
        .where("gone_at", "is", null).where("last_seen_at", "<", before).execute()
    );
  }

  /** The nodes that vanished since then and have not come back: their number, and the latest of them. */
  lostSince(since: number, limit: number): Promise<{ count: number; nodes: KnownNode[] }> {
    return this.database.read(async (db) => {
      const lost = db.selectFrom("nodes").where("gone_at", ">=", since)
        .where("gone_code", "in", ["lost", "silent", "protocol"]);
      const { count } = await lost.select((row) => row.fn.countAll<number>().as("count"))
        .executeTakeFirstOrThrow();
      const rows = await lost.select(known.names).orderBy("gone_at", "desc").orderBy("id")
        .limit(limit).execute();
      return { count: Number(count), nodes: rows.map((row) => known.fromRow(row)) };
    });
  }

  /**
   * Forgets a node: its timeline is deleted, what it has earned is not kept, what was decided about it is withdrawn at every gateway,
   * and no list has it until it connects again. Its row goes with the next that are pruned. Null:
   * there is none of that id, or not of that account (null: of any).
   */
  forget(id: string, accountId: string | null): Promise<NodeRow | null> {
    return this.database.transaction(async (db) => {
      let rows = db.updateTable("nodes").set({
        gone_at: FORGOTTEN,
        label: null,
        machine: null,
        paused_at: null,
        paused_until: null,
        drained_at: null,
        approved_at: null,
        earned_slots: null,
        changed_at: this.database.now,
      }).where("id", "=", storable(id)).where(isRemembered);
      if (accountId !== null) rows = rows.where("account_id", "=", accountId);
      const row = await rows.returningAll().executeTakeFirst();
      if (row !== undefined) {
        await db.deleteFrom("node_events").where("node_id", "=", row.id).execute();
      }
      return nodes.fromFound(row);
    });
  }

  /** Deletes up to `limit` nodes that have been gone since before that time; resolves with their number. */
  pruneGone(before: number, limit: number): Promise<number> {
    return this.#delete(limit, (row) => row.and([row("gone_at", "<", before), isUnpaused(row)]));
  }

  /** The accounts that have more than so many nodes, with their number. */
  async crowded(most: number): Promise<{ accountId: string; nodes: number }[]> {
    const rows = await this.database.read((db) =>
      db.selectFrom("nodes").select("account_id")
        .select((row) => row.fn.countAll<number>().as("nodes"))
        .groupBy("account_id").having((row) => row.fn.countAll(), ">", most).execute()
    );
    return rows.map((row) => ({ accountId: row.account_id, nodes: Number(row.nodes) }));
  }

  /** Deletes up to `limit` of an account's nodes, those first that have been gone for longest. */
  pruneOf(accountId: string, limit: number): Promise<number> {
    return this.#delete(limit, (row) =>
      row.and([
        row("account_id", "=", accountId),
        row("gone_at", "is not", null),
        isUnpaused(row),
      ]));
  }

  /** Deletes up to `limit` nodes of accounts that were deleted; resolves with their number. */
  pruneOwnerless(limit: number): Promise<number> {
    return this.#delete(limit, isOwnerless, ["node_events", "lent_usage", "lent_sums"]);
  }

  /** Deletes the nodes that have been gone for longest first; one that has come back meanwhile stays. */
  #delete(
    limit: number,
    which: (row: NodeExpression) => Expression<SqlBool>,
    tables: readonly ("node_events" | "lent_usage" | "lent_sums")[] = ["node_events"],
  ): Promise<number> {
    return this.database.transaction(async (db) => {
      const found = await db.selectFrom("nodes").select("id").where(which).orderBy("gone_at")
        .limit(limit).execute();
      const ids = found.map(({ id }) => id);
      if (ids.length === 0) return 0;
      for (const table of tables) {
        await db.deleteFrom(table).where("node_id", "in", ids).execute();
      }
      await db.deleteFrom("nodes").where("id", "in", ids).where(which).execute();
      return ids.length;
    });
  }

  /** The owners and names of these nodes; unknown nodes are left out. */
  async known(ids: readonly string[]): Promise<KnownNode[]> {
    if (ids.length === 0) return [];
    const rows = await this.database.read((db) =>
      db.selectFrom("nodes").select(known.names).where("id", "in", ids).execute()
    );
    return rows.map((row) => known.fromRow(row));
  }
}

type NodeExpression = ExpressionBuilder<Schema, "nodes">;

function isRemembered(row: NodeExpression) {
  return row.or([row("nodes.gone_at", "is", null), row("nodes.gone_at", ">", FORGOTTEN)]);
}

/** A paused node stays: if it were forgotten, it would come back unpaused. */
function isUnpaused(row: NodeExpression) {
  return row("paused_at", "is", null);
}

function isOwnerless(row: NodeExpression) {
  const deleted = row.selectFrom("accounts").select("id").where("deleted_at", "is not", null);
  return row("account_id", "in", deleted);
}

/** Each node's last announcement, because one statement may touch a row once. */
function latest(sightings: readonly NodeSighting[]): NodeSighting[] {
  return inIdOrder(new Map(sightings.map((node) => [node.id, node])).values());
}

/** The order in which all gateways lock rows, so that no two of them deadlock. */
function inIdOrder<Item extends { id: string }>(items: Iterable<Item>): Item[] {
  return [...items].sort((a, b) => a.id < b.id ? -1 : 1);
}

function* inChunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += MAX_ROWS) yield items.slice(at, at + MAX_ROWS);
}

function newNode({ at, models, ...announced }: NodeSighting): NodeRow {
  return {
    ...announced,
    models: fitting(models),
    label: null,
    firstSeenAt: at,
    lastSeenAt: at,
    goneAt: null,
    goneCode: null,
    closeCode: null,
    pausedAt: null,
    pausedUntil: null,
    drainedAt: null,
    approvedAt: null,
    earnedSlots: null,
    changedAt: 0,
  };
}

/** The first of the names, as many as may be stored of one node. */
function fitting(models: string[]): string[] {
  let chars = 0;
  const end = models.findIndex((model) => (chars += model.length) > MAX_STORED_CHARS);
  return end < 0 ? models : models.slice(0, end);
}

function withOwner(db: Kysely<Schema>) {
  return db.selectFrom("nodes").innerJoin("accounts", "accounts.id", "nodes.account_id")
    .where("accounts.deleted_at", "is", null).selectAll("nodes").select("accounts.email");
}

function ownedFromRow(row: Schema["nodes"] & { email: string }): OwnedNodeRow {
  return { ...nodes.fromRow(row), ownerEmail: row.email };
}
