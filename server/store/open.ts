/** Opens the Store: PostgreSQL where a URL is configured, else SQLite in the data folder. */

import { SqlStore } from "./sql_store.ts";
import { openSqlite } from "./sqlite.ts";
import { isStoreUnavailable, storeUnavailable } from "./backend.ts";
import type { Log } from "../base/log.ts";
import type { Store } from "./store.ts";

export interface StoreOptions {
  /** `postgres://…`; null: SQLite in `dataDir`. */
  databaseUrl: string | null;
  dataDir: string;
  log: Log;
  /** The time that one query to PostgreSQL may take, including the wait for a connection. */
  deadlineMs?: number;
  /** Whether no other process may serve from the same SQLite file; commands beside a gateway may read it. */
  isExclusive?: boolean;
}

const DEADLINE_MS = 2000;

/**
 * Opens the store without touching its schema: call `migrate()` before anything else. The first
 * query connects to PostgreSQL. Throws ColinkError `store_unavailable` if the file cannot be opened.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { databaseUrl, dataDir, log, deadlineMs = DEADLINE_MS, isExclusive = false } = options;
  const backend = databaseUrl === null
    ? openFile(dataDir, isExclusive)
    : await openServer(databaseUrl, deadlineMs);
  log.debug({ database: backend.kind }, "store opened");
  return new SqlStore(backend);
}

/** Loads the driver, which takes megabytes of memory, only where it is needed. */
async function openServer(url: string, deadlineMs: number) {
  const { openPostgres } = await import("./postgres.ts");
  return openPostgres(url, deadlineMs);
}

function openFile(dataDir: string, isExclusive: boolean) {
  try {
    return openSqlite(dataDir, { isExclusive });
  } catch (error) {
    if (isStoreUnavailable(error)) throw error;
    throw storeUnavailable(`the folder ${dataDir} does not let it be opened`, error);
  }
}
