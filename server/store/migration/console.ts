/** Version 2, for the console: sessions, several keys an account, nodes with their timelines, usage, the audit log, settings. */

import { type Kysely, sql } from "kysely";
import type { Schema } from "../schema.ts";

export async function addConsole(db: Kysely<Schema>): Promise<void> {
  await addLimitsOfAccounts(db);
  await addKeyColumns(db);
  await addInviteColumns(db);
  await addSessions(db);
  await addNodes(db);
  await addLedgerColumns(db);
  await addUsage(db);
  await addAdministration(db);
}

/** The limits that operators had set on an account's API key become the account's own, because it may have several keys now. */
async function addLimitsOfAccounts(db: Kysely<Schema>): Promise<void> {
  await db.schema.alterTable("accounts").addColumn("rpm", "integer").execute();
  await db.schema.alterTable("accounts").addColumn("models", "text").execute();
  await db.updateTable("accounts").set({ rpm: limitOfKey("rpm"), models: limitOfKey("models") })
    .execute();
  await db.updateTable("keys").set({ rpm: null, models: null }).execute();
}

function limitOfKey<Column extends "rpm" | "models">(column: Column) {
  return sql<Schema["accounts"][Column]>`(select keys.${sql.ref(column)} from keys
    where keys.account_id = accounts.id and keys.kind = 'api' and keys.revoked_at is null
    order by keys.created_at desc limit 1)`;
}

async function addKeyColumns(db: Kysely<Schema>): Promise<void> {
  const keys = db.schema.alterTable("keys");
  await keys.addColumn("name", "text", (column) => column.notNull().defaultTo("")).execute();
  await keys.addColumn("hint", "text").execute();
  await keys.addColumn("family", "text", (column) => column.notNull().defaultTo("")).execute();
  await keys.addColumn("is_default", "integer", (column) => column.notNull().defaultTo(0))
    .execute();
  await keys.addColumn("last_used_at", "bigint").execute();
  await keys.addColumn("expires_at", "bigint").execute();
  await keys.addColumn("replaced_by", "text").execute();
  await db.updateTable("keys").set((column) => ({ family: column.ref("id"), is_default: 1 }))
    .execute();
  await db.schema.createIndex("keys_expires").on("keys").column("expires_at").execute();
}

async function addInviteColumns(db: Kysely<Schema>): Promise<void> {
  const invites = db.schema.alterTable("invites");
  await invites.addColumn("id", "text", (column) => column.notNull().defaultTo("")).execute();
  await invites.addColumn("note", "text", (column) => column.notNull().defaultTo("")).execute();
  await invites.addColumn("created_by", "text").execute();
  await invites.addColumn("revoked_at", "bigint").execute();
  await db.updateTable("invites").set({ id: sql<string>`substr(digest, 1, 24)` }).execute();
}

async function addSessions(db: Kysely<Schema>): Promise<void> {
  await db.schema.createTable("sessions")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("account_id", "text", (column) => column.notNull().references("accounts.id"))
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("last_seen_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .addColumn("address", "text", (column) => column.notNull())
    .addColumn("user_agent", "text")
    .execute();
  await db.schema.createIndex("sessions_account").on("sessions")
    .columns(["account_id", "created_at"]).execute();
  await db.schema.createIndex("sessions_expires").on("sessions").column("expires_at").execute();
}

async function addNodes(db: Kysely<Schema>): Promise<void> {
  await db.schema.createTable("nodes")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("account_id", "text", (column) => column.notNull())
    .addColumn("key_id", "text", (column) => column.notNull())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("label", "text")
    .addColumn("agent", "text")
    .addColumn("models", "text", (column) => column.notNull())
    .addColumn("max_parallel", "integer", (column) => column.notNull())
    .addColumn("first_seen_at", "bigint", (column) => column.notNull())
    .addColumn("last_seen_at", "bigint", (column) => column.notNull())
    .addColumn("gone_at", "bigint")
    .addColumn("gone_code", "text")
    .addColumn("close_code", "integer")
    .addColumn("paused_at", "bigint")
    .addColumn("drained_at", "bigint")
    .addColumn("approved_at", "bigint")
    .addColumn("changed_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("nodes_account").on("nodes").column("account_id").execute();
  await db.schema.createIndex("nodes_changed").on("nodes").column("changed_at").execute();

  await db.schema.createTable("node_events")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("node_id", "text", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("code", "text")
    .addColumn("model", "text")
    .addColumn("detail", "text")
    .addColumn("until", "bigint")
    .execute();
  await db.schema.createIndex("node_events_node").on("node_events").columns(["node_id", "at"])
    .execute();
  await db.schema.createIndex("node_events_at").on("node_events").column("at").execute();
}

async function addLedgerColumns(db: Kysely<Schema>): Promise<void> {
  await db.schema.alterTable("ledger").addColumn("cause", "text").execute();
  await db.schema.alterTable("ledger").addColumn("attempt_log", "text").execute();
  await db.schema.createIndex("ledger_started").on("ledger").column("started_at").execute();
}

async function addUsage(db: Kysely<Schema>): Promise<void> {
  let table = db.schema.createTable("usage")
    .addColumn("account_id", "text", (column) => column.notNull())
    .addColumn("side", "integer", (column) => column.notNull())
    .addColumn("step", "integer", (column) => column.notNull())
    .addColumn("grain", "integer", (column) => column.notNull())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("model", "text", (column) => column.notNull())
    .addColumn("key_id", "text", (column) => column.notNull())
    .addColumn("node_id", "text", (column) => column.notNull());
  for (const sum of ["calls", "errors", "prompt_tokens", "completion_tokens"] as const) {
    table = table.addColumn(sum, "bigint", (column) => column.notNull());
  }
  for (const sum of ["stream_tokens", "stream_ms"] as const) {
    table = table.addColumn(sum, "bigint", (column) => column.notNull());
  }
  for (let bucket = 0; bucket < 23; bucket++) {
    table = table.addColumn(`h${bucket}`, "integer", (column) => column.notNull());
  }
  await table.addPrimaryKeyConstraint("usage_key", [
    "account_id",
    "side",
    "step",
    "grain",
    "at",
    "model",
    "key_id",
    "node_id",
  ]).execute();
}

async function addAdministration(db: Kysely<Schema>): Promise<void> {
  await db.schema.createTable("settings")
    .addColumn("name", "text", (column) => column.primaryKey())
    .addColumn("value", "text", (column) => column.notNull())
    .execute();
  // No foreign keys: the audit log keeps what a deleted account did.
  await db.schema.createTable("audit")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("at", "bigint", (column) => column.notNull())
    .addColumn("actor_id", "text")
    .addColumn("actor", "text")
    .addColumn("action", "text", (column) => column.notNull())
    .addColumn("target", "text")
    .addColumn("detail", "text", (column) => column.notNull())
    .addColumn("address", "text")
    .execute();
  await db.schema.createIndex("audit_at").on("audit").columns(["at", "id"]).execute();
  await db.schema.createIndex("accounts_created").on("accounts").columns(["created_at", "id"])
    .execute();
}
