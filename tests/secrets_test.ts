/** Nothing that opens anything leaves the gateway but to its owner: not in answers, metrics or frames, and not in a stolen database. */

import { Database } from "bun:sqlite";
import { beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Account,
  createAccount,
  inviteCodeIn,
  login,
  register,
  rotateToken,
} from "./harness/account.ts";
import { type Answer, ask, chat, hello } from "./harness/api.ts";
import { createDatabase, query } from "./harness/database.ts";
import { type Gateway, runGateway, startGateway } from "./harness/gateway.ts";
import { answerEveryCall, type JoinedNode, joinNode } from "./harness/joined_node.ts";
import { listNodes } from "./harness/node.ts";
import { until } from "./harness/wait.ts";

const JWT_SECRET = "canary-secret-0123456789abcdef-0123456789abcdef";
const PASSWORD = "canary-password-6d0b";
const PROMPT = "canary-prompt-3f71";
const ANSWER = "canary-answer-b2c8";

interface World {
  gateway: Gateway;
  /** Whose node serves. */
  owner: Account;
  /** Who calls, and has replaced both tokens once. */
  caller: Account;
  node: JoinedNode;
  /** Every secret that was issued or typed, by what it is. */
  secrets: Record<string, string>;
  /** All that anyone was answered, but for what an owner sees of its own account. */
  seen: Record<string, Answer<unknown>>;
}

/** A gateway on which everything was done once that it can be asked for. */
async function startWorld(env: Record<string, string>): Promise<World> {
  const gateway = await startGateway({
    env: { JWT_SECRET, COLINK_LOG_LEVEL: "debug", COLINK_REGISTRATION: "open", ...env },
  });
  const owner = await createAccount(gateway, undefined, PASSWORD);
  const before = await createAccount(gateway, undefined, PASSWORD);
  const half = await rotateToken(gateway, before, "api");
  const caller = await rotateToken(gateway, half, "client");
  const node = await joinNode({ gateway, owner, models: ["m"], maxParallel: 10 });
  answerEveryCall(node, ANSWER);
  const { output: invite } = await runGateway(["admin", "invite"], {
    dataDir: gateway.dataDir,
    env: { JWT_SECRET, ...env },
  });
  const secrets = {
    "the gateway's secret": JWT_SECRET,
    "a password": PASSWORD,
    "the owner's API token": owner.apiToken,
    "the owner's client token": owner.clientToken,
    "the owner's session": owner.jwt,
    "the caller's API token": caller.apiToken,
    "the caller's client token": caller.clientToken,
    "the caller's session": caller.jwt,
    "a replaced API token": before.apiToken,
    "a replaced client token": before.clientToken,
    "an invite": inviteCodeIn(invite),
  };
  return { gateway, owner, caller, node, secrets, seen: await askForEverything(gateway, caller) };
}

async function askForEverything(gateway: Gateway, caller: Account) {
  const { url } = gateway;
  const prompt = { messages: [{ role: "user", content: PROMPT }] };
  const paths = ["/", "/login", "/dashboard", "/livez", "/readyz", "/metrics", "/ws", "/nothing"];
  const open = ["/api/nodes", "/api/info", "/api/openapi.json", "/api/user/me", "/api/nothing"];
  const seen: Record<string, Answer<unknown>> = {};
  for (const path of [...paths, ...open]) seen[path] = await ask(url + path);
  for (const path of ["/v1/models", "/v1/models/m", "/v1/models/n", "/v1/nothing"]) {
    seen[path] = await ask(url + path, { token: caller.apiToken });
  }
  const call = (more: object) => chat(gateway, caller.apiToken, hello("m", { ...prompt, ...more }));
  seen["a whole answer"] = await call({});
  seen["a stream"] = await call({ stream: true });
  seen["a bad call"] = await call({ model: "n" });
  seen["a body cut short"] = await chat(gateway, caller.apiToken, `{"model":"${PROMPT}`);
  seen["a client token as a key"] = await chat(gateway, caller.clientToken, hello("m"));
  seen["a session as a key"] = await chat(gateway, caller.jwt, hello("m"));
  seen["a key as a session"] = await ask(`${url}/api/user/me`, { token: caller.apiToken });
  const own = ["keys", "user/sessions", "calls", "usage", "models", "nodes", "nodes/mine"];
  for (const path of own) seen[path] = await ask(`${url}/api/${path}`, { token: caller.jwt });
  seen["a mistyped key"] = await chat(gateway, `${caller.apiToken}x`, hello("m"));
  seen["a key as a client token"] = await ask(`${url}/ws`, {
    headers: { "client-token": caller.apiToken },
  });
  seen["a wrong password"] = await login(gateway, caller.email, `${PASSWORD}x`);
  seen["a taken e-mail"] = await register(gateway, caller.email, PASSWORD);
  seen["a long password"] = await register(gateway, "a@example.com", PASSWORD.repeat(10));
  seen["a password for an e-mail"] = await register(gateway, PASSWORD, PASSWORD);
  seen["a sign-in cut short"] = await ask(`${url}/api/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: `{"email":"a@example.com","password":"${PASSWORD}`,
  });
  seen["a sign-in of wrong types"] = await ask(`${url}/api/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: { [PASSWORD]: PASSWORD }, password: [PASSWORD] }),
  });
  return seen;
}

/** So much of a random text tells too much of it. */
const PART_CHARS = 12;

/** The secrets that a text shows, whole or in part. */
function shownIn(text: string, secrets: Record<string, string>): string[] {
  return Object.entries(secrets).filter(([, secret]) => {
    const random = secret.replace(/^(sk-colink|client|invite|canary)-/, "");
    const parts = Array.from(
      { length: Math.max(1, random.length - PART_CHARS + 1) },
      (_, at) => random.slice(at, at + PART_CHARS),
    );
    // Every JWT of this gateway begins alike, and that says nothing.
    return parts.some((part) => !isPublic(part) && text.includes(part));
  }).map(([what]) => what);
}

const PUBLIC = Buffer.from(`{"alg":"HS256","typ":"JWT"}`).toString("base64url") + ".";

function isPublic(part: string): boolean {
  return PUBLIC.includes(part);
}

const databases: [name: string, env: () => Promise<Record<string, string>>][] = [
  ["SQLite", () => Promise.resolve({})],
  ["PostgreSQL", async () => ({ DATABASE_URL: await createDatabase() })],
];

for (const [name, env] of databases) {
  describe(`a gateway on ${name}`, () => {
    let world: World;
    let databaseUrl: string | undefined;

    beforeAll(async () => {
      const settings = await env();
      databaseUrl = settings.DATABASE_URL;
      world = await startWorld(settings);
    }, 180_000);

    test("shows no secret in any answer to any account", () => {
      const { seen, secrets } = world;
      for (const [what, { text, headers }] of Object.entries(seen)) {
        const shown = shownIn(text + JSON.stringify([...headers]), secrets);
        expect(`${what}: ${shown}`).toBe(`${what}: `);
      }
    });

    test("shows its owner's own tokens to a session, and nothing of anyone else's", async () => {
      const { gateway, caller, secrets } = world;
      const { text } = await ask(`${gateway.url}/api/user/me`, { token: caller.jwt });
      expect(shownIn(text, secrets)).toEqual([
        "the caller's API token",
        "the caller's client token",
      ]);
    });

    test("sends none to a node, and logs none", async () => {
      const { gateway, node, secrets } = world;
      await gateway.program.line((line) => line.includes(`"outcome":"ok"`) || undefined, 60_000);
      expect(node.raw.frames.map(({ type }) => type)).toContain("CALL");
      expect(shownIn(JSON.stringify(node.raw.frames), secrets)).toEqual([]);
      expect(shownIn(gateway.log.join("\n"), secrets)).toEqual([]);
    });

    test("keeps none in its database, and neither prompts nor answers", async () => {
      const { secrets, seen } = world;
      await until("the calls are written", async () => (await dump()).includes(idOf(seen)));
      const text = await dump();
      expect(text).toContain("@example.com");
      expect(shownIn(text, { ...secrets, "a prompt": PROMPT, "an answer": ANSWER })).toEqual([]);
    });

    const idOf = (all: World["seen"]) => all["a stream"]!.headers.get("x-request-id")!;

    /** All that a thief would find. */
    async function dump(): Promise<string> {
      if (databaseUrl !== undefined) return await dumpPostgres(databaseUrl);
      const { dataDir } = world.gateway;
      const files = readdirSync(dataDir).filter((file) => /^(colink\.db|ledger)/.test(file));
      return files.map((file) => readFileSync(join(dataDir, file), "latin1")).join("\n");
    }
  });
}

async function dumpPostgres(url: string): Promise<string> {
  const tables = await query<{ name: string }>(
    url,
    "select tablename as name from pg_tables where schemaname = 'public'",
  );
  expect(tables.length).toBeGreaterThan(4);
  const rows = await Promise.all(
    tables.map(({ name }) => query(url, `select row_to_json("${name}")::text from "${name}"`)),
  );
  return JSON.stringify(rows);
}

describe("what the database holds", () => {
  let gateway: Gateway;
  let account: Account;
  let database: Database;

  beforeAll(async () => {
    gateway = await startGateway();
    account = await createAccount(gateway);
    database = new Database(join(gateway.dataDir, "colink.db"));
  }, 180_000);

  const keys = () =>
    database.query<Record<string, string>, []>("select kind, digest, sealed, id from keys").all();

  async function expectRefused(token: string): Promise<void> {
    const { url } = gateway;
    const answers = [
      await chat(gateway, token, hello("m")),
      await ask(`${url}/ws`, { headers: { "client-token": token } }),
      await ask(`${url}/api/user/me`, { token }),
      await ask(`${url}/api/user/me`, { headers: { cookie: `colink_session=${token}` } }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401]);
  }

  test("grants no access when it is presented as a token", async () => {
    const { password_hash: hash } = database.query<Record<string, string>, []>(
      "select password_hash from accounts",
    ).get()!;
    const found = keys().flatMap(({ digest, sealed, id }) => [digest, sealed, id]);
    expect(found).toHaveLength(6);
    for (const text of [hash, ...found] as string[]) {
      for (const token of [text, `sk-colink-${text}`, `client-${text}`]) await expectRefused(token);
    }
  });

  test("grants no access when it was written without knowledge of the gateway's secret", async () => {
    const token = account.apiToken.slice(0, -4) + "0000";
    const wellFormed = `sk-colink-${"A".repeat(26)}`;
    const forged = wellFormed + checksum(wellFormed);
    for (const one of [token, forged]) {
      const digest = createHash("sha256").update(one).digest("hex");
      database.run(
        `insert into keys (id, account_id, kind, digest, sealed, created_at)
         values (?, ?, 'api', ?, 'x', 0)`,
        [crypto.randomUUID(), account.user.id, digest],
      );
      await expectRefused(one);
    }
  });

  /** As tokens have it, so that this one is looked up and not refused for its looks. */
  function checksum(text: string): string {
    const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const digest = createHash("sha256").update(text).digest();
    return Array.from(digest.subarray(0, 4), (byte) => letters[byte % 62]).join("");
  }
});

test("a node's public id looks random, and is the same when the node reconnects", async () => {
  const gateway = await startGateway();
  const owner = await createAccount(gateway);
  const one = await joinNode({ gateway, owner, models: ["m"] });
  const two = await joinNode({ gateway, owner, models: ["m"] });
  const ids = (await listNodes(gateway)).map(({ id }) => id);
  expect(new Set(ids).size).toBe(2);
  for (const id of ids) {
    expect(id).toMatch(/^node-[0-9a-f]{24}$/);
    const { apiToken, clientToken, user } = owner;
    for (const text of [apiToken, clientToken, user.id, one.nodeId, two.nodeId]) {
      expect(shownIn(id, { text })).toEqual([]);
      const digest = createHash("sha256").update(text).digest("hex");
      expect(id.slice("node-".length)).not.toBe(digest.slice(0, 24));
    }
  }
  const before = (await one.view())?.id;
  await one.raw.close();
  await until("the node is gone", async () => await one.view() === undefined);
  const again = await joinNode({ gateway, owner, models: ["m"], nodeId: one.nodeId });
  expect((await again.view())?.id).toBe(before!);

  const stranger = await createAccount(gateway);
  await joinNode({ gateway, owner: stranger, models: ["m"], nodeId: one.nodeId });
  const listed = await listNodes(gateway);
  expect(new Set(listed.map(({ id }) => id)).size).toBe(3);
});
