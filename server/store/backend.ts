/** What the store needs of a database: connections, a deadline, a clock, bulk writes and a lock for migrations. */

import type { Kysely, RawBuilder } from "kysely";
import { ColinkError } from "../base/error.ts";
import type { Schema } from "./schema.ts";

export type Work<T> = (db: Kysely<Schema>) => Promise<T>;

/** Rows to insert, each with its id first. */
export interface NewRows {
  table: keyof Schema;
  columns: readonly string[];
  rows: readonly (readonly (string | number | null)[])[];
}

/** `insert … values (…), (…)` for that many rows, with `placeholder(1)` for the first value. */
export function insertStatement(
  { table, columns }: NewRows,
  rows: number,
  placeholder: (index: number) => string,
): string {
  let next = 1;
  const row = () => `(${columns.map(() => placeholder(next++)).join(", ")})`;
  const values = Array.from({ length: rows }, row).join(", ");
  return `insert into ${table} (${columns.join(", ")}) values ${values} ` +
    `on conflict (${columns[0]}) do nothing`;
}

/** Counters to add: a row whose key exists is added to the existing row. */
export interface AddedRows {
  table: keyof Schema;
  keyColumns: readonly string[];
  sumColumns: readonly string[];
  /** Key columns first; each key once. */
  rows: readonly (readonly (string | number)[])[];
}

/** The end of an insert statement that adds to existing rows. A counter that is full stays as it is, and stops no other. */
export function onConflictAdd({ table, keyColumns, sumColumns }: AddedRows): string {
  const sums = sumColumns.map((column) => {
    const full = `${table}.${column} > ${Number.MAX_SAFE_INTEGER}`;
    return `${column} = ${table}.${column} + case when ${full} then 0 else excluded.${column} end`;
  });
  return `on conflict (${keyColumns.join(", ")}) do update set ${sums.join(", ")}`;
}

/** Rows whose sums every database takes: counts that a node made up may add up to more. */
export function countable(rows: (string | number)[][]): (string | number)[][] {
  for (const row of rows) {
    for (const [at, cell] of row.entries()) {
      if (typeof cell === "number" && !Number.isSafeInteger(cell)) {
        row[at] = cell > 0 ? Number.MAX_SAFE_INTEGER : 0;
      }
    }
  }
  return rows;
}

export interface FirstRows<Table extends keyof Schema> {
  table: Table;
  keyColumns: readonly (keyof Schema[Table] & string)[];
  limit: number;
}

/** A kind of database. `run` and `migrate` throw ColinkError `store_unavailable`, or what the work threw. */
export interface Backend {
  readonly kind: "sqlite" | "postgres";
  /** The database's own clock inside a query, UTC milliseconds. */
  readonly now: RawBuilder<number>;
  /** Runs the work within the deadline. `retry`: the work changes nothing, and is repeated once after a lost connection. */
  run<T>(work: Work<T>, options?: { retry?: boolean }): Promise<T>;
  /**
   * Within a transaction, inserts the rows whose id (the first column) does not exist yet; resolves
   * with their ids. For many rows at a time: building a kysely query for each row would cost more
   * than all the rest of a call's bookkeeping.
   */
  insertNew(db: Kysely<Schema>, table: NewRows): Promise<string[]>;
  /** Within a transaction, adds to counters; as `insertNew`, for many rows at a time. */
  addUp(db: Kysely<Schema>, added: AddedRows): Promise<void>;
  /**
   * Within a transaction, deletes the table's first rows in the order of its key, and resolves with
   * them. Rows that another transaction has locked are left out.
   */
  takeFirst<Table extends keyof Schema>(
    db: Kysely<Schema>,
    first: FirstRows<Table>,
  ): Promise<Schema[Table][]>;
  /** Runs the work in a transaction that excludes every other process's migration. */
  migrate(work: Work<void>): Promise<void>;
  close(): Promise<void>;
}

/** What callers are asked to wait before the next attempt. */
const RETRY_AFTER_MS = 2000;

/** The error that callers receive while the database is away; the cause is logged, never shown. */
export class StoreUnavailable extends ColinkError {
  /** `state`: what is wrong with the database, without an address or a name of anyone. */
  constructor(readonly state: string, cause?: unknown) {
    super(
      "store_unavailable",
      `Cannot reach the account database: ${state}; try again in a few seconds`,
      { retryAfterMs: RETRY_AFTER_MS, cause },
    );
  }
}

export function storeUnavailable(state: string, cause?: unknown): StoreUnavailable {
  return new StoreUnavailable(state, cause);
}

/** Whether an error says that the database is away: the same work may succeed later. */
export function isStoreUnavailable(error: unknown): error is ColinkError {
  return error instanceof ColinkError && error.code === "store_unavailable";
}

/** An error's `code`: an SQLSTATE, or the name of an SQLite or system error; empty: it has none. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === "string" ? code : "";
}

/** Whether a change was refused because another row has the same value already, in either database. */
export function isUniqueViolation(error: unknown): boolean {
  const code = codeOf(error);
  return code === "23505" || code.startsWith("SQLITE_CONSTRAINT_UNIQUE");
}
