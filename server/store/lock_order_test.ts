/** The order in which transactions lock rows: the same on every gateway, so that no two deadlock. */

import { afterEach, beforeEach, expect, test } from "bun:test";
import { Database as SqliteFile } from "bun:sqlite";
import { Kysely, type LogEvent } from "kysely";
import type { Backend } from "./backend.ts";
import { Database } from "./database.ts";
import { KeyTable } from "./keys.ts";
import { writeLedger } from "./ledger_table.ts";
import { migrations } from "./migrations.ts";
import { NodeTable } from "./nodes.ts";
import type { Schema } from "./schema.ts";
import { sqliteDialect } from "./sqlite_driver.ts";
import { anEntry } from "./testing/store_suite.ts";

let file: SqliteFile;
let db: Kysely<Schema>;
/** The values of each statement that was run. */
let statements: { sql: string; values: readonly unknown[] }[];

beforeEach(async () => {
  file = new SqliteFile(":memory:");
  const log = ({ query }: LogEvent) =>
    void statements.push({ sql: query.sql, values: query.parameters });
  statements = [];
  db = new Kysely<Schema>({ dialect: sqliteDialect(file), log });
  for (const apply of migrations) await apply(db);
});
afterEach(async () => {
  await db.destroy();
  file.close();
});

/** The ids among the values of the statements with this beginning, in the order of the statements. */
function idsIn(beginning: string, ids: readonly string[]): unknown[] {
  return statements.filter(({ sql }) => sql.startsWith(beginning))
    .flatMap(({ values }) => values.filter((value) => ids.includes(String(value))));
}

const ids = ["a", "b", "c", "d"];

for (const order of [ids, ids.toReversed()]) {
  const arrival = order.join(", ");

  test(`totals of accounts are updated in the order of ids, where calls arrived for ${arrival}`, async () => {
    const entries = order.map((accountId) => anEntry({ accountId, providerAccountId: "b" }));
    const backend: Pick<Backend, "insertNew" | "addUp"> = {
      insertNew: (_db, { rows }) => Promise.resolve(rows.map(([id]) => String(id))),
      addUp: () => Promise.resolve(),
    };
    await db.transaction().execute((transaction) => writeLedger(transaction, backend, entries));
    expect(idsIn('update "accounts"', ids)).toEqual(ids);
  });

  test(`uses of keys are written in the order of ids, where calls arrived for ${arrival}`, async () => {
    const keys = new KeyTable(new Database({} as Backend));
    const entries = order.map((keyId) => anEntry({ keyId }));
    await db.transaction().execute((transaction) => keys.used(transaction, entries));
    expect(idsIn('update "keys"', ids)).toEqual(ids);
  });

  test(`nodes and their keys are written in the order of ids, where they arrived as ${arrival}`, async () => {
    const nodes = new NodeTable(new Database({ run: (work) => work(db) } as Backend));
    const sightings = order.map((id) => ({
      id,
      accountId: "account",
      keyId: `key-${id}`,
      name: "studio",
      agent: null,
      machine: null,
      models: [],
      maxParallel: 1,
      at: 1,
    }));
    const departures = order.map((id) => ({ id, at: 2, code: "lost", closeCode: 1006 }));
    await nodes.write({ sightings, departures, events: [] });
    expect(idsIn('insert into "nodes"', ids)).toEqual(ids);
    expect(idsIn('update "nodes"', ids)).toEqual(ids);
    const keyIds = ids.map((id) => `key-${id}`);
    expect(idsIn('update "keys"', keyIds)).toEqual(keyIds);
  });
}
