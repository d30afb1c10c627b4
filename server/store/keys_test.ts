/** What the table of keys remembers of their uses, over SQLite. The suites test the rest. */

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database } from "./database.ts";
import { KeyTable } from "./keys.ts";
import { openSqlite } from "./sqlite.ts";
import { SqlStore } from "./sql_store.ts";
import { aKey, anAccount, anEntry } from "./testing/store_suite.ts";

test("a use that is rolled back is written by the next transaction", async () => {
  const folder = mkdtempSync(join(tmpdir(), "colink-keys-"));
  const backend = openSqlite(folder);
  const store = new SqlStore(backend);
  await store.migrate();
  const account = anAccount();
  const key = aKey(account);
  await store.addAccount(account, [key]);
  const database = new Database(backend);
  const keys = new KeyTable(database);
  const entries = [anEntry({ keyId: key.id, startedAt: 1000 })];
  const usedAt = async () => (await store.keys.byDigest(key.digest))?.key.lastUsedAt;

  const failed = database.transaction(async (db) => {
    await keys.used(db, entries);
    throw new Error("no commit");
  });
  await expect(failed).rejects.toThrow("no commit");
  expect(await usedAt()).toBeNull();
  (await database.transaction((db) => keys.used(db, entries)))();
  expect(await usedAt()).toBe(1000);
  await store.close();
  rmSync(folder, { recursive: true });
});
