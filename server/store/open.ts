/** Configuration → Store: PostgreSQL where a URL is set, else SQLite in the data folder. */

import { SqlStore } from "./sql_store.ts";
import { openSqlite } from "./sqlite.ts";
import { storeUnavailable } from "./backend.ts";
import type { Log } from "../base/log.ts";
import type { Store } from "./store.ts";

export interface StoreOptions {
  /** `postgres://…`; null: SQLite in `dataDir`. */
  databaseUrl: string | null;
  dataDir: string;
  log: Log;
  /** How long one question to PostgreSQL may take, waiting for a connection included. */
  deadlineMs?: number;
}

const DEADLINE_MS = 2000;

/**
 * Opens the store without touching its schema: call `migrate()` before anything else. PostgreSQL
 * is dialled when first asked. Throws ColinkError `store_unavailable` if the file cannot be opened.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { databaseUrl, dataDir, log, deadlineMs = DEADLINE_MS } = options;
  const backend = databaseUrl === null
    ? openFile(dataDir)
    : await openServer(databaseUrl, deadlineMs);
  log.debug({ database: backend.kind }, "store opened");
  return new SqlStore(backend);
}

/** Its driver costs megabytes, which a gateway with a file saves. */
async function openServer(url: string, deadlineMs: number) {
  const { openPostgres } = await import("./postgres.ts");
  return openPostgres(url, deadlineMs);
}

function openFile(dataDir: string) {
  try {
    return openSqlite(dataDir);
  } catch (error) {
    throw storeUnavailable(`the folder ${dataDir} does not let it be opened`, error);
  }
}
