/** The PostgreSQL backend. */

import { CompiledQuery, type Kysely, sql } from "kysely";
import { parseDatabaseUrl } from "../base/database_url.ts";
import {
  type Backend,
  type FirstRows,
  insertStatement,
  onConflictAdd,
  type Work,
} from "./backend.ts";
import { PostgresPool } from "./postgres_pool.ts";
import type { Schema } from "./schema.ts";

/** A migration may have to wait for another gateway's. */
const MIGRATION_DEADLINE_MS = 60_000;

/** An arbitrary number that no other program on the same database uses for a lock. */
const MIGRATION_LOCK = 5_029_114_766;

/** The first query connects. `deadlineMs`: for each query, including the wait for a connection. */
export function openPostgres(url: string, deadlineMs: number): Backend {
  const pool = new PostgresPool(parseDatabaseUrl(url), deadlineMs);
  return {
    kind: "postgres",
    now: sql<number>`cast(extract(epoch from clock_timestamp()) * 1000 as bigint)`,
    run: (work, { retry = false } = {}) => pool.run(work, retry, deadlineMs),
    async insertNew(db, newRows) {
      const added: string[] = [];
      const [idColumn] = newRows.columns;
      for (const rows of inStableSizes(newRows.rows)) {
        const insert = insertStatement(newRows, rows.length, (index) => `$${index}`);
        const query = CompiledQuery.raw(`${insert} returning ${idColumn} as id`, rows.flat());
        for (const { id } of (await db.executeQuery<{ id: string }>(query)).rows) added.push(id);
      }
      return added;
    },
    async addUp(db, added) {
      if (added.rows.length === 0) return;
      const columns = [...added.keyColumns, ...added.sumColumns];
      // One parameter for all rows: one per value would be thousands, and another statement for each number of rows.
      const rows = added.rows.map((row) =>
        Object.fromEntries(columns.map((column, at) => [column, row[at]]))
      );
      const list = columns.join(", ");
      const statement = `insert into ${added.table} (${list}) select ${list} ` +
        `from json_populate_recordset(null::${added.table}, $1::text::json) ${
          onConflictAdd(added)
        }`;
      await db.executeQuery(CompiledQuery.raw(statement, [JSON.stringify(rows)]));
    },
    async takeFirst<Table extends keyof Schema>(db: Kysely<Schema>, first: FirstRows<Table>) {
      const { table, keyColumns, limit } = first;
      // An array is evaluated once; a plain subquery may run again for each row, which defeats its limit.
      const statement = `delete from ${table} where ctid = any(array(` +
        `select ctid from ${table} order by ${keyColumns.join(", ")} limit $1 ` +
        "for update skip locked)) returning *";
      const query = CompiledQuery.raw(statement, [limit]);
      return (await db.executeQuery<Schema[Table]>(query)).rows;
    },
    migrate: (work) => {
      const locked: Work<void> = (db) =>
        db.transaction().execute(async (transaction) => {
          await sql.raw(`set local statement_timeout = ${MIGRATION_DEADLINE_MS}`)
            .execute(transaction);
          await sql`select pg_advisory_xact_lock(${sql.lit(MIGRATION_LOCK)})`.execute(transaction);
          await work(transaction);
        });
      return pool.run(locked, false, MIGRATION_DEADLINE_MS);
    },
    close: () => pool.close(),
  };
}

/** Rows of one INSERT. Sizes are powers of two, so that the server keeps few prepared statements. */
const MAX_ROWS_PER_INSERT = 128;

function* inStableSizes<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let size = MAX_ROWS_PER_INSERT, from = 0; from < items.length; from += size) {
    while (size > items.length - from) size /= 2;
    yield items.slice(from, from + size);
  }
}
