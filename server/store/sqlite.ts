/** The SQLite backend: one file in the data folder, one connection, write-ahead log. */

import { Database, type SQLQueryBindings } from "bun:sqlite";
import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { Kysely, sql } from "kysely";
import {
  type Backend,
  codeOf,
  type FirstRows,
  insertStatement,
  onConflictAdd,
  storeUnavailable,
  type Work,
} from "./backend.ts";
import { lockFolder } from "./folder_lock.ts";
import type { Schema } from "./schema.ts";
import { sqliteDialect } from "./sqlite_driver.ts";

/** In the data folder. */
export const DATABASE_FILE = "colink.db";

/** How long work waits while another process writes, and how often it tries again. */
const BUSY_TIMEOUT_MS = 5000;
const BUSY_POLL_MS = 10;

/**
 * Codes that blame what was sent. Every other one is the file's state: locked, full, read-only, gone,
 * damaged, or without a table.
 */
const OWN_FAULT = /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE|MISUSE)/;

/** Opens the database in `dataDir`; creates both where they are missing, readable by their owner only. `isExclusive` as in StoreOptions. */
export function openSqlite(dataDir: string, { isExclusive = false } = {}): Backend {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const unlock = isExclusive ? lockFolder(dataDir) : () => {};
  const database = openDatabase(dataDir);
  const db = new Kysely<Schema>({ dialect: sqliteDialect(database) });
  let closed = false;

  async function run<T>(work: Work<T>): Promise<T> {
    const busyUntil = performance.now() + BUSY_TIMEOUT_MS;
    for (;;) {
      if (closed) throw storeUnavailable("it is closed");
      try {
        return await work(db);
      } catch (error) {
        const code = codeOf(error);
        if (!code.startsWith("SQLITE_") || OWN_FAULT.test(code)) throw error;
        // Without the lock the work has changed nothing, so it can start again.
        if (!code.startsWith("SQLITE_BUSY") || performance.now() > busyUntil) {
          throw storeUnavailable(`SQLite says ${code}`, error);
        }
        await Bun.sleep(BUSY_POLL_MS);
      }
    }
  }

  return {
    kind: "sqlite",
    // Not unixepoch('subsec'): the SQLite of macOS may be too old for it.
    now: sql<number>`cast((julianday('now') - 2440587.5) * 86400000 as integer)`,
    run,
    // The transaction holds the only connection, so that the statement runs inside it.
    insertNew(_db, newRows) {
      const insert = database.query<unknown, SQLQueryBindings[]>(
        insertStatement(newRows, 1, () => "?"),
      );
      const added = newRows.rows.filter((row) => insert.run(...row).changes > 0);
      return Promise.resolve(added.map(([id]) => String(id)));
    },
    addUp(_db, added) {
      const columns = [...added.keyColumns, ...added.sumColumns];
      const insert = database.query<unknown, SQLQueryBindings[]>(
        `insert into ${added.table} (${columns.join(", ")}) ` +
          `values (${columns.map(() => "?").join(", ")}) ${onConflictAdd(added)}`,
      );
      for (const row of added.rows) insert.run(...row);
      return Promise.resolve();
    },
    takeFirst<Table extends keyof Schema>(_db: unknown, first: FirstRows<Table>) {
      const { table, keyColumns, limit } = first;
      const take = database.query<Schema[Table], [number]>(
        `delete from ${table} where rowid in ` +
          `(select rowid from ${table} order by ${keyColumns.join(", ")} limit ?) returning *`,
      );
      return Promise.resolve(take.all(limit));
    },
    migrate: (work) => run((db) => db.transaction().execute(work)),
    async close() {
      if (closed) return;
      closed = true;
      await db.destroy();
      database.close();
      unlock();
    },
  };
}

function openDatabase(dataDir: string): Database {
  const path = join(dataDir, DATABASE_FILE);
  // Created before SQLite opens it, because the -wal and -shm files inherit its mode.
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
  const database = new Database(path, { create: true, strict: true });
  database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  database.run("PRAGMA journal_mode = WAL");
  database.run("PRAGMA synchronous = NORMAL");
  database.run("PRAGMA foreign_keys = ON");
  // From here on `run` waits for locks, because a wait inside SQLite would block every stream of the process.
  database.run("PRAGMA busy_timeout = 0");
  return database;
}
