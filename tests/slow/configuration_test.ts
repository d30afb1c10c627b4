/** What an operator sets: mistakes are named, secrets kept, accounts made from the command line. */

import { Database } from "bun:sqlite";
import { beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../scripts/free_port.ts";
import { createAccount, inviteCodeIn, register, rotateToken, signIn } from "../harness/account.ts";
import { ask } from "../harness/api.ts";
import { endAfterTests, temporaryFolder } from "../harness/cleanup.ts";
import { createDatabase, query } from "../harness/database.ts";
import { type Gateway, runGateway, startGateway } from "../harness/gateway.ts";

/** One that runs, with settings that are right. */
let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
}, 180_000);

describe("a start with settings that are wrong", () => {
  test("names each of them with what was expected, shows no secret, and ends with 2", async () => {
    const { code, output } = await runGateway([], {
      env: {
        PORT: "eighty",
        DATABASE_URL: "mysql://root:password-canary@db/colink",
        REDIS_URL: "redis://:password-canary@db:notaport",
        JWT_SECRET: "secret-canary",
        COLINK_DEFAULT_RPM: "-1",
        COLINK_REGISTRATION: "sometimes",
        COLINK_DRAIN_SECONDS: "soon",
        COLINK_TRUSTED_PROXIES: "10.0.0.0/8, the-proxy",
        COLINK_LOG_LEVLE: "debug",
      },
    });
    expect(code).toBe(2);
    expect(output.split("\n")).toEqual([
      "Cannot start:",
      `  PORT="eighty": expected a number from 0 to 65535`,
      expect.stringMatching(/^ {2}COLINK_TRUSTED_PROXIES=.*: expected addresses or CIDRs/),
      expect.stringMatching(/^ {2}DATABASE_URL=\(not shown\): expected postgres:\/\//),
      expect.stringMatching(/^ {2}REDIS_URL=\(not shown\): the port of its host is no port/),
      `  COLINK_REGISTRATION="sometimes": expected one of open, invite, closed`,
      `  COLINK_DEFAULT_RPM="-1": expected a number from 0 to 1000000`,
      `  COLINK_DRAIN_SECONDS="soon": expected a number from 0 to 3600`,
      "  COLINK_LOG_LEVLE: no such setting; perhaps COLINK_LOG_LEVEL? --help lists all",
      expect.stringMatching(/^ {2}JWT_SECRET: shorter than 32 bytes/),
    ]);
    expect(output).not.toContain("canary");
  });

  test("names them in Chinese where the locale is Chinese", async () => {
    const { code, output } = await runGateway([], {
      env: { LANG: "zh_CN.UTF-8", PORT: "eighty", COLINK_LOG_LEVLE: "debug" },
    });
    expect(output.split("\n")).toEqual([
      "无法启动：",
      `  PORT="eighty": 应为 0 到 65535 的数`,
      "  COLINK_LOG_LEVLE：没有这个设置；是否应为 COLINK_LOG_LEVEL？--help 列出全部",
    ]);
    expect(code).toBe(2);
  });

  test("refuses a database URL that no driver can read, and does not repeat its password", async () => {
    const { code, output } = await runGateway([], {
      env: { DATABASE_URL: "postgres://colink:password-canary@db:notaport/colink" },
    });
    const problem = "DATABASE_URL=(not shown): the port of its host is no port";
    expect(output).toStartWith(`Cannot start:\n  ${problem}`);
    expect(output).not.toContain("canary");
    expect(code).toBe(2);
  });

  test("refuses the secret of an example", async () => {
    const { code, output } = await runGateway([], { env: { JWT_SECRET: "changeme".repeat(4) } });
    expect(output).toContain("JWT_SECRET: a value from an example");
    expect(code).toBe(2);
  });
});

describe("a start that cannot be", () => {
  test("on a port that is taken says so in one line and ends with 1", async () => {
    const { port } = new URL(gateway.url);
    const { code, output } = await runGateway([], { env: { PORT: port } });
    expect(output).toBe(
      `Cannot listen on port ${port}: the port is taken; set PORT to another one, or 0 for a free one`,
    );
    expect(code).toBe(1);
  });

  test("on an address of another machine says so in one line and ends with 1", async () => {
    const { code, output } = await runGateway([], { env: { COLINK_HOST: "203.0.113.1" } });
    expect(output).toBe(
      "Cannot listen: this machine has no such address; set COLINK_HOST to one that it has",
    );
    expect(code).toBe(1);
  });

  test("with a database that is not there says which, and not its password", async () => {
    const { code, output } = await runGateway([], {
      env: {
        DATABASE_URL: "postgres://colink:password-canary@127.0.0.1:1/colink",
        JWT_SECRET: "0123456789abcdef".repeat(4),
      },
    });
    expect(output).toMatch(
      /^Cannot reach the account database: .*127\.0\.0\.1:1\)\nWhat to check: .* doctor$/,
    );
    expect(output).not.toContain("canary");
    expect(code).toBe(1);
  });

  test("with a database of a later version says so in one line", async () => {
    const url = await createDatabase();
    const env = { DATABASE_URL: url, JWT_SECRET: "0123456789abcdef".repeat(4) };
    await (await startGateway({ env })).stop();
    await query(url, "update colink_schema set version = 1000");
    const { code, output } = await runGateway([], { env });
    expect(output).toMatch(/^Cannot use the database: its schema is version 1000, .*$/);
    expect(code).toBe(1);
  });
});

describe("a command line that is wrong", () => {
  const cases: [words: string[], named: string][] = [
    [["--prot", "1"], `"--prot": no such command or flag`],
    [["srve"], `"srve": no such command or flag`],
    [["admin"], "No command specified"],
    [["admin", "creat"], `"creat": no such command or flag`],
    [["admin", "create"], "Missing required argument: --email"],
    [
      ["admin", "create", "--email", "a@example.com", "--password", "x"],
      `"--password": no such command or flag`,
    ],
    [["admin", "invite", "--days", "0"], "--days=0: expected a number above 0"],
  ];
  for (const [words, named] of cases) {
    test(`is refused by name: ${words.join(" ")}`, async () => {
      const { code, output } = await runGateway(words, { input: "" });
      expect(output).toContain(named);
      expect(output).not.toContain("    at ");
      expect(code).toBe(2);
    });
  }
});

test("--help lists every setting that the source reads, with default, unit and meaning", async () => {
  const { code, output } = await runGateway(["--help"]);
  expect(code).toBe(0);
  const rows = new Map(
    output.split("\n").filter((line) => /^ {2}[A-Z_]+ /.test(line))
      .map((line) => line.trim().split(/ {2,}/)).map(([name = "", ...rest]) => [name, rest]),
  );
  for (const row of rows.values()) expect(row).toHaveLength(3);
  expect(rows.get("PORT")).toEqual(["(unset)", "port", expect.stringContaining("8080")]);
  expect(rows.get("COLINK_DEFAULT_RPM")?.[0]).toBe("60");
  expect(rows.get("COLINK_DRAIN_SECONDS")?.slice(0, 2)).toEqual(["120", "s"]);
  const names = ["DATABASE_URL", "REDIS_URL", "JWT_SECRET", "COLINK_DATA_DIR", "PORT"];
  expect([...rows.keys()]).toEqual(expect.arrayContaining(names));
});

describe("the secret that was not set", () => {
  test("is made once, for its owner's eyes only, and keeps tokens and sessions good over a restart", async () => {
    const first = await startGateway();
    const account = await createAccount(first);
    const file = join(first.dataDir, "secret");
    const secret = readFileSync(file, "utf8");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(secret.trim().length).toBeGreaterThanOrEqual(64);
    expect(await first.stop()).toBe(0);

    const second = await startGateway({ dataDir: first.dataDir });
    expect(readFileSync(file, "utf8")).toBe(secret);
    expect((await ask(`${second.url}/v1/models`, { token: account.apiToken })).status).toBe(200);
    const me = await ask<{ user: unknown }>(`${second.url}/api/user/me`, { token: account.jwt });
    expect(me.json.user).toEqual(account.user);
  });

  test("is the same for programs that start at the same moment", async () => {
    const dataDir = temporaryFolder();
    // Commands take no part in the lock by which one gateway has the folder.
    const [gateway, ...setups] = await Promise.all([
      startGateway({ dataDir }),
      ...[1, 2, 3].map(() => runGateway(["admin", "setup"], { dataDir })),
    ]);
    const codes = setups.map(({ output }) => /setup#(\S+)/.exec(output)?.[1] ?? output);
    for (const code of codes.slice(1)) expect(code).toBe(codes[0]!);
    const first = { code: codes[0], email: "op@example.com", password: "correct horse battery" };
    const { status } = await ask(`${gateway.url}/api/setup`, {
      method: "POST",
      body: JSON.stringify(first),
      headers: { "content-type": "application/json" },
    });
    expect(status).toBe(200);
  });

  test("that was lost voids tokens and sessions, and a new sign-in gets new tokens by rotation", async () => {
    const first = await startGateway();
    const account = await createAccount(first);
    await first.stop();
    const dataDir = temporaryFolder();
    copyFileSync(join(first.dataDir, "colink.db"), join(dataDir, "colink.db"));

    const second = await startGateway({ dataDir });
    expect((await ask(`${second.url}/v1/models`, { token: account.apiToken })).status).toBe(401);
    expect((await ask(`${second.url}/api/user/me`, { token: account.jwt })).status).toBe(401);
    const again = await signIn(second, account.email, account.password);
    expect(again.apiToken).toBe("");
    const rotated = await rotateToken(second, again, "api");
    expect((await ask(`${second.url}/v1/models`, { token: rotated.apiToken })).status).toBe(200);
  });
});

describe("an administrator", () => {
  test("is not there until somebody makes one: a fresh gateway has no account at all", async () => {
    const { dataDir } = await startGateway();
    const database = new Database(join(dataDir, "colink.db"), { readonly: true });
    expect(database.query("select * from accounts").all()).toEqual([]);
    expect(database.query("select * from invites").all()).toEqual([]);
    database.close();
  });

  test("is made from the command line, with the password from standard input, beside a running gateway", async () => {
    const email = "admin@example.com";
    const { code, output } = await runGateway(["admin", "create", "--email", email], {
      dataDir: gateway.dataDir,
      input: "a good long password\n",
    });
    expect(output).toContain(email);
    expect(output).not.toContain("a good long password");
    expect(code).toBe(0);
    const { user } = await signIn(gateway, email, "a good long password");
    expect(user.role).toBe("admin");
  });

  test("is not made with a bad password, nor with an address that has an account", async () => {
    const { email } = await createAccount(gateway);
    const create = (address: string, input: string) =>
      runGateway(["admin", "create", "--email", address], { dataDir: gateway.dataDir, input });
    const short = await create("new@example.com", "short");
    expect(short.output).toMatch(/^Cannot take this password: .*$/);
    expect(short.code).toBe(1);
    const taken = await create(email, "a good long password");
    expect(taken.output).toMatch(/^Cannot register: .* has an account already.*$/);
    expect(taken.code).toBe(1);
  });

  test("gives an account a new password, which ends the sessions of the old one", async () => {
    const { email, jwt } = await createAccount(gateway);
    const me = () => ask(`${gateway.url}/api/user/me`, { token: jwt });
    expect((await me()).status).toBe(200);
    const { code, output } = await runGateway(["admin", "password", "--email", email], {
      dataDir: gateway.dataDir,
      input: "another good password\n",
    });
    expect(output).not.toContain("another good password");
    expect(code).toBe(0);
    expect((await me()).status).toBe(401);
    await signIn(gateway, email, "another good password");
  });

  test("cannot be made by registering, whatever is sent along", async () => {
    const more = { role: "admin", is_admin: true, id: "acc_1" };
    await register(gateway, "new@example.com", "a good long password", more);
    const { user } = await signIn(gateway, "new@example.com", "a good long password");
    expect(user.role).toBe("user");
    expect(user.id).not.toBe("acc_1");
  });
});

describe("registration", () => {
  const password = "a good long password";

  test("by invite lets one account in for each code, and none without", async () => {
    const gateway = await startGateway({ env: { COLINK_REGISTRATION: "invite" } });
    const { dataDir } = gateway;
    const refused = async (email: string, invite?: string) => {
      const answer = await register(gateway, email, password, { invite });
      expect(answer.status).toBe(403);
      expect(answer.json.error.code).toBe("invite_required");
    };
    await refused("first@example.com");
    await refused("first@example.com", "invite-nobodymadethisone");
    const code = inviteCodeIn((await runGateway(["admin", "invite"], { dataDir })).output);
    const used = await register(gateway, "first@example.com", password, { invite: code });
    expect(used.status).toBe(200);
    await refused("second@example.com", code);
    expect((await signIn(gateway, "first@example.com", password)).user.role).toBe("user");
    const { output: expired } = await runGateway(["admin", "invite", "--days", "0.0000000001"], {
      dataDir,
    });
    await refused("third@example.com", inviteCodeIn(expired));
  });

  test("by invite keeps the code good when the account could not be made with it", async () => {
    const gateway = await startGateway({ env: { COLINK_REGISTRATION: "invite" } });
    const { dataDir } = gateway;
    const first = inviteCodeIn((await runGateway(["admin", "invite"], { dataDir })).output);
    const invite = inviteCodeIn((await runGateway(["admin", "invite"], { dataDir })).output);
    await register(gateway, "first@example.com", password, { invite: first });
    const taken = await register(gateway, "first@example.com", password, { invite });
    expect(taken.json.error.code).toBe("email_taken");
    expect((await register(gateway, "second@example.com", password, { invite })).status).toBe(200);
  });

  test("that is closed lets no one in, and says so", async () => {
    const gateway = await startGateway({ env: { COLINK_REGISTRATION: "closed" } });
    const answer = await register(gateway, "first@example.com", password);
    expect(answer.status).toBe(403);
    expect(answer.json.error.code).toBe("registration_closed");
  });
});

describe("server doctor", () => {
  test("finds nothing wrong with a gateway that serves, and names what is not set up", async () => {
    const port = freePort();
    const { dataDir } = await startGateway({ env: { PORT: String(port) } });
    // The shell of the doctor need not have the gateway's PORT.
    const env = { PORT: String(freePort()), JWT_SECRET: "canary-".repeat(8) };
    const { code, output } = await runGateway(["doctor", "--report"], { dataDir, env });
    expect(code).toBe(0);
    expect(output).toContain(`✓ gateway: ready at http://127.0.0.1:${port}`);
    expect(output).toMatch(/✓ database: SQLite in \S+ takes writes/);
    expect(output).toMatch(/! downloads: no node programs in .*\n\s+→ copy bin\/downloads there/);
    expect(output).not.toContain("canary");
  });

  test("names cause and cure of each part that fails, and looks at the others all the same", async () => {
    const port = freePort();
    // Its clock is a day ahead; the answer comes from a cache, which has had it for an hour.
    const date = () => new Date(Date.now() + 86_400_000 - 3_600_000).toUTCString();
    const issuer = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () => new Response(null, { status: 500, headers: { date: date(), age: "3600" } }),
    });
    endAfterTests(() => issuer.stop(true));
    const env = {
      PORT: String(port),
      DATABASE_URL: `postgres://colink:canary@127.0.0.1:${port}/colink`,
      // Its client reports only that the connection closed.
      REDIS_URL: `redis-sentinel://:canary@127.0.0.1:${port}/group`,
      JWT_SECRET: "0123456789abcdef".repeat(4),
      COLINK_PUBLIC_URL: `http://127.0.0.1:${port}`,
      COLINK_OIDC_ISSUER: `http://127.0.0.1:${issuer.port}`,
      COLINK_OIDC_CLIENT_ID: "co-link",
      COLINK_OIDC_CLIENT_SECRET: "canary",
    };
    const { code, output } = await runGateway(["doctor"], { env });
    expect(code).toBe(1);
    expect(output).toMatch(/✗ sign-in provider: .*\n\s+→ check COLINK_OIDC_ISSUER/);
    expect(output).toMatch(/! clock: 86\d\d\d s from that of .*\n\s+→ set this machine's clock/);
    expect(output).toMatch(/✗ database: .*\n\s+→ check DATABASE_URL/);
    expect(output).toMatch(/✗ Redis: .*connection refused.*\n\s+→ check REDIS_URL/);
    expect(output).toMatch(/✗ gateway: nothing answers at .*\n\s+→ start it/);
    expect(output).toMatch(/✗ public address: .* does not answer/);
    expect(output).not.toContain("canary");
  });

  test("names settings that cannot be read", async () => {
    const { code, output } = await runGateway(["doctor"], { env: { PORT: "eighty" } });
    expect(code).toBe(1);
    expect(output).toMatch(/✗ settings: PORT="eighty": expected a number.*\n\s+→ server --help/);
  });
});
