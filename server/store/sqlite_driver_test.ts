/** kysely over bun:sqlite: prepared statements, locks, and what is left of a transaction that fails. */

import { afterEach, beforeEach, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kysely, sql } from "kysely";
import { sqliteDialect } from "./sqlite_driver.ts";

interface Tables {
  things: { id: number; name: string };
}

let folder: string;
let file: Database;
/** The same file, as another process has it open. */
let other: Database;
let db: Kysely<Tables>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "colink-sqlite-"));
  const path = join(folder, "test.db");
  file = new Database(path, { create: true, strict: true });
  file.run("pragma journal_mode = wal");
  file.run("create table things (id integer primary key, name text not null)");
  other = new Database(path, { strict: true });
  db = new Kysely<Tables>({ dialect: sqliteDialect(file) });
});
afterEach(async () => {
  await db.destroy();
  file.close();
  other.close();
  rmSync(folder, { recursive: true });
});

const names = async () =>
  (await db.selectFrom("things").select("name").orderBy("id").execute()).map(({ name }) => name);

test("a statement stays prepared while a hundred others run, and the least recently used go first", async () => {
  const texts = Array.from({ length: 300 }, (_, i) => `select ${i} as n`);
  const [kept = "", ...others] = texts;
  const prepared = file.query(kept);
  for (const text of others.slice(0, 100)) await sql.raw(text).execute(db);
  expect(file.query(kept)).toBe(prepared);
  for (const text of others) await sql.raw(text).execute(db);
  expect(file.query(kept)).not.toBe(prepared);
});

test("a prepared statement returns the columns that another process has added since", async () => {
  await db.insertInto("things").values({ id: 1, name: "a" }).execute();
  const all = () => db.selectFrom("things").selectAll().execute();
  expect(await all()).toEqual([{ id: 1, name: "a" }]);
  other.run("alter table things add column color text default 'red'");
  expect(await all()).toEqual([{ id: 1, name: "a", color: "red" }] as never);
});

test("statements without rows report how many rows they changed, those with rows return them", async () => {
  const added = await db.insertInto("things").values([{ id: 1, name: "a" }, { id: 2, name: "b" }])
    .returning("name").execute();
  expect(added).toEqual([{ name: "a" }, { name: "b" }]);
  const [updated] = await db.updateTable("things").set({ name: "c" }).execute();
  expect(updated?.numUpdatedRows).toBe(2n);
});

test("a transaction holds the write lock from its beginning, before it has written", async () => {
  await db.transaction().execute(async (transaction) => {
    await transaction.selectFrom("things").selectAll().execute();
    expect(() => other.run("begin immediate")).toThrow(/locked/);
  });
  other.run("begin immediate");
  other.run("rollback");
});

test("a transaction that fails leaves nothing behind and frees the lock", async () => {
  const failed = db.transaction().execute(async (transaction) => {
    await transaction.insertInto("things").values({ id: 1, name: "a" }).execute();
    await transaction.insertInto("things").values({ id: 1, name: "twice" }).execute();
  });
  await expect(failed).rejects.toMatchObject({ code: "SQLITE_CONSTRAINT_PRIMARYKEY" });
  expect(await names()).toEqual([]);
  other.run("insert into things values (2, 'b')");
  expect(await names()).toEqual(["b"]);
});

test("the error of a transaction that SQLite itself rolled back is the error that is thrown", async () => {
  const failed = db.transaction().execute(async (transaction) => {
    await transaction.insertInto("things").values({ id: 1, name: "a" }).execute();
    await sql`insert or rollback into things values (1, 'twice')`.execute(transaction);
  });
  await expect(failed).rejects.toMatchObject({ code: "SQLITE_CONSTRAINT_PRIMARYKEY" });
  expect(await names()).toEqual([]);
});

test("a query outside a transaction waits for its end", async () => {
  const gate = Promise.withResolvers<void>();
  const transaction = db.transaction().execute(async (inside) => {
    await inside.insertInto("things").values({ id: 1, name: "a" }).execute();
    await gate.promise;
    await inside.deleteFrom("things").execute();
  });
  const seen = names();
  gate.resolve();
  await transaction;
  expect(await seen).toEqual([]);
});
