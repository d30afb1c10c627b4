/** Keeps a second gateway away from a data folder, for as long as the first one's process lives. */

import { Database } from "bun:sqlite";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { codeOf, storeUnavailable } from "./backend.ts";

/** In the data folder. */
const LOCK_FILE = "colink.lock";

/**
 * Takes the folder; the result gives it back. The system frees the lock of a process that dies: an
 * empty SQLite file holds it, as no runtime that we support locks files itself. Throws ColinkError
 * `store_unavailable` while another gateway has the folder.
 */
export function lockFolder(dataDir: string): () => void {
  const path = join(dataDir, LOCK_FILE);
  closeSync(openSync(path, "a", 0o600));
  const lock = new Database(path, { create: true });
  try {
    lock.run("PRAGMA busy_timeout = 0");
    lock.run("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (!codeOf(error).startsWith("SQLITE_BUSY")) throw error;
    throw storeUnavailable(
      `another gateway is running on the folder ${dataDir}; stop that one, or give this one a ` +
        "folder of its own (COLINK_DATA_DIR). Several gateways share one PostgreSQL " +
        "(DATABASE_URL, REDIS_URL)",
      error,
    );
  }
  return () => lock.close();
}
