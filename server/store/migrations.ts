/** The schema's versions, oldest first. A released migration is never edited: add another one. */

import type { Kysely } from "kysely";
import { createTables } from "./migration/base.ts";
import { addChoices } from "./migration/choices.ts";
import { addConsole } from "./migration/console.ts";
import { addEarnedSlots } from "./migration/earned_slots.ts";
import { addEveryone } from "./migration/everyone.ts";
import { addFreshUsage } from "./migration/fresh_usage.ts";
import { addGroups } from "./migration/groups.ts";
import { addIdentities } from "./migration/identities.ts";
import { addJoins } from "./migration/joins.ts";
import { addLent } from "./migration/lent.ts";
import { addMachines } from "./migration/machines.ts";
import { addReplays } from "./migration/replays.ts";
import { addRoutes } from "./migration/routes.ts";
import { addNames } from "./migration/names.ts";
import { addPasswordResets } from "./migration/password_resets.ts";
import type { Schema } from "./schema.ts";

/**
 * The first N migrations make version N of the schema. A migration of a line or two stands here, a
 * longer one in `migration/`.
 */
export const migrations: readonly ((db: Kysely<Schema>) => Promise<void>)[] = [
  createTables,
  addConsole,
  addFreshUsage,
  // Version 4: nodes that are long gone are found without reading all of them.
  (db) => db.schema.createIndex("nodes_gone").on("nodes").column("gone_at").execute(),
  // Version 5: what gateways on one database share, such as a certificate.
  (db) =>
    db.schema.createTable("shared_items")
      .addColumn("name", "text", (name) => name.primaryKey())
      .addColumn("value", "text", (value) => value.notNull())
      .addColumn("expires_at", "bigint", (time) => time.notNull())
      .execute(),
  addJoins,
  addGroups,
  addRoutes,
  addLent,
  // Version 10: until when a node is paused.
  (db) => db.schema.alterTable("nodes").addColumn("paused_until", "bigint").execute(),
  addNames,
  // Version 12: budgets.
  async (db) => {
    for (const table of ["accounts", "keys", "account_groups"] as const) {
      await db.schema.alterTable(table).addColumn("budget", "text").execute();
    }
  },
  addPasswordResets,
  addChoices,
  // When an account was deleted: its row stays, without its address, for the ledger's sake.
  (db) => db.schema.alterTable("accounts").addColumn("deleted_at", "bigint").execute(),
  addEveryone,
  addIdentities,
  // An account's own weight in what is scarce, in hundredths.
  (db) => db.schema.alterTable("accounts").addColumn("weight", "integer").execute(),
  addMachines,
  addReplays,
  addEarnedSlots,
];
