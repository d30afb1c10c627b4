/** A database of an earlier version keeps what is in it. */

import { afterAll, describe, expect, test } from "bun:test";
import { Database as SqliteFile } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { silentLog } from "../base/log.ts";
import type { Backend } from "./backend.ts";
import { createTables } from "./migration/base.ts";
import { openStore } from "./open.ts";
import { openPostgres } from "./postgres.ts";
import { openSqlite } from "./sqlite.ts";
import { testDatabase } from "./testing/postgres.ts";

const rows = [
  `insert into accounts values ('acc', 'a@example.org', 'hash', 'user', 1, null, 7, 8)`,
  `insert into keys values ('old', 'acc', 'api', 'd0', 's', 1, null, 1, 5)`,
  `insert into keys values ('key', 'acc', 'api', 'd1', 's', 30, '["m"]', 2, null)`,
  `insert into keys values ('node', 'acc', 'node', 'd2', 's', null, null, 2, null)`,
  `insert into invites values ('0123456789abcdef0123456789abcdef', 1, 99999999999999, null)`,
  `insert into ledger values ('req-1', 'acc', 'key', null, null, '/v1/chat/completions', 'm', 1,
    'ok', 200, 1, 2, 0, 3, 4, 4, 1, 0, 5, 6, 1000)`,
  "create table colink_schema (version integer not null)",
  "insert into colink_schema values (1)",
];

/** What operators had set on the API key is the account's own now, and both of its tokens are its defaults. */
async function expectKept(options: { databaseUrl: string | null; dataDir: string }): Promise<void> {
  const store = await openStore({ ...options, log: silentLog });
  await store.migrate();
  expect(await store.accountById("acc"))
    .toMatchObject({ rpm: 30, models: ["m"], totalApiCalls: 7, totalProvidedCalls: 8 });
  const keys = await store.keys.ofAccount("acc");
  expect(keys.map(({ id, family, isDefault, rpm, models }) => [id, family, isDefault, rpm, models]))
    .toEqual([["key", "key", true, null, null], ["node", "node", true, null, null]]);
  const page = await store.calls.page({ accountId: "acc", side: "made", limit: 5 });
  expect(page.calls).toMatchObject([{ id: "req-1", cause: null, attemptLog: [] }]);
  const [invite] = await store.invites.list(0);
  expect(invite).toMatchObject({ id: "0123456789abcdef01234567", note: "", createdBy: null });
  await store.close();
}

async function makeFirstVersion(backend: Backend): Promise<void> {
  await backend.migrate(createTables);
  await backend.close();
}

describe("a database of the first version", () => {
  const folder = mkdtempSync(join(tmpdir(), "colink-migrations-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("on SQLite keeps accounts, keys, limits, invites and calls", async () => {
    await makeFirstVersion(openSqlite(folder));
    const file = new SqliteFile(join(folder, "colink.db"));
    for (const row of rows) file.run(row);
    file.close();
    await expectKept({ databaseUrl: null, dataDir: folder });
  });

  test("on PostgreSQL keeps accounts, keys, limits, invites and calls", async () => {
    const { url, drop } = await testDatabase();
    await makeFirstVersion(openPostgres(url, 5000));
    const client = postgres(url, { max: 1, onnotice: () => {} });
    for (const row of rows) await client.unsafe(row);
    await client.end();
    await expectKept({ databaseUrl: url, dataDir: folder });
    await drop();
  });
});
