/** The schema's versions, oldest first. A migration that was released is never edited: add another. */

import type { Kysely } from "kysely";
import { createTables } from "./migration/base.ts";
import { addConsole } from "./migration/console.ts";
import { addFreshUsage } from "./migration/fresh_usage.ts";
import type { Schema } from "./schema.ts";

/** Version N of the schema is what the first N migrations make. */
export const migrations: readonly ((db: Kysely<Schema>) => Promise<void>)[] = [
  createTables,
  addConsole,
  addFreshUsage,
];
