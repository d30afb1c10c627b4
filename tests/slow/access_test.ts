/** Access: every route with every kind of credential, two accounts beside each other, and hostile text. */

import { beforeAll, describe, expect, test } from "bun:test";
import type { CreatedKey, KeyView, NodeView, SessionView, UserView } from "../../api/mod.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { ask, chat, hello } from "../harness/api.ts";
import { asked, done } from "../harness/console_api.ts";
import { createDatabase, query } from "../harness/database.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { answerEveryCall, joinNode } from "../harness/joined_node.ts";
import { written } from "../harness/ledger.ts";
import { until } from "../harness/wait.ts";

let databaseUrl: string;
let gateway: Gateway;
let alice: Account;
let bob: Account;
/** Owns the node that serves. */
let provider: Account;

beforeAll(async () => {
  databaseUrl = await createDatabase();
  gateway = await startGateway({
    env: { DATABASE_URL: databaseUrl, JWT_SECRET: "0123456789abcdef".repeat(4) },
  });
  [alice, bob, provider] = await Promise.all([
    createAccount(gateway),
    createAccount(gateway),
    createAccount(gateway),
  ]);
  answerEveryCall(await joinNode({ gateway, owner: provider, models: ["m"], maxParallel: 10 }));
}, 180_000);

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const CSRF = { "x-colink-csrf": "1" };

/** Every kind of credential. */
const styles = {
  none: () => ({}),
  nonsense: () => bearer("nonsense"),
  apiKey: ({ apiToken }: Account) => bearer(apiToken),
  otherHeader: ({ apiToken }: Account) => ({ "x-api-key": apiToken }),
  clientToken: ({ clientToken }: Account) => bearer(clientToken),
  clientHeader: ({ clientToken }: Account) => ({ "client-token": clientToken }),
  session: ({ jwt }: Account) => bearer(jwt),
  sessionAsKey: ({ jwt }: Account) => ({ "x-api-key": jwt }),
  cookie: ({ jwt }: Account) => ({ cookie: `colink_session=${jwt}` }),
  cookieAndCsrf: ({ jwt }: Account) => ({ cookie: `colink_session=${jwt}`, ...CSRF }),
} satisfies Record<string, (account: Account) => Record<string, string>>;
type Style = keyof typeof styles;

interface Route {
  route: string;
  body?: unknown;
  /** The status for each style; `others`: for the rest. */
  gets: Partial<Record<Style, number>>;
  others: number;
}

const anybody = (route: string): Route => ({ route, gets: {}, others: 200 });
const byKey = (route: string, body?: unknown): Route => ({
  route,
  ...(body === undefined ? {} : { body }),
  gets: { apiKey: 200, otherHeader: 200 },
  others: 401,
});

/** `status`: with a session. */
const bySession = (route: string, status = 200, body?: unknown): Route => ({
  route,
  ...(body === undefined ? {} : { body }),
  gets: {
    session: status,
    cookieAndCsrf: status,
    // Browsers send the cookie also with requests that other sites make.
    cookie: route.startsWith("GET ") ? status : 403,
  },
  others: 401,
});
/** No account here is an administrator. */
const byAdmin = (route: string, body?: unknown): Route => bySession(route, 403, body);

const routes: Route[] = [
  anybody("GET /livez"),
  anybody("GET /readyz"),
  anybody("GET /metrics"),
  anybody("GET /api/nodes"),
  anybody("GET /api/info"),
  anybody("GET /api/openapi.json"),
  byKey("GET /v1/models"),
  byKey("GET /v1/models/m"),
  byKey("POST /v1/chat/completions", hello("m")),
  byKey("POST /v1/chat/completions", hello("m", { stream: true })),
  // 426: authenticated, but no upgrade.
  { route: "GET /ws", gets: { clientHeader: 426 }, others: 401 },
  bySession("GET /api/user/me"),
  // Replaces tokens, but none that these tests use.
  bySession("POST /api/user/tokens/rotate", 200, { kind: "client" }),
  bySession("GET /api/user/sessions"),
  bySession("GET /api/user/budgets"),
  bySession("DELETE /api/user/sessions/{id}", 404),
  bySession("GET /api/keys"),
  bySession("POST /api/keys", 200, { name: "another" }),
  bySession("PATCH /api/keys/{id}", 404, { name: "another" }),
  bySession("DELETE /api/keys/{id}", 404),
  bySession("POST /api/keys/{id}/rotate", 404, {}),
  bySession("POST /api/join/codes"),
  bySession("GET /api/join/requests/{code}", 403),
  bySession("POST /api/join/requests/{code}", 403, { approved: true }),
  bySession("GET /api/calls"),
  bySession("GET /api/calls/{id}", 404),
  bySession("GET /api/usage"),
  bySession("GET /api/usage/export"),
  bySession("GET /api/models"),
  bySession("GET /api/nodes/mine"),
  bySession("GET /api/nodes/speed"),
  bySession("GET /api/nodes/{id}", 404),
  bySession("GET /api/nodes/{id}/lent", 404),
  bySession("GET /api/nodes/{id}/usage", 404),
  bySession("DELETE /api/nodes/{id}", 404),
  bySession("PATCH /api/nodes/{id}", 404, { paused: true }),
  bySession("POST /api/nodes/{id}/drain", 404),
  bySession("POST /api/nodes/{id}/rotate-token", 404, {}),
  byAdmin("GET /api/admin/overview"),
  byAdmin("GET /api/admin/users"),
  byAdmin("PATCH /api/admin/users/{id}", { role: "admin" }),
  byAdmin("DELETE /api/admin/users/{id}"),
  byAdmin("POST /api/admin/users/{id}/password-reset", {}),
  byAdmin("DELETE /api/admin/users/{id}/sessions"),
  byAdmin("GET /api/admin/groups"),
  byAdmin("POST /api/admin/groups", { name: "Lab" }),
  byAdmin("GET /api/admin/groups/{id}/members"),
  byAdmin("PATCH /api/admin/groups/{id}", {}),
  byAdmin("DELETE /api/admin/groups/{id}"),
  byAdmin("GET /api/admin/invites"),
  byAdmin("POST /api/admin/invites", {}),
  byAdmin("DELETE /api/admin/invites/{id}"),
  byAdmin("GET /api/admin/settings"),
  byAdmin("PATCH /api/admin/settings", { registration: "open" }),
  byAdmin("GET /api/admin/aliases"),
  byAdmin("PUT /api/admin/aliases", { name: "fast", targets: [{ model: "m" }] }),
  bySession("GET /api/account/aliases"),
  bySession("PUT /api/account/aliases", 200, { name: "fast", targets: [{ model: "m" }] }),
  byAdmin("GET /api/admin/models"),
  byAdmin("PUT /api/admin/models", { name: "m" }),
  byAdmin("GET /api/admin/nodes"),
  byAdmin("PATCH /api/admin/nodes/{id}", { approved: true }),
  byAdmin("GET /api/admin/audit"),
];

/** Routes that need no credential, end the sessions used here, or never end; other tests cover them. */
const elsewhere = [
  "POST /api/auth/register",
  "POST /api/join",
  "POST /api/join/device",
  "POST /api/join/token",
  "POST /api/auth/login",
  "POST /api/auth/logout",
  "GET /api/auth/oidc/start",
  "GET /api/auth/oidc/callback",
  "POST /api/auth/oidc/backchannel-logout",
  "POST /api/setup",
  "POST /api/user/password",
  "POST /api/user/email",
  "POST /api/user/delete",
  "POST /api/auth/reset",
  "GET /api/auth/oidc/start",
  "GET /api/auth/oidc/callback",
  "POST /api/auth/oidc/backchannel-logout",
  "DELETE /api/user/sessions",
  "GET /api/live",
  // They need the name of what they remove.
  "DELETE /api/admin/aliases",
  "DELETE /api/account/aliases",
  "DELETE /api/admin/models",
];

function send({ route, body }: Route, headers: Record<string, string>) {
  const [method = "", path] = route.split(" ");
  return ask<{ user: UserView }>(gateway.url + path, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** What only the account itself may see. */
const privateParts = ({ email, user, apiToken, clientToken, jwt }: Account) => [
  email,
  user.id,
  apiToken,
  clientToken,
  jwt,
];

describe("every route", () => {
  test("of /api is in the table", async () => {
    const { json } = await ask<{ paths: Record<string, object> }>(
      `${gateway.url}/api/openapi.json`,
    );
    const documented = Object.entries(json.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} /api${path}`)
    );
    expect(documented.length).toBeGreaterThan(5);
    const known = new Set([...routes.map(({ route }) => route), ...elsewhere]);
    expect(documented.filter((route) => !known.has(route))).toEqual([]);
  });

  for (const row of routes) {
    const name = row.body === undefined ? row.route : `${row.route} ${JSON.stringify(row.body)}`;
    test(`accepts its kinds of credential only, and shows each account only its own: ${name}`, async () => {
      for (const [me, other] of [[alice, bob], [bob, alice]] as const) {
        const got: Partial<Record<Style, number>> = {};
        const expected: Partial<Record<Style, number>> = {};
        for (const style of Object.keys(styles) as Style[]) {
          const answer = await send(row, styles[style](me));
          got[style] = answer.status;
          expected[style] = row.gets[style] ?? row.others;
          const text = answer.text + JSON.stringify([...answer.headers]);
          for (const part of privateParts(other)) expect(text).not.toContain(part);
          if (answer.json?.user !== undefined) expect(answer.json.user.email).toBe(me.email);
          else for (const part of privateParts(me)) expect(text).not.toContain(part);
        }
        expect(got).toEqual(expected);
      }
    });
  }
});

describe("one account", () => {
  const me = (headers: Record<string, string>, query = "") =>
    ask<{ user: UserView }>(`${gateway.url}/api/user/me${query}`, { headers });

  test("cannot act as another by naming it", async () => {
    const { id, email } = bob.user;
    const headers = { ...styles.session(alice), "x-user-id": id, "x-account-id": id };
    const { json } = await me(headers, `?id=${id}&account_id=${id}&email=${email}`);
    expect(json.user.id).toBe(alice.user.id);
    const body = JSON.stringify({ kind: "client", id, account_id: id, email });
    const rotated = await ask<{ user: UserView }>(`${gateway.url}/api/user/tokens/rotate`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body,
    });
    expect(rotated.json.user.id).toBe(alice.user.id);
  });

  test("is the stronger credential's where a request sends two, and an invalid one is refused", async () => {
    const both = { ...styles.session(alice), ...styles.cookieAndCsrf(bob) };
    expect((await me(both)).json.user.id).toBe(alice.user.id);
    const bad = { ...bearer("nonsense"), ...styles.cookieAndCsrf(bob) };
    expect((await me(bad)).status).toBe(401);
    const badKey = { ...bearer("nonsense"), ...styles.otherHeader(bob) };
    expect((await ask(`${gateway.url}/v1/models`, { headers: badKey })).status).toBe(401);
  });

  test("neither reads nor changes another account's resources, whichever id it names", async () => {
    const { url } = gateway;
    const { key } = await done<CreatedKey>(gateway, bob, "POST /keys", { name: "bob's" });
    const { headers } = await chat(gateway, bob.apiToken, hello("m"));
    const call = headers.get("x-request-id")!;
    const ofBob = async () => ({
      ...await done<{ keys: KeyView[] }>(gateway, bob, "GET /keys"),
      ...await done<{ sessions: SessionView[] }>(gateway, bob, "GET /user/sessions"),
    });
    await until("the call is written down", async () => {
      return (await asked(gateway, bob, `GET /calls/${call}`)).status === 200;
    });
    const before = await ofBob();
    const { id: session } = before.sessions[0]!;
    const { id: node } = (await done<{ nodes: NodeView[] }>(gateway, bob, "GET /nodes")).nodes[0]!;
    const tries: [Parameters<typeof asked>[2], unknown?][] = [
      [`PATCH /keys/${key.id}`, { name: "mine" }],
      [`DELETE /keys/${key.id}`],
      [`POST /keys/${key.id}/rotate`, {}],
      [`DELETE /user/sessions/${session}`],
      [`GET /calls/${call}`],
      [`PATCH /nodes/${node}`, { paused: true }],
      [`POST /nodes/${node}/drain`],
      [`POST /nodes/${node}/rotate-token`, {}],
    ];
    for (const [request, body] of tries) {
      const answer = await asked(gateway, alice, request, body);
      expect(`${request} ${answer.status}`).toBe(`${request} 404`);
    }
    const lists = [`/api/calls?key=${key.id}`, "/api/calls?side=provided", "/api/usage"];
    for (const path of lists) {
      const { text } = await ask(url + path, { token: alice.jwt });
      expect(text).not.toContain(call);
      expect(text).not.toContain(key.id);
    }
    const listed = (state: Awaited<ReturnType<typeof ofBob>>) =>
      [...state.keys, ...state.sessions].map(({ id }) => id);
    expect(listed(await ofBob())).toEqual(listed(before));
    expect((await chat(gateway, bob.apiToken, hello("m"))).status).toBe(200);
  });

  test("is charged for its own calls, whichever node serves them", async () => {
    const totals = async ({ jwt }: Account) => {
      const { total_api_calls: made, total_provided_calls: provided } =
        (await me(bearer(jwt))).json.user;
      return { made, provided };
    };
    await written(gateway);
    const [ofAlice, ofBob] = [await totals(alice), await totals(bob)];
    const ofProvider = await totals(provider);
    const call = { route: "POST /v1/chat/completions", body: hello("m"), gets: {}, others: 200 };
    const both = { ...styles.apiKey(bob), ...styles.otherHeader(alice) };
    expect((await send(call, both)).status).toBe(200);
    await until("it is counted", async () => (await totals(bob)).made === ofBob.made + 1);
    expect(await totals(bob)).toEqual({ ...ofBob, made: ofBob.made + 1 });
    expect(await totals(alice)).toEqual(ofAlice);
    expect(await totals(provider)).toEqual({ ...ofProvider, provided: ofProvider.provided + 1 });
  });
});

describe("hostile text", () => {
  const texts = [
    `'`,
    `"`,
    "`",
    `'; drop table accounts; --`,
    `' or '1'='1`,
    `') or ('1'='1' --`,
    `%`,
    `_%_`,
    `\\`,
    `\0`,
    `$1`,
    `\${7*7}`,
    `%00`,
    `../../etc/passwd`,
    `<script>alert(1)</script>`,
    `\u202e\u2028\ufeff`,
    `\ud800`,
    `{"$gt":""}`,
  ];
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    ask(gateway.url + path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  const get = (path: string, headers: Record<string, string>) =>
    ask(gateway.url + path, { headers });

  const places: [what: string, send: (text: string) => Promise<{ status: number }>][] = [
    // Together, because each sign-in costs a hash, which is made slow on purpose.
    ["an e-mail and a password that sign in", (text) => {
      return post("/api/auth/login", { email: text, password: text });
    }],
    ["an e-mail that registers", (text) => {
      return post("/api/auth/register", { email: text, password: "short" });
    }],
    ["an invite", (text) => {
      return post("/api/auth/register", { email: "a@b.c", password: "short", invite: text });
    }],
    ["a kind of token", (text) => {
      return post("/api/user/tokens/rotate", { kind: text }, styles.session(alice));
    }],
    ["a model", (text) => post("/v1/chat/completions", hello(text), styles.apiKey(alice))],
    ["a field of the call", (text) => {
      return post("/v1/chat/completions", hello("m", { [text]: text }), styles.apiKey(alice));
    }],
    ["a model's path", (text) => {
      const id = encodeURIComponent(text.toWellFormed());
      return get(`/v1/models/${id}`, styles.apiKey(alice));
    }],
    ["a query", (text) => get(`/api/nodes?q=${encodeURIComponent(text.toWellFormed())}`, {})],
  ];
  /** The texts that a header may contain. */
  const headers = ["authorization", "x-api-key", "client-token", "cookie", "x-forwarded-for"];
  const inHeader = texts.filter((text) => /^[\x20-\x7e]+$/.test(text));

  for (const [what, send] of places) {
    test(`is only text as ${what}`, async () => {
      const answers = await Promise.all(texts.map(send));
      texts.forEach((text, i) => expectHarmless(text, answers[i]!.status));
    });
  }

  for (const name of headers) {
    test(`is only text in the header ${name}`, async () => {
      for (const text of inHeader) {
        for (const value of [text, `Bearer sk-colink-${text}`, `colink_session=${text}`]) {
          for (const path of ["/v1/models", "/ws", "/api/user/me"]) {
            expectHarmless(value, (await get(path, { [name]: value })).status);
          }
        }
      }
    });
  }

  test("is shown as text where a node's name, models and calls contain it", async () => {
    // A node's models may be rejected; those that are accepted are unchanged.
    for (const text of [`'; drop table known_models; --`, `%_'"\\`]) {
      answerEveryCall(await joinNode({ gateway, owner: provider, models: [text] }), text);
      const answer = await post("/v1/chat/completions", hello(text), styles.apiKey(alice));
      expect(answer.status).toBe(200);
      await until("the call is written", async () => {
        const models = await query<{ model: string }>(databaseUrl, "select model from ledger");
        return models.some(({ model }) => model === text);
      });
    }
  });

  test("has run no script and changed nothing", async () => {
    const accounts = await query<{ email: string }>(databaseUrl, "select email from accounts");
    expect(accounts.map(({ email }) => email).toSorted())
      .toEqual([alice, bob, provider].map(({ email }) => email).toSorted());
    expect(gateway.log.filter((line) => line.includes(`"level":50`))).toEqual([]);
  });

  /** Rejected, or accepted unchanged: never a failure of the gateway. */
  function expectHarmless(text: string, status: number): void {
    expect(`${JSON.stringify(text)}: ${status}`).toMatch(/: (200|4\d\d)$/);
  }
});

describe("a page of another site", () => {
  const ORIGIN = { origin: "https://evil.example" };

  test("cannot call /api, with or without a preflight", async () => {
    for (const { route } of routes.filter(({ route }) => route.includes("/api/"))) {
      const [method = "", path] = route.split(" ");
      const first = await ask(gateway.url + path, {
        method: "OPTIONS",
        headers: {
          ...ORIGIN,
          "access-control-request-method": method,
          "access-control-request-headers": "content-type,x-colink-csrf",
        },
      });
      const { headers } = await ask(gateway.url + path, { headers: ORIGIN });
      for (const answer of [first.headers, headers]) {
        expect([...answer.keys()].filter((name) => name.startsWith("access-control-"))).toEqual([]);
      }
    }
  });

  test("cannot change anything by submitting a form, whatever its content type", async () => {
    const cookie = styles.cookieAndCsrf(alice);
    const types = ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"];
    for (const type of types) {
      const answer = await ask(`${gateway.url}/api/user/tokens/rotate`, {
        method: "POST",
        headers: { ...cookie, ...ORIGIN, "content-type": type },
        body: `{"kind":"client"}`,
      });
      expect(answer.status).toBe(415);
      expect(answer.json.error.code).toBe("unsupported_media_type");
    }
  });

  test("cannot frame the console, which loads nothing from other origins", async () => {
    for (const path of ["/", "/login", "/dashboard"]) {
      const { headers } = await ask(gateway.url + path);
      const policy = headers.get("content-security-policy")!.split("; ");
      expect(policy).toEqual(expect.arrayContaining([
        "default-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
      ]));
      expect(policy.join()).not.toMatch(/unsafe|\*|http:|https:/);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
    }
  });
});
