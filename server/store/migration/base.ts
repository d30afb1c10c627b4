/** Version 1 of the schema: accounts, keys, invites, the ledger and known models. */

import type { Kysely } from "kysely";
import type { Schema } from "../schema.ts";

export async function createTables(db: Kysely<Schema>): Promise<void> {
  await db.schema.createTable("accounts")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("email", "text", (column) => column.notNull().unique())
    .addColumn("password_hash", "text", (column) => column.notNull())
    .addColumn("role", "text", (column) => column.notNull())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("disabled_at", "bigint")
    .addColumn("total_api_calls", "bigint", (column) => column.notNull())
    .addColumn("total_provided_calls", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("accounts_disabled").on("accounts").column("disabled_at").execute();

  await db.schema.createTable("keys")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("account_id", "text", (column) => column.notNull().references("accounts.id"))
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("digest", "text", (column) => column.notNull().unique())
    .addColumn("sealed", "text", (column) => column.notNull())
    .addColumn("rpm", "integer")
    .addColumn("models", "text")
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("revoked_at", "bigint")
    .execute();
  await db.schema.createIndex("keys_account").on("keys").column("account_id").execute();
  await db.schema.createIndex("keys_revoked").on("keys").column("revoked_at").execute();

  await db.schema.createTable("invites")
    .addColumn("digest", "text", (column) => column.primaryKey())
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .addColumn("expires_at", "bigint", (column) => column.notNull())
    .addColumn("used_by", "text")
    .execute();

  // No foreign keys: usage stays on record when an account or a key is deleted.
  await db.schema.createTable("ledger")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("account_id", "text", (column) => column.notNull())
    .addColumn("key_id", "text", (column) => column.notNull())
    .addColumn("provider_account_id", "text")
    .addColumn("node_id", "text")
    .addColumn("endpoint", "text", (column) => column.notNull())
    .addColumn("model", "text", (column) => column.notNull())
    .addColumn("stream", "integer", (column) => column.notNull())
    .addColumn("outcome", "text", (column) => column.notNull())
    .addColumn("status", "integer", (column) => column.notNull())
    .addColumn("prompt_tokens", "bigint")
    .addColumn("completion_tokens", "bigint")
    .addColumn("estimated", "integer", (column) => column.notNull())
    .addColumn("delivered_bytes", "bigint", (column) => column.notNull())
    .addColumn("delivered_chunks", "bigint", (column) => column.notNull())
    .addColumn("produced_chunks", "bigint", (column) => column.notNull())
    .addColumn("attempts", "integer", (column) => column.notNull())
    .addColumn("queued_ms", "bigint", (column) => column.notNull())
    .addColumn("first_byte_ms", "bigint")
    .addColumn("duration_ms", "bigint", (column) => column.notNull())
    .addColumn("started_at", "bigint", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("ledger_account").on("ledger")
    .columns(["account_id", "started_at"]).execute();
  await db.schema.createIndex("ledger_provider").on("ledger")
    .columns(["provider_account_id", "started_at"]).execute();

  await db.schema.createTable("known_models")
    .addColumn("name", "text", (column) => column.primaryKey())
    .addColumn("seen_at", "bigint", (column) => column.notNull())
    .execute();
}
