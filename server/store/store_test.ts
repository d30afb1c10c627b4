/** One suite on both databases, and what only SQLite can do. */

import { afterAll, describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { silentLog } from "../base/log.ts";
import { openStore } from "./open.ts";
import { openSqlite } from "./sqlite.ts";
import { SqlStore } from "./sql_store.ts";
import { consoleSuite } from "./testing/console_suite.ts";
import { anAccount, anEntry, storeSuite } from "./testing/store_suite.ts";
import { testDatabase } from "./testing/postgres.ts";
import { usageSuite } from "./testing/usage_suite.ts";

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "colink-store-"));
  folders.push(folder);
  return join(folder, "data");
}

/** Long, because hundreds of transactions wait for one lock here, and machines can be busy. */
const DEADLINE_MS = 20_000;

const openIn = (dataDir: string) => openStore({ databaseUrl: null, dataDir, log: silentLog });

describe("SQLite", () => {
  const prepare = () => {
    const dataDir = emptyFolder();
    return Promise.resolve({ openAgain: () => openIn(dataDir) });
  };
  storeSuite(prepare);
  describe("for the console", () => consoleSuite(prepare));
  describe("usage", () => usageSuite(prepare));

  test("only its owner can read the file and its folder", async () => {
    const dataDir = emptyFolder();
    const store = await openIn(dataDir);
    await store.migrate();
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    for (const name of ["colink.db", "colink.db-wal", "colink.db-shm"]) {
      expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600);
    }
    await store.close();
  });

  test("a schema of a later version is refused, and the message names both versions", async () => {
    const dataDir = emptyFolder();
    const store = await openIn(dataDir);
    await store.migrate();
    const raw = new Database(join(dataDir, "colink.db"));
    raw.run("update colink_schema set version = 999");
    raw.close();
    await expect(store.migrate()).rejects.toThrow(/version 999.*up to \d+.*newer release/);
    await store.close();
  });

  test("a full disk makes writes fail as unavailable until there is room again", async () => {
    const backend = openSqlite(emptyFolder());
    const store = new SqlStore(backend);
    const limitPages = (pages: number) =>
      backend.run((db) => sql.raw(`pragma max_page_count = ${pages}`).execute(db));
    await store.migrate();
    const account = anAccount();
    await store.addAccount(account, []);
    const many = Array.from({ length: 5000 }, () => anEntry({ accountId: account.id }));
    await limitPages(1); // SQLite raises this to the current size of the file.
    await expect(store.writeLedger(many)).rejects.toMatchObject({ code: "store_unavailable" });
    expect(await store.accountById(account.id)).toMatchObject({ totalApiCalls: 0 });
    await limitPages(1_000_000);
    await store.writeLedger(many);
    expect(await store.accountById(account.id)).toMatchObject({ totalApiCalls: 5000 });
    await store.close();
  });

  test("a store whose folder cannot be created is unavailable", async () => {
    await expect(openIn("/dev/null/data")).rejects.toMatchObject({ code: "store_unavailable" });
  });
});

describe("PostgreSQL", () => {
  const prepare = async () => {
    const { url, drop } = await testDatabase();
    return {
      openAgain: () =>
        openStore({
          databaseUrl: url,
          dataDir: "/nowhere",
          log: silentLog,
          deadlineMs: DEADLINE_MS,
        }),
      remove: drop,
    };
  };
  storeSuite(prepare);
  describe("for the console", () => consoleSuite(prepare));
  describe("usage", () => usageSuite(prepare));
});
