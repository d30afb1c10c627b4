/** Texts that the gateways on one database share, each until it expires: a certificate, a lock, an address. */

import type { Database } from "./database.ts";

export interface SharedItem {
  name: string;
  value: string;
  /** UTC milliseconds. */
  expiresAt: number;
}

export class SharedItemTable {
  constructor(private readonly database: Database) {}

  /** The values by name, of those whose names begin with `prefix` and that have not expired. */
  async startingWith(prefix: string, nowMs: number): Promise<Map<string, string>> {
    const rows = await this.database.read((db) =>
      db.selectFrom("shared_items").select(["name", "value"])
        .where("name", "like", `${prefix}%`).where("expires_at", ">", nowMs).execute()
    );
    return new Map(rows.map(({ name, value }) => [name, value]));
  }

  /** Null: there is none, or it has expired. */
  async find(name: string, nowMs: number): Promise<string | null> {
    const row = await this.database.read((db) =>
      db.selectFrom("shared_items").select("value")
        .where("name", "=", name).where("expires_at", ">", nowMs).executeTakeFirst()
    );
    return row?.value ?? null;
  }

  /** Writes an item, in the place of one that has its name. */
  put({ name, value, expiresAt }: SharedItem): Promise<void> {
    return this.database.write((db) =>
      db.insertInto("shared_items").values({ name, value, expires_at: expiresAt })
        .onConflict((conflict) =>
          conflict.column("name").doUpdateSet({ value, expires_at: expiresAt })
        )
        .execute()
    );
  }

  /** Writes an item unless there is one of this name that has not expired; of several gateways one succeeds. */
  async claim({ name, value, expiresAt }: SharedItem, nowMs: number): Promise<boolean> {
    const row = await this.database.change((db) =>
      db.insertInto("shared_items").values({ name, value, expires_at: expiresAt })
        .onConflict((conflict) =>
          conflict.column("name").doUpdateSet({ value, expires_at: expiresAt })
            .where("shared_items.expires_at", "<=", nowMs)
        )
        .returning("name").executeTakeFirst()
    );
    return row !== undefined;
  }

  /** Puts off the end of an item that still has this value. */
  renew({ name, value, expiresAt }: SharedItem): Promise<void> {
    return this.database.write((db) =>
      db.updateTable("shared_items").set({ expires_at: expiresAt })
        .where("name", "=", name).where("value", "=", value).execute()
    );
  }

  /** Removes an item that still has this value. */
  release({ name, value }: Omit<SharedItem, "expiresAt">): Promise<void> {
    return this.database.write((db) =>
      db.deleteFrom("shared_items").where("name", "=", name).where("value", "=", value).execute()
    );
  }

  async removeExpired(nowMs: number): Promise<void> {
    await this.database.write((db) =>
      db.deleteFrom("shared_items").where("expires_at", "<=", nowMs).execute()
    );
  }
}
