/** What the store needs of a database: connections, a deadline, a clock and a lock for migrations. */

import type { Kysely, RawBuilder } from "kysely";
import { ColinkError } from "../base/error.ts";
import type { Schema } from "./schema.ts";

export type Work<T> = (db: Kysely<Schema>) => Promise<T>;

export interface NewRows {
  table: keyof Schema;
  columns: readonly string[];
  rows: readonly (readonly (string | number | null)[])[];
}

/** `insert … values (…), (…)` for so many rows, with `placeholder(1)` for the first value. */
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

/** Rows of counters: those whose key is there already are added to what is there. */
export interface AddedRows {
  table: keyof Schema;
  keyColumns: readonly string[];
  sumColumns: readonly string[];
  /** Key columns first; each key once. */
  rows: readonly (readonly (string | number)[])[];
}

/** The end of an insert that adds to the rows that are there. */
export function onConflictAdd({ table, keyColumns, sumColumns }: AddedRows): string {
  const sums = sumColumns.map((column) => `${column} = ${table}.${column} + excluded.${column}`);
  return `on conflict (${keyColumns.join(", ")}) do update set ${sums.join(", ")}`;
}

export interface FirstRows<Table extends keyof Schema> {
  table: Table;
  keyColumns: readonly (keyof Schema[Table] & string)[];
  limit: number;
}

/** One kind of database. `run` and `migrate` throw ColinkError `store_unavailable`, or what the work threw. */
export interface Backend {
  readonly kind: "sqlite" | "postgres";
  /** The database's own clock inside a query, UTC milliseconds. */
  readonly now: RawBuilder<number>;
  /** Runs the work within the deadline. `retry`: the work changes nothing, so once more after a lost connection. */
  run<T>(work: Work<T>, options?: { retry?: boolean }): Promise<T>;
  /**
   * Within a transaction, inserts the rows whose id (the first column) is not there yet; resolves
   * with the ids of those that were added. The way for rows in numbers: a query that is built for
   * each of them costs the gateway more than all the rest of a call's bookkeeping.
   */
  insertNew(db: Kysely<Schema>, table: NewRows): Promise<string[]>;
  /** Within a transaction, adds counters up: in numbers, as `insertNew`. */
  addUp(db: Kysely<Schema>, added: AddedRows): Promise<void>;
  /**
   * Within a transaction, removes a table's first rows by its key, but for those that somebody else
   * is changing, and resolves with them.
   */
  takeFirst<Table extends keyof Schema>(
    db: Kysely<Schema>,
    first: FirstRows<Table>,
  ): Promise<Schema[Table][]>;
  /** Runs the work in a transaction that no other process can be in at the same time. */
  migrate(work: Work<void>): Promise<void>;
  close(): Promise<void>;
}

/** When a caller may sensibly ask again, in milliseconds. */
const RETRY_AFTER_MS = 2000;

/** What callers are told while the database is away; the cause stays inside. */
export function storeUnavailable(state: string, cause?: unknown): ColinkError {
  return new ColinkError(
    "store_unavailable",
    `Cannot reach the account database: ${state}; try again in a few seconds`,
    { retryAfterMs: RETRY_AFTER_MS, cause },
  );
}

/** Whether an error says that the database is away, and the same work may succeed later. */
export function isStoreUnavailable(error: unknown): boolean {
  return error instanceof ColinkError && error.code === "store_unavailable";
}

/** An error's `code` where it has one: an SQLSTATE, an SQLite or a system error name. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === "string" ? code : "";
}
