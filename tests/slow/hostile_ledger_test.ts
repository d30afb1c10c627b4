/** Attacks on the books, and databases and disks that refuse: no row is lost, and no other account notices. */

import { expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { UsageView } from "../../api/mod.ts";
import { createAccount } from "../harness/account.ts";
import { ask, chat, hello } from "../harness/api.ts";
import { joinBystander, whileWatched, type Witnessed } from "../harness/bystander.ts";
import { whole } from "../harness/chunks.ts";
import { done } from "../harness/console_api.ts";
import { createDatabase, databases, query } from "../harness/database.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { answerEveryCall, joinNode } from "../harness/joined_node.ts";
import { acknowledged, spools } from "../harness/ledger.ts";
import { networkTo } from "../harness/network.ts";
import { connectRawNode } from "../harness/raw_node.ts";
import { serve, serveMany } from "../harness/served.ts";
import { until } from "../harness/wait.ts";

const JWT_SECRET = "0123456789abcdef".repeat(4);

interface Ready {
  status: string;
  checks: Record<string, string | number>;
}

const readiness = async ({ url }: Gateway) => (await ask<Ready>(`${url}/readyz`)).json;

/** The bystander was served all the while. */
function expectUnnoticed({ served, failures, grownMiB }: Witnessed): void {
  expect(failures).toEqual([]);
  expect(served).toBeGreaterThan(1);
  // Garbage that is not collected yet counts too, so that the bound leaves room for a busy machine.
  expect(grownMiB).toBeLessThan(320);
}

async function ledgerIds(databaseUrl: string, model: string): Promise<string[]> {
  const statement = `select id from ledger where model = '${model}' order by id`;
  return (await query<{ id: string }>(databaseUrl, statement)).map(({ id }) => id);
}

/** A gateway on PostgreSQL behind a network, whose known account's calls are answered at once. */
async function onPostgres(through: readonly string[] = []) {
  const databaseUrl = await createDatabase();
  const network = await networkTo(databaseUrl);
  const env = { DATABASE_URL: network.url, JWT_SECRET };
  const gateway = await startGateway({ env, through });
  const account = await createAccount(gateway);
  answerEveryCall(await joinNode({ gateway, owner: account, models: ["m"], maxParallel: 100 }));
  const ids = [await serve(gateway, account)];
  await until("the first call is written", async () => {
    return (await ledgerIds(databaseUrl, "m")).length === 1;
  });
  await until("nothing is on disk", async () => {
    return spools(gateway).length === 0 &&
      (await readiness(gateway)).checks.ledger_spooled === 0;
  });
  return { databaseUrl, network, env, gateway, account, ids };
}

for (const [name, settings] of databases) {
  test(
    `with ${name}, a node that reports absurd counts costs no account a row, and usage goes on`,
    async () => {
      const env = await settings();
      const gateway = await startGateway({ env });
      const liar = await createAccount(gateway);
      const bystander = await createAccount(gateway);
      await joinBystander(gateway, bystander);
      const node = await joinNode({ gateway, owner: liar, models: ["lies"], maxParallel: 100 });
      const most = Number.MAX_SAFE_INTEGER;
      const absurd = { ...whole("hi"), usage: { prompt_tokens: most, completion_tokens: most } };
      node.raw.socket.addEventListener("message", ({ data }) => {
        const { type, data: { request_id } } = JSON.parse(String(data));
        if (type === "CALL") node.raw.answer(request_id, [absurd]);
      });
      const calls = 1200;
      const seen = await whileWatched(gateway, bystander, async () => {
        for (let round = 0; round < calls / 40; round++) {
          await Promise.all(Array.from({ length: 40 }, async () => {
            expect((await chat(gateway, liar.apiToken, hello("lies"))).status).toBe(200);
          }));
        }
      });
      expectUnnoticed(seen);
      await acknowledged(gateway);
      const usage = await until("every call is counted", async () => {
        const usage = await done<UsageView>(gateway, liar, "GET /usage");
        return usage.total.calls >= calls && usage;
      });
      expect(usage.total).toMatchObject({ calls, errors: 0 });
      expect(usage.total.prompt_tokens).toBeLessThanOrEqual(calls * 10_000_000);
      const theirs = await until("the bystander's calls are counted", async () => {
        const usage = await done<UsageView>(gateway, bystander, "GET /usage");
        return usage.total.calls >= seen.served && usage;
      });
      expect(theirs.total.calls).toBe(seen.served);
      expect((await readiness(gateway)).status).toBe("ok");
    },
    180_000,
  );
}

test(
  "tables that are away while a backup is loaded cost no row, no known key and few log lines",
  async () => {
    const { databaseUrl, gateway, account, ids } = await onPostgres();
    const tables = ["ledger", "usage_fresh", "usage", "keys", "accounts", "nodes", "settings"];
    await query(databaseUrl, "create schema away");
    for (const table of tables) await query(databaseUrl, `alter table ${table} set schema away`);
    const errors = () => gateway.log.filter((line) => line.includes('"level":50')).length;
    const before = errors();
    for (let round = 0; round < 7; round++) ids.push(...await serveMany(20, gateway, account));
    await acknowledged(gateway);
    const away = await readiness(gateway);
    expect(away.status).toBe("degraded");
    expect(away.checks.store).toContain("42P01");
    expect(away.checks.ledger_spooled).toBe(140);
    expect(errors() - before).toBeLessThan(5);
    for (const table of tables) {
      await query(
        databaseUrl,
        `alter table away.${table} set schema public`,
      );
    }
    await until(
      "the gateway is ready again",
      async () => (await readiness(gateway)).status === "ok",
    );
    ids.push(await serve(gateway, account));
    await until("every call is in the ledger", async () => {
      return (await ledgerIds(databaseUrl, "m")).length >= ids.length;
    });
    expect(await ledgerIds(databaseUrl, "m")).toEqual(ids.toSorted());
    await until("no spool is left", () => spools(gateway).length === 0);
    expect((await readiness(gateway)).checks.ledger).toBe("ok");
  },
  180_000,
);

test(
  "with a full disk and no database, /readyz says so at once, and a crash loses no call",
  async () => {
    // The size to which a file may grow, in blocks of 512 bytes, stands for the size of the disk.
    const { databaseUrl, network, env, gateway, account, ids } = await onPostgres([
      "sh",
      "-c",
      `ulimit -S -f 8192; exec "$@"`,
      "sh",
    ]);
    expect(await readiness(gateway)).toMatchObject({ status: "ok", checks: { ledger: "ok" } });
    network.cut();
    const spool = join(gateway.dataDir, "ledger.spool.jsonl");
    writeFileSync(spool, "\n".repeat(8192 * 512));
    for (let round = 0; round < 15; round++) ids.push(...await serveMany(20, gateway, account));
    await acknowledged(gateway);
    const full = await readiness(gateway);
    expect(full.status).toBe("degraded");
    expect(full.checks.ledger).toBe("the data folder is full: no room is reserved for ended calls");
    expect(full.checks.ledger_spooled).toBe(300);
    await gateway.kill();
    rmSync(spool);

    network.mend();
    const next = await startGateway({ env, dataDir: gateway.dataDir });
    await until("every call is in the ledger", async () => {
      return (await ledgerIds(databaseUrl, "m")).length >= ids.length;
    });
    expect(await ledgerIds(databaseUrl, "m")).toEqual(ids.toSorted());
    expect(existsSync(join(next.dataDir, "ledger.reserve"))).toBe(true);
    expect((await readiness(next)).checks.ledger).toBe("ok");
  },
  180_000,
);

test(
  "a database that stops taking writes is noticed without a call, and /readyz does not wait for it",
  async () => {
    const { databaseUrl, gateway } = await onPostgres();
    const name = new URL(databaseUrl).pathname.slice(1);
    await query(databaseUrl, `alter database ${name} set default_transaction_read_only = on`);
    await query(
      databaseUrl,
      "select pg_terminate_backend(pid) from pg_stat_activity " +
        "where datname = current_database() and pid <> pg_backend_pid()",
    );
    await until("the gateway knows", async () => {
      const { checks } = await readiness(gateway);
      return String(checks.store).includes("25006");
    }, 180_000);
    expect((await ask(`${gateway.url}/metrics`)).text).toMatch(/^colink_store_up 0$/m);
    await query(
      process.env.TEST_DATABASE_URL!,
      `alter database ${name} reset default_transaction_read_only`,
    );
    await query(
      databaseUrl,
      "select pg_terminate_backend(pid) from pg_stat_activity " +
        "where datname = current_database() and pid <> pg_backend_pid()",
    );
    await until(
      "it is ready again",
      async () => (await readiness(gateway)).status === "ok",
      180_000,
    );
  },
  180_000,
);

test("dials under ever new identities write a bounded number of rows", async () => {
  const gateway = await startGateway({ env: { COLINK_REMEMBERED_NODES: "50" } });
  const stranger = await createAccount(gateway);
  const bystander = await createAccount(gateway);
  await joinBystander(gateway, bystander);
  const models = Array.from({ length: 1000 }, (_, i) => `model-${i}-${"x".repeat(100)}`);
  const seen = await whileWatched(gateway, bystander, async () => {
    for (let i = 0; i < 300; i++) {
      const register = { max_parallel: 1, models, node_id: crypto.randomUUID(), name: `n-${i}` };
      const node = await connectRawNode({ gateway, token: stranger.clientToken, register });
      node.send({ type: "PING" } as never);
      node.terminate();
      await node.closed;
    }
  });
  expectUnnoticed(seen);
  expect(await gateway.stop()).toBe(0);
  const bytes = readdirSync(gateway.dataDir).filter((name) => name.startsWith("colink.db"))
    .reduce((sum, name) => sum + statSync(join(gateway.dataDir, name)).size, 0);
  expect(bytes).toBeLessThan(16 * 1024 * 1024);
}, 180_000);

test(
  "a link that errs in every second frame, and an address that asks for nonsense, write few log lines",
  async () => {
    const gateway = await startGateway();
    const stranger = await createAccount(gateway);
    const bystander = await createAccount(gateway);
    await joinBystander(gateway, bystander);
    const lines = { calls: 0, others: 0, notices: 0 };
    // The harness keeps the newest lines alone.
    gateway.program.line((line) => {
      if (line.includes('"msg":"call"')) lines.calls++;
      else lines.others++;
      if (line.includes("too many log lines")) lines.notices++;
      return undefined;
    }, 60_000).catch(() => {});
    const seen = await whileWatched(gateway, bystander, async () => {
      const { raw } = await joinNode({ gateway, owner: stranger, models: ["stranger"] });
      const status = JSON.stringify({ type: "STATUS", data: { max_parallel: 1 } });
      for (let i = 0; i < 2000; i++) {
        raw.sendText(`{"type": ${i}`);
        raw.sendText(status);
      }
      for (let i = 0; i < 40; i++) {
        await Promise.all(Array.from({ length: 50 }, () => ask(`${gateway.url}/v1/nonsense`)));
      }
      raw.terminate();
      await raw.closed;
    });
    expectUnnoticed(seen);
    await gateway.stop();
    expect(lines.calls).toBeGreaterThanOrEqual(seen.served);
    // A budget of 600 a minute, and of two where a busy machine takes so long; it is about 6,000 lines without.
    expect(lines.others).toBeLessThan(1_500);
    expect(lines.notices).toBeGreaterThan(1);
  },
  180_000,
);
