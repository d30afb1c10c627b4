/** Outages of PostgreSQL or its network: calls go on, and no acknowledged call is lost or counted twice. */

import { beforeAll, describe, expect, test } from "bun:test";
import type { ErrorView } from "../../api/mod.ts";
import { type Account, createAccount, login, register, signIn } from "../harness/account.ts";
import { type Answer, ask, chat, hello, stream } from "../harness/api.ts";
import { createDatabase, query } from "../harness/database.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { answerEveryCall, joinNode } from "../harness/joined_node.ts";
import { acknowledged, spools } from "../harness/ledger.ts";
import { type Network, networkTo } from "../harness/network.ts";
import { connectRawNode } from "../harness/raw_node.ts";
import { BOUNDED_MS, serve, serveMany } from "../harness/served.ts";
import { until, within } from "../harness/wait.ts";

const JWT_SECRET = "0123456789abcdef".repeat(4);

interface World {
  databaseUrl: string;
  network: Network;
  gateway: Gateway;
  /** An account whose key the gateway remembers from a call. */
  account: Account;
  /** The id of that call. */
  firstId: string;
  /** An account whose key the gateway has not seen yet. */
  stranger: Account;
}

/** A gateway whose database is behind a network, a node that answers, and two accounts. */
async function startWorld(): Promise<World> {
  const databaseUrl = await createDatabase();
  const network = await networkTo(databaseUrl);
  const gateway = await startOn(network);
  const [account, stranger] = await Promise.all([createAccount(gateway), createAccount(gateway)]);
  answerEveryCall(await joinNode({ gateway, owner: account, models: ["m"], maxParallel: 100 }));
  const firstId = await serve(gateway, account);
  return { databaseUrl, network, gateway, account, firstId, stranger };
}

const startOn = (network: { url: string }, dataDir?: string) =>
  startGateway({ env: { DATABASE_URL: network.url, JWT_SECRET }, ...(dataDir && { dataDir }) });

/** Resolves once the ledger has exactly these rows, in any order. */
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

const readiness = (gateway: Gateway) => ask<{ status: string }>(`${gateway.url}/readyz`);

async function ready(gateway: Gateway): Promise<void> {
  await until(
    "the gateway is ready again",
    async () => (await readiness(gateway)).json.status === "ok",
  );
}

async function expectUnavailable(answering: Promise<Answer<ErrorView>>): Promise<void> {
  const answer = await within("an answer", answering, BOUNDED_MS);
  expect(answer.status).toBe(503);
  expect(answer.json.error.code).toBe("store_unavailable");
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
}

/** Requests that need the database get 503 with `retry-after`, and no valid token or password is refused. */
async function expectNothingWithoutDatabase({ gateway, account, stranger }: World) {
  const { url } = gateway;
  await Promise.all([
    chat(gateway, stranger.apiToken, hello("m")),
    ask(`${url}/v1/models`, { token: stranger.apiToken }),
    ask(`${url}/ws`, { headers: { "client-token": stranger.clientToken } }),
    ask(`${url}/api/user/me`, { token: account.jwt }),
    // So many wrong passwords would lock the sign-in.
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
      ids.push(world.firstId, ...await serveMany(3, world.gateway, world.account));
      begin(world.network);
    }, 180_000);

    test("known keys are served, on open and on new sockets, and unknown ones get 503", async () => {
      const { gateway, account } = world;
      ids.push(...await serveMany(5, gateway, account));
      await expectNothingWithoutDatabase(world);
      const again = await connectRawNode({ gateway, token: account.clientToken });
      await again.close();
      ids.push(...await serveMany(5, gateway, account));
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

    test("once it is back, every call is in the ledger once, and the totals count each", async () => {
      const { gateway, network, account, stranger } = world;
      await acknowledged(gateway);
      network.mend();
      await ready(gateway);
      ids.push(...await serveMany(3, gateway, account));
      await ledgerIs(world, ids);
      await expectTotals(world, ids.length);
      const { user } = await signIn(gateway, account.email, account.password);
      expect(user.total_api_calls).toBe(ids.length);
      expect((await ask(`${gateway.url}/v1/models`, { token: stranger.apiToken })).status)
        .toBe(200);
    });
  });
}

test("calls whose commit PostgreSQL could not confirm are written and counted once", async () => {
  const world = await startWorld();
  const { databaseUrl, gateway, network, account, firstId } = world;
  await ledgerIs(world, [firstId]);
  await noticeLedgerCommits(databaseUrl, "the ledger commits");
  network.freezeAt("the ledger commits");
  const ids = [firstId, ...await serveMany(5, gateway, account)];
  // All of them if they ended close together, else their first batch: the next one does not get through.
  await until("the first batch is committed", async () => {
    return (await query(databaseUrl, "select id from ledger")).length > 1;
  });
  // Without a confirmation the gateway keeps them on its disk, to write them again.
  await until("they are on disk", () => spools(gateway).length > 0);
  network.mend();
  await until("they are written again", () => spools(gateway).length === 0);
  ids.push(await serve(gateway, account));
  await ledgerIs(world, ids);
  await expectTotals(world, ids.length);
});

/** Makes the server send this notice during each commit to the ledger. */
async function noticeLedgerCommits(databaseUrl: string, words: string): Promise<void> {
  await query(
    databaseUrl,
    `create function notify_commit() returns trigger language plpgsql as
       $$ begin raise notice '${words}'; return null; end $$`,
  );
  await query(
    databaseUrl,
    `create constraint trigger notify_commit after insert on ledger deferrable initially deferred
       for each row execute function notify_commit()`,
  );
}

describe("a call that was acknowledged while PostgreSQL was away", () => {
  const endings: [what: string, end: (world: World) => Promise<void>][] = [
    ["a stop of the gateway", async ({ gateway }) => {
      expect(await gateway.stop()).toBe(0);
    }],
    ["a stop of the gateway while the database does not answer", async ({ gateway, network }) => {
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
      const ids = [firstId, ...await serveMany(20, gateway, account)];
      await end(world);
      await ledgerIs(world, [firstId]);
      expect(spools(gateway)).not.toEqual([]);

      network.mend();
      const next = await startOn(network, gateway.dataDir);
      await ledgerIs(world, ids);
      await expectTotals(world, ids.length);
      await until("the spool is empty", () => spools(next).length === 0);
      await next.stop();
      await (await startOn(network, gateway.dataDir)).stop();
      await expectTotals(world, ids.length);
    });
  }
});

test("gateways that start together on an empty database all start, with the same accounts", async () => {
  const database = { url: await createDatabase() };
  const gateways = await Promise.all([startOn(database), startOn(database), startOn(database)]);
  const account = await createAccount(gateways[0]);
  for (const gateway of gateways) {
    const answer = await ask(`${gateway.url}/v1/models`, { token: account.apiToken });
    expect(answer.status).toBe(200);
  }
});
