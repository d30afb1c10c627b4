/** What administrators have set while the gateway runs: values by name, as JSON. */

import type { Database } from "./database.ts";

export class SettingTable {
  constructor(private readonly database: Database) {}

  async all(): Promise<Map<string, unknown>> {
    const rows = await this.database.read((db) => db.selectFrom("settings").selectAll().execute());
    return new Map(rows.map(({ name, value }) => [name, JSON.parse(value) as unknown]));
  }

  /** An undefined value removes the setting. */
  set(name: string, value: unknown): Promise<void> {
    return this.database.write((db) => {
      if (value === undefined) return db.deleteFrom("settings").where("name", "=", name).execute();
      const text = JSON.stringify(value);
      return db.insertInto("settings").values({ name, value: text })
        .onConflict((conflict) => conflict.column("name").doUpdateSet({ value: text }))
        .execute();
    });
  }
}
