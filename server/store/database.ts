/** How the tables' classes query the database. */

import {
  type DeleteQueryBuilder,
  type DeleteResult,
  type Kysely,
  type RawBuilder,
  type SelectQueryBuilder,
  sql,
  type Transaction,
} from "kysely";
import { type Backend, codeOf, StoreUnavailable, storeUnavailable, type Work } from "./backend.ts";
import type { Schema } from "./schema.ts";

/** How many rows a query finds, counted up to `limit`: no more are read. */
export async function countUpTo<Table extends keyof Schema>(
  db: Kysely<Schema>,
  query: SelectQueryBuilder<Schema, Table, unknown>,
  limit: number,
): Promise<number> {
  const found = query.select(sql<number>`1`.as("one")).limit(limit);
  const { rows: [row] } = await sql<{ count: number }>`
    select count(*) as count from (${found}) as found
  `.execute(db);
  return Number(row?.count ?? 0);
}

/** Every method throws ColinkError `store_unavailable`, or what the work threw. */
export class Database {
  #trouble: string | null = null;

  constructor(readonly backend: Backend) {}

  /** Why work failed last, unless a write has succeeded since; null: nothing is known to be wrong. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** The database has taken a write. Reading alone does not show that it would. */
  wrote(): void {
    this.#trouble = null;
  }

  /** The database's own clock inside a query, UTC milliseconds. */
  get now(): RawBuilder<number> {
    return this.backend.now;
  }

  /** Runs work that changes nothing: repeated once after a lost connection. */
  read<T>(work: Work<T>): Promise<T> {
    return this.#run(work, { retry: true });
  }

  /** Runs one statement that changes rows and returns some of them. */
  change<T>(work: Work<T>): Promise<T> {
    return this.#run(work);
  }

  /** Runs one statement that changes rows. */
  async write(work: Work<unknown>): Promise<void> {
    await this.#run(work);
  }

  /** Deletes rows; resolves with their number. */
  async delete<Table extends keyof Schema>(
    query: (db: Kysely<Schema>) => DeleteQueryBuilder<Schema, Table, DeleteResult>,
  ): Promise<number> {
    const { numDeletedRows } = await this.change((db) => query(db).executeTakeFirst());
    return Number(numDeletedRows);
  }

  transaction<T>(work: (db: Transaction<Schema>) => Promise<T>): Promise<T> {
    return this.#run((db) => db.transaction().execute(work));
  }

  async #run<T>(work: Work<T>, options?: { retry: boolean }): Promise<T> {
    try {
      return await this.backend.run(work, options);
    } catch (error) {
      throw error instanceof StoreUnavailable ? this.failed(error) : error;
    }
  }

  /** Notes that work failed which a database in order does. */
  failed(error: unknown): StoreUnavailable {
    const unavailable = error instanceof StoreUnavailable
      ? error
      : storeUnavailable("it refuses every row", error);
    this.#trouble = troubleOf(unavailable);
    return unavailable;
  }

  /** The time of the database's clock, UTC milliseconds. */
  async clock(db: Kysely<Schema>): Promise<number> {
    const row = await db.selectNoFrom(this.now.as("now")).executeTakeFirstOrThrow();
    return row.now;
  }
}

/** The state, and the cause's code unless the state has it: a lost connection alone does not say why. */
function troubleOf({ state, cause }: StoreUnavailable): string {
  const code = codeOf(cause);
  return code === "" || state.includes(code) ? state : `${state}: ${code}`;
}
