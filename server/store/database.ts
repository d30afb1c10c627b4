/** How the tables' classes query the database. */

import type { DeleteQueryBuilder, DeleteResult, Kysely, RawBuilder, Transaction } from "kysely";
import type { Backend, Work } from "./backend.ts";
import type { Schema } from "./schema.ts";

/** Every method throws ColinkError `store_unavailable`, or what the work threw. */
export class Database {
  constructor(readonly backend: Backend) {}

  /** The database's own clock inside a query, UTC milliseconds. */
  get now(): RawBuilder<number> {
    return this.backend.now;
  }

  /** Runs work that changes nothing: repeated once after a lost connection. */
  read<T>(work: Work<T>): Promise<T> {
    return this.backend.run(work, { retry: true });
  }

  /** Runs one statement that changes rows and returns some of them. */
  change<T>(work: Work<T>): Promise<T> {
    return this.backend.run(work);
  }

  /** Runs one statement that changes rows. */
  async write(work: Work<unknown>): Promise<void> {
    await this.backend.run(work);
  }

  /** Deletes rows; resolves with their number. */
  async delete<Table extends keyof Schema>(
    query: (db: Kysely<Schema>) => DeleteQueryBuilder<Schema, Table, DeleteResult>,
  ): Promise<number> {
    const { numDeletedRows } = await this.change((db) => query(db).executeTakeFirst());
    return Number(numDeletedRows);
  }

  transaction<T>(work: (db: Transaction<Schema>) => Promise<T>): Promise<T> {
    return this.backend.run((db) => db.transaction().execute(work));
  }

  /** The time of the database's clock, UTC milliseconds. */
  async clock(db: Kysely<Schema>): Promise<number> {
    const row = await db.selectNoFrom(this.now.as("now")).executeTakeFirstOrThrow();
    return row.now;
  }
}
