/** The ways in which the store's parts ask a database: each of its tables' classes has one of these. */

import type { Kysely, RawBuilder, Transaction } from "kysely";
import type { Backend, Work } from "./backend.ts";
import type { Schema } from "./schema.ts";

/** Every method throws ColinkError `store_unavailable`, or what the work threw. */
export class Database {
  constructor(readonly backend: Backend) {}

  /** The database's own clock inside a query, UTC milliseconds. */
  get now(): RawBuilder<number> {
    return this.backend.now;
  }

  /** Work that changes nothing: asked once more after a lost connection. */
  read<T>(work: Work<T>): Promise<T> {
    return this.backend.run(work, { retry: true });
  }

  async write(work: Work<unknown>): Promise<void> {
    await this.backend.run(work);
  }

  /** One statement that changes something and tells what. */
  change<T>(work: Work<T>): Promise<T> {
    return this.backend.run(work);
  }

  transaction<T>(work: (db: Transaction<Schema>) => Promise<T>): Promise<T> {
    return this.backend.run((db) => db.transaction().execute(work));
  }

  /** The database's clock, asked once. */
  async clock(db: Kysely<Schema>): Promise<number> {
    const row = await db.selectNoFrom(this.now.as("now")).executeTakeFirstOrThrow();
    return row.now;
  }
}

/** `text like pattern escape '\'` with this pattern finds the text anywhere in it, whatever it holds. */
export function containing(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, "\\$&")}%`;
}

/** PostgreSQL refuses text with NUL or half a character in it, and strangers choose what stands here. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\uFFFD");
}
