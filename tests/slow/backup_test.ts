/** `server backup`, `restore` and `migrate` on gateways that run: nothing is lost, nothing is overwritten. */

import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import postgres from "postgres";
import type { UserView } from "../../api/mod.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { ask, chat, hello } from "../harness/api.ts";
import { createDatabase } from "../harness/database.ts";
import { temporaryFolder } from "../harness/cleanup.ts";
import { type Gateway, runGateway, startGateway } from "../harness/gateway.ts";
import { answerEveryCall, joinNode } from "../harness/joined_node.ts";
import { until } from "../harness/wait.ts";

const secret = "0123456789abcdef".repeat(4);

/** Makes accounts and calls, and resolves with one account once its calls are counted. */
async function fill(gateway: Gateway): Promise<Account> {
  const account = await createAccount(gateway);
  const node = await joinNode({ gateway, owner: account, models: ["m"] });
  answerEveryCall(node);
  for (let i = 0; i < 5; i++) await chat(gateway, account.apiToken, hello("m"));
  await until("the calls are counted", async () => (await countsOf(gateway, account)) === "5 5");
  return account;
}

/** Calls made and served. By the session: signing in would cost a password's hash each time. */
async function countsOf(gateway: Gateway, { jwt }: Account): Promise<string> {
  const { json: { user } } = await ask<{ user: UserView }>(`${gateway.url}/api/user/me`, {
    token: jwt,
  });
  return `${user.total_api_calls} ${user.total_provided_calls}`;
}

/** The account is there as it was, with its session and the same key. */
async function expectSame(gateway: Gateway, account: Account): Promise<void> {
  expect(await countsOf(gateway, account)).toBe("5 5");
  const models = await ask(`${gateway.url}/v1/models`, { token: account.apiToken });
  expect(models.status).toBe(200);
}

/** Runs a command that must end with this code, and say this. Resolves with what it said. */
async function expectRun(
  words: readonly string[],
  [code, said]: readonly [code: number, said: string],
  options: { dataDir: string; env?: Record<string, string> },
): Promise<string> {
  const outcome = await runGateway(words, options);
  expect([outcome.code, outcome.output]).toEqual([code, expect.stringContaining(said)]);
  return outcome.output;
}

describe("on SQLite", () => {
  let gateway: Gateway;
  let account: Account;
  beforeAll(async () => {
    gateway = await startGateway();
    account = await fill(gateway);
  }, 180_000);

  test("a backup of a running gateway fills another data folder, secret included, and overwrites none", async () => {
    const file = join(temporaryFolder(), "backup");
    await expectRun(["backup", file], [0, "1 accounts and 5 calls"], gateway);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const before = readFileSync(file);
    await expectRun(["backup", file], [1, "it exists already"], gateway);
    expect(readFileSync(file).equals(before)).toBe(true);

    const dataDir = temporaryFolder();
    await expectRun(["restore", file], [0, "restored"], { dataDir });
    expect(readdirSync(dataDir).sort()).toEqual(["colink.db", "secret"]);
    await expectSame(await startGateway({ dataDir }), account);
    await expectRun(["restore", file], [1, "move it away first"], gateway);
    const env = { JWT_SECRET: secret };
    await expectRun(["restore", file], [1, "sealed under another secret"], {
      dataDir: temporaryFolder(),
      env,
    });
  });

  test("a running gateway moves to PostgreSQL, once", async () => {
    const to = await createDatabase();
    const said = await expectRun(["migrate", "--to", to], [0, "copied and compared"], gateway);
    expect(said).toContain("Stop the gateway now");
    const JWT_SECRET = readFileSync(join(gateway.dataDir, "secret"), "utf8").trim();
    const env = { DATABASE_URL: to, JWT_SECRET };
    const next = await startGateway({ env });
    await expectSame(next, account);
    await expectRun(["migrate", "--to", to], [1, "is not empty"], gateway);
    await expectSame(next, account);

    // And back: a backup of PostgreSQL, into PostgreSQL and into SQLite.
    const file = join(temporaryFolder(), "backup");
    await expectRun(["backup", file], [0, "1 accounts"], { ...next, env });
    const third = { ...env, DATABASE_URL: await createDatabase() };
    await expectRun(["restore", file], [0, "restored"], { ...next, env: third });
    await expectSame(await startGateway({ env: third }), account);
    const dataDir = temporaryFolder();
    await expectRun(["restore", file], [0, "restored"], { dataDir, env: { JWT_SECRET } });
    await expectSame(await startGateway({ dataDir, env: { JWT_SECRET } }), account);
  });

  test("a copy that differs from its source in one sum is not committed", async () => {
    const to = await createDatabase();
    const env = { DATABASE_URL: to, JWT_SECRET: secret };
    await (await startGateway({ env })).stop();
    const client = postgres(to, { max: 1, onnotice: () => {} });
    await client.unsafe(`
      create function altered() returns trigger language plpgsql as
        $$ begin new.status := new.status + 1; return new; end $$;
      create trigger alter_one before insert on ledger for each row execute function altered()`);
    await expectRun(["migrate", "--to", to], [1, "ledger differs from its copy"], gateway);
    expect(await client`select id from accounts`).toHaveLength(0);
    await client.end();
  });

  test("what cannot be read or reached is said, and nothing is left behind", async () => {
    const dataDir = temporaryFolder();
    const file = join(dataDir, "no-backup");
    writeFileSync(file, "hello");
    for (
      const [words, code, message] of [
        [["restore", join(dataDir, "none")], 1, "there is no such file"],
        [["restore", file], 1, "it is no backup of a gateway, or damaged"],
        [["backup", "/no/such/folder/file"], 1, "make the folder /no/such/folder first"],
        [["migrate", "--to", "mysql://x"], 2, "--to: expected postgres://"],
        [
          ["migrate", "--to", "postgres://u:canary@127.0.0.1:1/d"],
          1,
          "Cannot reach the account database",
        ],
        [["backup"], 2, "FILE"],
        [["backup", "a", "b"], 2, '"b": no such command or flag'],
      ] as const
    ) {
      const isRestore = words[0] === "restore";
      const said = await expectRun(words, [code, message], isRestore ? { dataDir } : gateway);
      expect(said).not.toContain("canary");
    }
    expect(existsSync(join(dataDir, "colink.db"))).toBe(false);
    expect(readdirSync(dataDir).filter((name) => name.startsWith(".co-link"))).toEqual([]);
  });
});
