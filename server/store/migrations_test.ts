/** Migrations: a database of an earlier version keeps its rows, and is brought up to date once. */

import { afterAll, describe, expect, test } from "bun:test";
import { Database as SqliteFile } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { silentLog } from "../base/log.ts";
import type { Backend } from "./backend.ts";
import { sql } from "kysely";
import { createTables } from "./migration/base.ts";
import { addEveryone } from "./migration/everyone.ts";
import { migrations } from "./migrations.ts";
import { openStore, type StoreOptions } from "./open.ts";
import { openPostgres } from "./postgres.ts";
import { openSqlite } from "./sqlite.ts";
import { testDatabase } from "./testing/postgres.ts";
import { anAccount, anEntry } from "./testing/store_suite.ts";
import { EVERYONE } from "./usage_rollup.ts";

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

type Options = Pick<StoreOptions, "databaseUrl" | "dataDir">;
/** Runs a statement from outside; resolves with its rows. */
type Run = (statement: string) => Promise<unknown[]>;

/** One start of a gateway, as far as the schema goes. */
async function start(options: Options) {
  const store = await openStore({ ...options, log: silentLog });
  await store.migrate();
  return store;
}

/** The limits of the API key have become the account's, and both of its keys are its defaults. */
async function expectKept(options: Options): Promise<void> {
  const store = await start(options);
  expect(await store.accountById("acc"))
    .toMatchObject({ rpm: 30, models: ["m"], totalApiCalls: 7, totalProvidedCalls: 8 });
  const keys = await store.keys.ofAccount("acc");
  expect(keys.map(({ id, family, isDefault, rpm, models }) => [id, family, isDefault, rpm, models]))
    .toEqual([["key", "key", true, null, null], ["node", "node", true, null, null]]);
  const page = await store.calls.page({ accountId: "acc", side: "made", limit: 5 });
  expect(page.calls).toMatchObject([{
    id: "req-1",
    cause: null,
    attemptLog: [],
    choice: null,
    replays: null,
  }]);
  const [invite] = await store.invites.list(0);
  expect(invite).toMatchObject({ id: "0123456789abcdef01234567", note: "", createdBy: null });
  await store.close();
}

/** Later starts find the schema up to date: a migration that ran again would fail, or change limits again. */
async function expectStartsAgain(options: Options, run: Run): Promise<void> {
  await run("update accounts set rpm = 31");
  for (let starts = 0; starts < 2; starts++) {
    const store = await start(options);
    expect(await store.accountById("acc")).toMatchObject({ rpm: 31 });
    await store.close();
    expect(await run("select version from colink_schema")).toEqual([{
      version: migrations.length,
    }]);
  }
}

async function makeFirstVersion(backend: Backend): Promise<void> {
  await backend.migrate(createTables);
  await backend.close();
}

describe("a database of the first version", () => {
  const folder = mkdtempSync(join(tmpdir(), "colink-migrations-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("on SQLite keeps its rows, and is not migrated again by later starts", async () => {
    await makeFirstVersion(openSqlite(folder));
    const options = { databaseUrl: null, dataDir: folder };
    const file = new SqliteFile(join(folder, "colink.db"));
    const run: Run = (statement) => Promise.resolve(file.query(statement).all());
    for (const row of rows) await run(row);
    await expectKept(options);
    await expectStartsAgain(options, run);
    file.close();
  });

  test("on PostgreSQL keeps its rows, and is not migrated again by later starts", async () => {
    const { url, drop } = await testDatabase();
    await makeFirstVersion(openPostgres(url, 5000));
    const options = { databaseUrl: url, dataDir: folder };
    const client = postgres(url, { max: 1, onnotice: () => {} });
    const run: Run = async (statement) => [...await client.unsafe(statement)];
    for (const row of rows) await run(row);
    await expectKept(options);
    await expectStartsAgain(options, run);
    await client.end();
    await drop();
  });
});

/** Takes everyone's figures and what came with them away from a database of today. */
const withoutEveryone = [
  "drop index ledger_failed",
  "delete from usage where side = 2",
  ...["h23", "h24", "h25"].map((column) => `alter table usage drop column ${column}`),
];

async function expectAddedUp(options: Options, backend: () => Backend): Promise<void> {
  let store = await start(options);
  const accounts = [anAccount(), anAccount()];
  for (const account of accounts) await store.addAccount(account, []);
  const [one, two] = accounts.map(({ id }) => id);
  const from = Date.UTC(2026, 9, 1);
  await store.writeLedger([
    anEntry({ accountId: one!, startedAt: from }),
    anEntry({ accountId: two!, startedAt: from + 70_000 }),
    anEntry({ accountId: two!, startedAt: from, outcome: "timeout" }),
  ]);
  while (await store.usage.fold(100) > 0);
  await store.close();
  const earlier = backend();
  await earlier.run(async (db) => {
    for (const statement of withoutEveryone) await sql.raw(statement).execute(db);
    await addEveryone(db);
  });
  await earlier.close();
  store = await start(options);
  const to = from + 3_600_000;
  const everyone = { accountId: EVERYONE, side: "everyone", step: "hour", from, to } as const;
  expect(await store.usage.total(everyone)).toMatchObject({ calls: 3, errors: 1 });
  expect((await store.usage.shares(everyone, "key", 5)).map(({ id, calls }) => [id, calls]))
    .toEqual([[two!, 2], [one!, 1]]);
  await store.close();
}

describe("everyone's usage is added up from what accounts used before", () => {
  test("on SQLite", async () => {
    const dataDir = mkdtempSync(join(tmpdir(), "co-link-migrations-"));
    await expectAddedUp({ databaseUrl: null, dataDir }, () => openSqlite(dataDir));
    rmSync(dataDir, { recursive: true });
  });

  test("on PostgreSQL", async () => {
    const database = await testDatabase();
    const options = { databaseUrl: database.url, dataDir: "" };
    await expectAddedUp(options, () => openPostgres(database.url, 5000));
    await database.drop();
  });
});
