/** The database or its network goes away, or a process is killed: calls go on, and nothing that was acknowledged is lost. */

import { Database } from "bun:sqlite";
import { beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { ErrorView } from "../protocol/api.ts";
import { freePort } from "../scripts/free_port.ts";
import { type Account, createAccount, login, register, signIn } from "./harness/account.ts";
import { type Answer, ask, chat, hello, stream } from "./harness/api.ts";
import { createDatabase, query } from "./harness/database.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { answerEveryCall, joinNode } from "./harness/joined_node.ts";
import { ledgerOf } from "./harness/ledger.ts";
import { type Network, networkTo } from "./harness/network.ts";
import { startNode } from "./harness/node.ts";
import { connectRawNode } from "./harness/raw_node.ts";
import { hang, startUpstream } from "./harness/upstream.ts";
import { until, within } from "./harness/wait.ts";

const JWT_SECRET = "0123456789abcdef".repeat(4);

/** Every question to the database has a deadline of 2 s; this is more, and far less than for ever. */
const BOUNDED_MS = 8000;

interface World {
  databaseUrl: string;
  network: Network;
  gateway: Gateway;
  /** Has called before: its key is known. */
  account: Account;
  /** The call that made it known. */
  firstId: string;
  /** Is registered, and was never heard of by this gateway since. */
  stranger: Account;
}

/** A gateway whose database is behind a network, a node that answers, and two accounts. */
async function startWorld(): Promise<World> {
  const databaseUrl = await createDatabase();
  const network = await networkTo(databaseUrl);
  const gateway = await startOn(network);
  const [account, stranger] = await Promise.all([createAccount(gateway), createAccount(gateway)]);
  await serve(gateway, account);
  const firstId = await call(gateway, account);
  return { databaseUrl, network, gateway, account, firstId, stranger };
}

const startOn = (network: { url: string }, dataDir?: string) =>
  startGateway({ env: { DATABASE_URL: network.url, JWT_SECRET }, ...(dataDir && { dataDir }) });

async function serve(gateway: Gateway, owner: Account): Promise<void> {
  answerEveryCall(await joinNode({ gateway, owner, models: ["m"], maxParallel: 100 }));
}

/** A call that must be served; its id is that of its ledger row. */
async function call(gateway: Gateway, { apiToken }: Account): Promise<string> {
  const answer = await within("an answer", chat(gateway, apiToken, hello("m")), BOUNDED_MS);
  expect(answer.status).toBe(200);
  return answer.headers.get("x-request-id")!;
}

async function calls(count: number, gateway: Gateway, account: Account): Promise<string[]> {
  return await Promise.all(Array.from({ length: count }, () => call(gateway, account)));
}

/** Resolves once the ledger is just these rows, in whatever order. */
async function ledgerIs({ databaseUrl }: World, ids: readonly string[]): Promise<void> {
  const sorted = ids.toSorted();
  await until(`the ledger has ${ids.length} rows`, async () => {
    const rows = await query<{ id: string }>(databaseUrl, "select id from ledger");
    return rows.length >= ids.length;
  });
  const rows = await query<{ id: string }>(databaseUrl, "select id from ledger order by id");
  expect(rows.map(({ id }) => id)).toEqual(sorted);
}

async function expectTotals({ databaseUrl, account }: World, calls: number): Promise<void> {
  const [row] = await query<Record<string, unknown>>(
    databaseUrl,
    `select total_api_calls, total_provided_calls from accounts where id = '${account.user.id}'`,
  );
  expect(row).toEqual({ total_api_calls: String(calls), total_provided_calls: String(calls) });
}

/** Resolves once every ended call is in the database or on disk. */
async function acknowledged(gateway: Gateway): Promise<void> {
  await until("nothing is pending", async () => {
    const { text } = await ask(`${gateway.url}/metrics`);
    return /^colink_ledger_pending 0$/m.test(text);
  });
}

const readiness = (gateway: Gateway) => ask<{ status: string }>(`${gateway.url}/readyz`);

async function ready(gateway: Gateway): Promise<void> {
  await until("all is well again", async () => (await readiness(gateway)).json.status === "ok");
}

async function expectUnavailable(answering: Promise<Answer<ErrorView>>): Promise<void> {
  const answer = await within("an answer", answering, BOUNDED_MS);
  expect(answer.status).toBe(503);
  expect(answer.json.error.code).toBe("store_unavailable");
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
}

/** What needs the database says so, and when to come again; nobody is taken for unknown. */
async function expectNothingWithoutDatabase({ gateway, account, stranger }: World) {
  const { url } = gateway;
  await Promise.all([
    chat(gateway, stranger.apiToken, hello("m")),
    ask(`${url}/v1/models`, { token: stranger.apiToken }),
    ask(`${url}/ws`, { headers: { "client-token": stranger.clientToken } }),
    ask(`${url}/api/user/me`, { token: account.jwt }),
    // As often as would shut out who types a wrong password.
    ...Array.from({ length: 6 }, () => login(gateway, account.email, account.password)),
    register(gateway, "new@example.com", "a good long password"),
  ].map(expectUnavailable));
}

const outages: [name: string, begin: (network: Network) => void][] = [
  ["cut off", (network) => network.cut()],
  ["frozen", (network) => network.freeze()],
];

for (const [name, begin] of outages) {
  describe(`while PostgreSQL is ${name}`, () => {
    let world: World;
    const ids: string[] = [];

    beforeAll(async () => {
      world = await startWorld();
      ids.push(world.firstId, ...await calls(3, world.gateway, world.account));
      begin(world.network);
    }, 60_000);

    test("known keys are served, on open and on new sockets, and unknown ones get 503", async () => {
      const { gateway, account } = world;
      ids.push(...await calls(5, gateway, account));
      await expectNothingWithoutDatabase(world);
      const again = await connectRawNode({ gateway, token: account.clientToken });
      await again.close();
      ids.push(...await calls(5, gateway, account));
      const { status, json } = await readiness(gateway);
      expect(status).toBe(200);
      expect(json.status).toBe("degraded");
    });

    test("a stream that runs is not disturbed", async () => {
      const { gateway, account } = world;
      const node = await joinNode({ gateway, owner: account, models: ["streaming"] });
      const answering = stream(gateway, account.apiToken, hello("streaming"));
      const callId = await node.called();
      node.say(callId, "one");
      const { response, events } = await answering;
      await acknowledged(gateway);
      node.say(callId, "two");
      node.finish(callId);
      expect((await Array.fromAsync(events)).at(-1)).toBe("[DONE]");
      ids.push(response.headers.get("x-request-id")!);
    });

    test("nothing is lost: once it is back, every call is there, once, and so are the totals", async () => {
      const { gateway, network, account, stranger } = world;
      await acknowledged(gateway);
      network.mend();
      await ready(gateway);
      ids.push(...await calls(3, gateway, account));
      await ledgerIs(world, ids);
      await expectTotals(world, ids.length);
      const { user } = await signIn(gateway, account.email, account.password);
      expect(user.total_api_calls).toBe(ids.length);
      expect((await ask(`${gateway.url}/v1/models`, { token: stranger.apiToken })).status)
        .toBe(200);
    });
  });
}

describe("what was acknowledged while PostgreSQL was away", () => {
  const endings: [what: string, end: (world: World) => Promise<void>][] = [
    ["a stop of the gateway", async ({ gateway }) => {
      expect(await gateway.stop()).toBe(0);
    }],
    ["a stop of the gateway that waits for an answer", async ({ gateway, network }) => {
      network.mend();
      network.freeze();
      expect(await gateway.stop()).toBe(0);
    }],
    ["a crash of the gateway", async ({ gateway }) => {
      await acknowledged(gateway);
      await gateway.kill();
    }],
  ];
  for (const [what, end] of endings) {
    test(`survives ${what}, and is in the database once after the next start`, async () => {
      const world = await startWorld();
      const { gateway, network, account, firstId } = world;
      await ledgerIs(world, [firstId]);
      network.cut();
      const ids = [firstId, ...await calls(20, gateway, account)];
      await end(world);
      await ledgerIs(world, [firstId]);
      expect(spools(gateway)).toHaveLength(1);

      network.mend();
      const next = await startOn(network, gateway.dataDir);
      await ledgerIs(world, ids);
      await expectTotals(world, ids.length);
      await until("nothing is left on disk", () => spools(next).length === 0);
      await next.stop();
      await (await startOn(network, gateway.dataDir)).stop();
      await expectTotals(world, ids.length);
    });
  }
});

test("gateways that start at once on an empty database all come up, with the same accounts", async () => {
  const database = { url: await createDatabase() };
  const gateways = await Promise.all([startOn(database), startOn(database), startOn(database)]);
  const account = await createAccount(gateways[0]);
  for (const gateway of gateways) {
    const answer = await ask(`${gateway.url}/v1/models`, { token: account.apiToken });
    expect(answer.status).toBe(200);
  }
});

test("with a full disk calls go on, what must be stored gets 503, and nothing is lost once there is room", async () => {
  const first = await startGateway();
  const account = await createAccount(first);
  await first.stop();
  // No file may grow beyond this many half KiB: to SQLite the disk is full.
  const through = ["sh", "-c", `ulimit -S -f 250; exec "$@"`, "sh"];
  const { dataDir } = first;
  const gateway = await startGateway({ through, dataDir });
  await serve(gateway, account);
  const ids: string[] = [];
  await until("the disk is full", async () => {
    ids.push(...await calls(5, gateway, account));
    await acknowledged(gateway);
    return spools(gateway).length > 0;
  });
  await expectUnavailable(register(gateway, "new@example.com", "a good long password"));
  ids.push(...await calls(20, gateway, account));
  expect(await gateway.stop()).toBe(0);
  expect(integrity(gateway)).toBe("ok");

  const next = await startGateway({ dataDir });
  await until("all are there", () => ledgerOf(next, "m").length >= ids.length);
  expect(ledgerOf(next, "m").map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  const { user } = await signIn(next, account.email, account.password);
  expect(user.total_api_calls).toBe(ids.length);
});

test("after a crash in the middle of calls SQLite is whole, what was written stays, and the node comes back", async () => {
  const env = { PORT: String(freePort()) };
  const gateway = await startGateway({ env });
  const account = await createAccount(gateway);
  const upstream = startUpstream({ slow: hang() });
  const models = ["quick", "slow"].map((local) => ({ local, server_mapping: local }));
  await startNode({
    gateway,
    clientToken: account.clientToken,
    maxParallel: 20,
    providers: [{ type: "openai", api_key: "sk-upstream", base_url: upstream.url, models }],
  });
  const quick = () => chat(gateway, account.apiToken, hello("quick"));
  for (let i = 0; i < 5; i++) expect((await quick()).status).toBe(200);
  const written = await until("some calls are written", () => {
    const rows = ledgerOf(gateway, "quick");
    return rows.length > 0 && rows;
  });
  const cutOff = Promise.allSettled(
    Array.from({ length: 3 }, () => chat(gateway, account.apiToken, hello("slow"))),
  );
  const others = Promise.allSettled(Array.from({ length: 10 }, () => quick()));
  await until("the slow calls run", () => upstream.active >= 3);
  await gateway.kill();
  for (const { status } of await cutOff) expect(status).toBe("rejected");
  await others;

  const next = await startGateway({ env, dataDir: gateway.dataDir });
  expect(integrity(next)).toBe("ok");
  const ids = ledgerOf(next, "quick").map(({ id }) => id);
  expect(ids).toEqual(expect.arrayContaining(written.map(({ id }) => id)));
  expect(new Set(ids).size).toBe(ids.length);
  const { user } = await signIn(next, account.email, account.password);
  expect(user.total_api_calls).toBe(ids.length);

  await until("the node is back", async () => (await quick()).status === 200);
  await until("its upstream was told to stop", () => upstream.active === 0);
});

/** What lies on disk for the database to take. */
function spools({ dataDir }: Gateway): string[] {
  return readdirSync(dataDir).filter((name) => name.includes("spool"));
}

function integrity({ dataDir }: Gateway): unknown {
  const database = new Database(join(dataDir, "colink.db"));
  try {
    return database.query<{ integrity_check: string }, []>("pragma integrity_check").get()
      ?.integrity_check;
  } finally {
    database.close();
  }
}
