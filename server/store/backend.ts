/** What the store needs of a database: connections, a deadline, a clock and a lock for migrations. */

import type { Kysely, RawBuilder } from "kysely";
import { ColinkError } from "../error.ts";
import type { Schema } from "./schema.ts";

export type Work<T> = (db: Kysely<Schema>) => Promise<T>;

/** One kind of database. `run` and `migrate` throw ColinkError `store_unavailable`, or what the work threw. */
export interface Backend {
  readonly kind: "sqlite" | "postgres";
  /** The database's own clock inside a query, UTC milliseconds. */
  readonly now: RawBuilder<number>;
  /** Runs the work within the deadline. `retry`: the work changes nothing, so once more after a lost connection. */
  run<T>(work: Work<T>, options?: { retry?: boolean }): Promise<T>;
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

/** An error's `code` where it has one: an SQLSTATE, an SQLite or a system error name. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === "string" ? code : "";
}
