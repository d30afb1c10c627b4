/** Usage as a table: who gets which rows, and what a spreadsheet does with them. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { ErrorView } from "../../../api/mod.ts";
import { UsageExport } from "../../account/usage_export.ts";
import { HOUR_MS } from "../../base/clock.ts";
import { anEntry } from "../../store/testing/store_suite.ts";
import { type TestAccount, TestApp } from "../testing/test_app.ts";
import { tableStream } from "./table_stream.ts";

let app: TestApp;
let admin: TestAccount;
let ann: TestAccount;
let gone: TestAccount;

const DAY = Date.UTC(2026, 9, 31);
const range = `from=${DAY}&to=${DAY + 48 * HOUR_MS}`;

beforeAll(async () => {
  app = await TestApp.start();
  admin = await app.account("admin@example.org", "admin");
  ann = await app.account("=ann@example.org");
  gone = await app.account("gone@example.org");
  const { key } = await app.key(ann, { name: "+1" });
  const own = (await app.parts.store.keys.ofAccount(ann.id)).find(({ id }) => id !== key.id);
  const call = (accountId: string, keyId: string, model: string, startedAt: number) =>
    anEntry({ accountId, keyId, model, startedAt, promptTokens: 10, completionTokens: 1 });
  await app.parts.store.writeLedger([
    call(ann.id, key.id, "@cmd|x", DAY + 23 * HOUR_MS),
    call(ann.id, own!.id, 'a,"b"', DAY + 23 * HOUR_MS),
    call(ann.id, own!.id, 'a,"b"', DAY + 25 * HOUR_MS),
    call(gone.id, "key-x", "m", DAY + 1),
  ]);
  const group = await app.parts.groups.create({ name: "Lab" });
  await app.parts.groups.change(group.id, { add: [ann.id, admin.id] });
  await app.parts.deletion.run(gone.id);
});
afterAll(() => app.stop());

async function exported(account: TestAccount, query: string): Promise<string[]> {
  const route = `GET /api/usage/export?${range}&${query}`;
  const { status, text } = await app.ask(route, { token: account.session });
  expect([query, status]).toEqual([query, 200]);
  // One account may export six times a minute.
  await app.clock.pass(60_000);
  return text.trim().split(/\r?\n/);
}

test("members get their own rows, as text that no spreadsheet runs", async () => {
  const route = `GET /api/usage/export?${range}`;
  const { headers } = await app.ask(route, { token: ann.session });
  expect(headers.get("content-type")).toBe("text/csv; charset=utf-8");
  expect(headers.get("content-disposition"))
    .toBe('attachment; filename="co-link-usage-2026-10-31-to-2026-11-01.csv"');
  const lines = await exported(ann, "by=day,account,group,key,model");
  expect(lines[0]).toBe(
    "day,account_id,account,group,key_id,key,model,calls,errors,prompt_tokens,completion_tokens",
  );
  const cells = lines.slice(1).map((line) => line.replaceAll(/(acc|key)_\w+/g, "ID")).sort();
  expect(cells).toEqual([
    `2026-10-31,ID,'=ann@example.org,Lab,ID,'+1,'@cmd|x,1,0,10,1`,
    `2026-10-31,ID,'=ann@example.org,Lab,ID,own key,"a,""b""",1,0,10,1`,
    `2026-11-01,ID,'=ann@example.org,Lab,ID,own key,"a,""b""",1,0,10,1`,
  ]);
  const refused = await app.ask<ErrorView>(`${route}&scope=all`, { token: ann.session });
  expect(refused.json.error.code).toBe("admin_required");
});

test("administrators get everyone's rows, deleted accounts' too, by whatever they name", async () => {
  const rows = async (query: string) => (await exported(admin, query)).slice(1).sort();
  expect(await rows("by=account")).toEqual([
    expect.stringMatching(/^acc_\w*ann\w*,'=ann@example.org,3,0,30,3$/),
    expect.stringMatching(/^acc_gone\w*,deleted account,1,0,10,1$/),
  ]);
  expect(await rows("by=day")).toEqual(["2026-10-31,3,0,30,3", "2026-11-01,1,0,10,1"]);
  expect(await rows("by=group")).toEqual(["Lab,3,0,30,3"]);
  expect(await rows("by=model&scope=own")).toEqual([]);
  const json = await exported(admin, "by=model&format=jsonl");
  expect(json.map((line) => JSON.parse(line) as object)).toContainEqual({
    model: "@cmd|x",
    calls: 1,
    errors: 0,
    prompt_tokens: 10,
    completion_tokens: 1,
  });
});

test("days are those of the zone", async () => {
  expect((await exported(ann, "by=day&zone=Asia/Shanghai")).slice(1))
    .toEqual(["2026-11-01,3,0,30,3"]);
  expect((await exported(ann, "by=day&zone=America/New_York")).slice(1))
    .toEqual(["2026-10-31,3,0,30,3"]);
});

test("what cannot be exported is refused before the table begins", async () => {
  for (const query of ["by=price", "from=5&to=4", "from=0", "zone=Mars", "format=xlsx"]) {
    const { status, json } = await app.ask<ErrorView>(`GET /api/usage/export?${query}`, {
      token: ann.session,
    });
    expect([query, status, json.error.code]).toEqual([query, 400, "invalid_request"]);
    await app.clock.pass(30_000);
  }
});

test("a table is read as fast as it is taken, one page at a time, and ends with its reader", async () => {
  let read = 0;
  let isOver = false;
  async function* pages() {
    try {
      for (;;) {
        read++;
        yield await Promise.resolve([{ n: read }]);
      }
    } finally {
      isOver = true;
    }
  }
  const stream = await tableStream({ columns: ["n"], pages: pages() }, "jsonl");
  const reader = stream.getReader();
  await app.clock.pass(1000);
  expect(read).toBe(1);
  await reader.read();
  await reader.read();
  expect(read).toBe(3);
  await reader.cancel();
  expect(isOver).toBe(true);
});

test("a table that breaks off fails, so that no part is taken for the whole", async () => {
  async function* pages() {
    yield await Promise.resolve([{ n: 1 }]);
    throw new Error("the database is away");
  }
  const stream = await tableStream({ columns: ["n"], pages: pages() }, "csv");
  await expect(new Response(stream).text()).rejects.toThrow();
});

test("others have their turn before each page of a table", async () => {
  const row = {
    accountId: "a",
    at: 0,
    keyId: "",
    model: "m",
    calls: 1,
    errors: 0,
    promptTokens: 1,
    completionTokens: 1,
  };
  const { store, groups, clock } = app.parts;
  let turns = 0;
  let next: ReturnType<typeof setImmediate>;
  const pass = () => {
    turns++;
    next = setImmediate(pass);
  };
  next = setImmediate(pass);
  const seen: number[] = [];
  const exported = ({ limit }: { limit: number }) => {
    seen.push(turns);
    // As SQLite does: without waiting for anything.
    return Promise.resolve(seen.length > 3 ? [] : Array.from({ length: limit }, () => row));
  };
  const usage = Object.assign(Object.create(store.usage) as typeof store.usage, { exported });
  const file = new UsageExport({
    store: { usage, users: store.users, keys: store.keys },
    groups,
    clock,
  }).file("a", { by: ["model"] });
  let rows = 0;
  for await (const page of file.pages) rows += page.length;
  clearImmediate(next);
  expect(rows).toBe(6000);
  expect(new Set(seen).size).toBe(4);
});
