/** PostgreSQL outages: cut connections, a paused server, a server that refuses connections. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import { createServer, type Server, Socket } from "node:net";
import postgres from "postgres";
import { silentLog } from "../base/log.ts";
import { openStore } from "./open.ts";
import type { Store } from "./store.ts";
import { aKey, anAccount, anEntry } from "./testing/store_suite.ts";
import { type TestDatabase, testDatabase } from "./testing/postgres.ts";

/** Tests wait for it; a new connection takes less of it also while the machine is busy. */
const DEADLINE_MS = 1_000;

let database: TestDatabase;
let proxy: Proxy;
let store: Store;

beforeAll(async () => {
  database = await testDatabase();
  proxy = await Proxy.to(database.url);
  store = await openStore({
    databaseUrl: proxy.url,
    dataDir: "/nowhere",
    log: silentLog,
    deadlineMs: DEADLINE_MS,
  });
  await store.migrate();
});

afterAll(async () => {
  await store.close();
  proxy.close();
  await database.drop();
});

test("after all connections were cut, the next query succeeds", async () => {
  const account = anAccount();
  await store.addAccount(account, [aKey(account)]);
  await Promise.all(Array.from({ length: 20 }, () => store.isSetUp()));
  proxy.cut();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => store.accountById(account.id)),
  );
  expect(answers.every((answer) => answer?.id === account.id)).toBe(true);
});

test("queries under way when the connections are cut are repeated", async () => {
  const account = anAccount();
  await store.addAccount(account, []);
  proxy.pause();
  const answers = Array.from({ length: 20 }, () => store.accountById(account.id));
  await proxy.held();
  proxy.cut();
  proxy.resume();
  for (const answer of await Promise.all(answers)) expect(answer?.id).toBe(account.id);
});

test("a session that the server ends during a write costs an error, and never the process", async () => {
  const account = anAccount();
  await store.addAccount(account, []);
  const admin = postgres(database.url, { max: 1 });
  for (let round = 0; round < 10; round++) {
    // Settled from the start: a write that fails while the sessions are being ended is expected too.
    const writes = Promise.allSettled(
      Array.from({ length: 10 }, () => store.keys.rotate(aKey(account, { isDefault: true }))),
    );
    await admin`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`;
    for (const write of await writes) {
      if (write.status === "rejected") expect(write.reason.code).toBe("store_unavailable");
    }
  }
  await admin.end();
  await store.isSetUp();
  await store.keys.rotate(aKey(account, { isDefault: true }));
  expect(await store.keys.ofAccount(account.id)).toHaveLength(1);
});

test("a paused server costs queries their deadline, and is used again once it resumes", async () => {
  const account = anAccount();
  await store.addAccount(account, []);
  proxy.pause();
  const queries = Array.from({ length: 30 }, () => store.accountById(account.id));
  for (const answer of await Promise.allSettled(queries)) {
    expect(answer).toMatchObject({
      status: "rejected",
      reason: { code: "store_unavailable", retryAfterMs: expect.any(Number) },
    });
  }
  await expect(store.isSetUp()).rejects.toMatchObject({ code: "store_unavailable" });
  proxy.resume();
  expect((await store.accountById(account.id))?.id).toBe(account.id);
});

test("an entry whose write timed out and was repeated counts once", async () => {
  const account = anAccount();
  await store.addAccount(account, []);
  const entry = anEntry({ accountId: account.id });
  proxy.pause();
  await expect(store.writeLedger([entry])).rejects.toMatchObject({ code: "store_unavailable" });
  proxy.resume();
  await store.writeLedger([entry]);
  expect((await store.accountById(account.id))?.totalApiCalls).toBe(1);
});

test("a statement that waits for another session's lock ends by its deadline", async () => {
  const account = anAccount();
  await store.addAccount(account, []);
  const admin = postgres(database.url, { max: 1 });
  await admin.begin(async (transaction) => {
    await transaction`select 1 from accounts where id = ${account.id} for update`;
    await expect(store.users.change(account.id, { role: "admin" }))
      .rejects.toMatchObject({ code: "store_unavailable" });
  });
  await admin.end();
  await store.users.change(account.id, { role: "admin" });
});

test("a server that refuses connections is unavailable at once, and used again once it is back", async () => {
  proxy.refuse();
  await expect(store.isSetUp()).rejects.toMatchObject({ code: "store_unavailable" });
  await expect(store.keys.byDigest("x")).rejects.toMatchObject({
    code: "store_unavailable",
    message: expect.not.stringContaining("127.0.0.1"),
  });
  await proxy.accept();
  await store.isSetUp();
});

test("a thousand queries wait for a paused server, and the next one is refused at once", async () => {
  proxy.pause();
  const waiting = Promise.allSettled(Array.from({ length: 1000 }, () => store.isSetUp()));
  await expect(store.isSetUp()).rejects.toThrow(/too many queries/);
  await waiting;
  proxy.resume();
  await store.isSetUp();
});

test("a table that is missing while a backup is loaded is an outage, and ends when it is back", async () => {
  const account = anAccount();
  const key = aKey(account);
  await store.addAccount(account, [key]);
  const entry = anEntry({ accountId: account.id });
  const admin = postgres(database.url, { max: 1 });
  await admin`alter table ledger rename to ledger_away`;
  await admin`alter table keys rename to keys_away`;
  await expect(store.writeLedger([entry])).rejects.toMatchObject({ code: "store_unavailable" });
  await expect(store.keys.ofAccount(account.id))
    .rejects.toMatchObject({ code: "store_unavailable", state: expect.stringContaining("42P01") });
  await expect(store.probe()).rejects.toMatchObject({ code: "store_unavailable" });
  expect(store.trouble).toContain("42P01");
  await admin`alter table ledger_away rename to ledger`;
  await admin`alter table keys_away rename to keys`;
  await store.probe();
  expect(store.trouble).toBeNull();
  expect(await store.keys.ofAccount(account.id)).toHaveLength(1);
  await store.writeLedger([entry]);
  // Statements that were prepared for the table as it was are prepared again.
  await admin`alter table keys add column later text`;
  expect(await store.keys.ofAccount(account.id)).toHaveLength(1);
  await admin`alter table keys drop column later`;
  expect(await store.keys.ofAccount(account.id)).toHaveLength(1);
  await admin.end();
});

test("a read that succeeds does not hide that writes are refused", async () => {
  const admin = postgres(database.url, { max: 1 });
  const name = new URL(database.url).pathname.slice(1);
  await admin.unsafe(`alter database ${name} set default_transaction_read_only = on`);
  const readOnly = await openStore({
    databaseUrl: database.url,
    dataDir: "/nowhere",
    log: silentLog,
    deadlineMs: DEADLINE_MS,
  });
  await readOnly.isSetUp();
  expect(readOnly.trouble).toBeNull();
  await expect(readOnly.probe()).rejects.toMatchObject({ code: "store_unavailable" });
  await readOnly.isSetUp();
  expect(readOnly.trouble).toContain("25006");
  await readOnly.close();
  await admin.unsafe(`alter database ${name} reset default_transaction_read_only`);
  await admin.end();
});

test("a row that the database refuses by itself is no outage", async () => {
  // What an outage has left ends.
  await store.probe();
  const entry = anEntry({ status: 2 ** 60 * 1000 });
  await expect(store.writeLedger([entry])).rejects.not.toMatchObject({ code: "store_unavailable" });
  expect(store.trouble).toBeNull();
});

/** A TCP proxy that can cut, pause and refuse connections. */
class Proxy {
  readonly #pairs = new Set<[Socket, Socket]>();
  #isPaused = false;
  #onHeld: () => void = () => {};

  private constructor(
    private readonly target: URL,
    private readonly server: Server,
    readonly url: string,
    private readonly port: number,
  ) {}

  static async to(url: string): Promise<Proxy> {
    const target = new URL(url);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const own = new URL(url);
    own.hostname = "127.0.0.1";
    own.port = String(port);
    const proxy = new Proxy(target, server, own.href, port);
    server.on("connection", (near) => proxy.#join(near));
    return proxy;
  }

  #join(near: Socket): void {
    const far = new Socket().connect(Number(this.target.port || 5432), this.target.hostname);
    const pair: [Socket, Socket] = [near, far];
    this.#pairs.add(pair);
    const end = () => {
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const [from, to] of [[near, far], [far, near]] as const) {
      const held: Uint8Array[] = [];
      from.on("data", (bytes: Uint8Array) => {
        if (!this.#isPaused) return void to.write(bytes);
        held.push(bytes);
        this.#onHeld();
      });
      from.on("resume-held", () => held.splice(0).forEach((bytes) => to.write(bytes)));
      from.on("error", end).on("close", end);
    }
  }

  cut(): void {
    for (const pair of this.#pairs) pair.forEach((socket) => socket.resetAndDestroy());
  }

  pause(): void {
    this.#isPaused = true;
  }

  /** Resolves when the paused proxy receives bytes. */
  held(): Promise<void> {
    return new Promise((resolve) => this.#onHeld = resolve);
  }

  resume(): void {
    this.#isPaused = false;
    for (const pair of this.#pairs) pair.forEach((socket) => socket.emit("resume-held"));
  }

  refuse(): void {
    this.cut();
    this.server.close();
  }

  accept(): Promise<void> {
    return new Promise((resolve) => this.server.listen(this.port, "127.0.0.1", resolve));
  }

  close(): void {
    this.cut();
    this.server.close();
  }
}
