/** The routes of an account's own data, with the entries that they leave in the audit log. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { BudgetUses, InfoView, LoginAnswer, SessionView, UserView } from "../../../api/mod.ts";
import { type TestAccount, TestApp } from "../testing/test_app.ts";

let app: TestApp;
let me: TestAccount;

beforeAll(async () => {
  app = await TestApp.start();
  me = await app.account("me@example.org");
});
afterAll(() => app.stop());

test("a body of unannounced length leaves its sender's address known", async () => {
  const { session } = await app.account("chunks@example.org");
  const body = new Blob([JSON.stringify({ kind: "api" })]).stream();
  const answer = await app.ask("POST /api/user/tokens/rotate", { token: session, body });
  expect(answer.status).toBe(200);
  const { entries } = await app.parts.audit.page({ action: "key.rotated", limit: 1 });
  expect(entries).toMatchObject([{ actor: "chunks@example.org", address: "192.0.2.1" }]);
});

test("signing up, in and out is written to the audit log, and the cookies follow", async () => {
  const body = { email: "new@example.org", password: "correct horse battery" };
  const login = await app.ask<LoginAnswer>("POST /api/auth/register", { body });
  expect(login.json.user.email).toBe(body.email);
  const cookies = login.headers.getSetCookie();
  expect(cookies).toEqual([
    `colink_session=${login.json.token}; Max-Age=86400; Path=/; HttpOnly; SameSite=Strict`,
    "colink_signed_in=1; Max-Age=86400; Path=/; SameSite=Strict",
  ]);
  const { token } = login.json;
  expect((await app.ask("GET /api/user/me", { token })).status).toBe(200);
  const logout = await app.ask("POST /api/auth/logout", { token });
  expect(logout.headers.getSetCookie().join()).toMatch(/colink_session=;.*colink_signed_in=;/);
  expect((await app.ask("GET /api/user/me", { token })).status).toBe(401);
  for (const action of ["account.registered", "session.started", "session.ended"]) {
    expect(await app.audited(action)).toMatchObject([{ actor: body.email }]);
  }
});

test("signing out without a session, or with one that is none, is no error and no event", async () => {
  const before = (await app.audited("session.ended")).length;
  const headers = { "x-colink-csrf": "1" };
  expect((await app.ask("POST /api/auth/logout", { headers })).status).toBe(200);
  expect((await app.ask("POST /api/auth/logout", { token: "nonsense" })).status).toBe(200);
  expect(await app.audited("session.ended")).toHaveLength(before);
});

test("signing out by cookie needs the console's header", async () => {
  const headers = { cookie: `colink_session=${me.session}` };
  expect((await app.ask("POST /api/auth/logout", { headers })).status).toBe(403);
  expect((await app.ask("GET /api/user/me", { headers })).status).toBe(200);
});

test("the setup code creates the first administrator once; over HTTPS, cookies are secure", async () => {
  const secure = await TestApp.start({ COLINK_PUBLIC_URL: "https://colink.example" });
  const code = (await secure.parts.setup.code())!;
  const form = { email: "first@example.org", password: "correct horse battery" };
  const body = { ...form, code, registration: "invite" };
  const { headers, json } = await secure.ask<LoginAnswer>("POST /api/setup", { body });
  expect(json.user.role).toBe("admin");
  expect(headers.getSetCookie().every((cookie) => cookie.includes("; Secure"))).toBe(true);
  expect(secure.parts.settings.values.registration).toBe("invite");
  expect(await secure.audited("settings.changed"))
    .toMatchObject([{ actor: form.email, detail: { registration: "invite" } }]);
  expect(await secure.audited("account.registered"))
    .toMatchObject([{ actor: form.email, detail: { role: "admin" } }]);
  expect((await secure.ask("POST /api/setup", { body })).status).toBe(404);

  const change = { current_password: form.password, new_password: "another long one" };
  const changed = await secure.ask("POST /api/user/password", { token: json.token, body: change });
  expect(changed.status).toBe(200);
  expect(await secure.audited("password.changed")).toMatchObject([{ actor: form.email }]);
  await secure.stop();
});

test("the first administrator keeps the registration mode unless it names one", async () => {
  const code = (await app.parts.setup.code())!;
  const body = { code, email: "first@example.org", password: "correct horse battery" };
  expect((await app.ask("POST /api/setup", { body })).status).toBe(200);
  expect(await app.audited("settings.changed")).toEqual([]);
});

test("one reads what is used of one's own budgets, one's groups' and one's keys', and of no others", async () => {
  const [lin, other] = [await app.account("lin@example.org"), await app.account("ou@example.org")];
  const budget = { tokens_per_month: 10 };
  const { groups, users } = app.parts;
  await users.change(lin.id, { budget }, me.id);
  const group = await groups.create({ name: "budgeted" });
  await groups.change(group.id, { budget, add: [lin.id] });
  const { key } = await app.key(lin, { name: "ci", budget });
  await app.key(lin, { name: "free" });
  await app.key(other, { name: "another's", budget });
  const uses = async ({ session: token }: TestAccount) =>
    (await app.ask<BudgetUses>("GET /api/user/budgets", { token })).json.budgets
      .map(({ of, id, name, limits }) => [of, id, name, limits.map(({ used }) => used)]);
  expect(await uses(lin)).toEqual([
    ["account", lin.id, null, [0]],
    ["group", group.id, "budgeted", [0]],
    ["key", key.id, "ci", [0]],
  ]);
  expect(await uses(other)).toMatchObject([["key", expect.any(String), "another's", [0]]]);
});

test("each of the two tokens is replaced by itself, ten times a minute at most", async () => {
  const { session: token } = me;
  const rotate = (kind: string) =>
    app.ask<{ user: UserView }>("POST /api/user/tokens/rotate", { token, body: { kind } });
  const api = (await rotate("api")).json.user;
  expect(api.api_token).not.toBe(me.api_token);
  expect(api.client_token).toBe(me.client_token);
  const client = (await rotate("client")).json.user;
  expect(client.api_token).toBe(api.api_token);
  expect(client.client_token).not.toBe(me.client_token);
  expect(await app.audited("key.rotated")).toEqual(expect.arrayContaining(
    ["client", "api"].map((kind) => ({
      actor: me.email,
      target: null,
      detail: { kind, default: true },
    })),
  ));
  for (let i = 2; i < 10; i++) expect((await rotate("api")).status).toBe(200);
  const { status, headers } = await rotate("api");
  expect(status).toBe(429);
  expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
});

test("sessions are listed and ended, one by one and all others", async () => {
  const { session: token } = await app.account("sessions@example.org");
  const begin = () =>
    app.parts.sessions.begin({ id: "acc_sessions_example_org", passwordHash: "x" }, {
      address: "192.0.2.2",
      userAgent: "curl",
    });
  const list = async () =>
    (await app.ask<{ sessions: SessionView[] }>("GET /api/user/sessions", { token })).json.sessions;
  await begin();
  await begin();
  const other = (await list()).find(({ current }) => !current)!;
  expect(other).toMatchObject({ address: "192.0.2.2", user_agent: "curl" });
  const one = await app.ask(`DELETE /api/user/sessions/${other.id}`, { token });
  expect(one.json).toEqual({ message: "Session ended" });
  const { json } = await app.ask("DELETE /api/user/sessions", { token });
  expect(json).toEqual({ ended: 1 });
  expect((await list()).map(({ current }) => current)).toEqual([true]);
  const events = await app.audited("session.ended");
  const mine = events.filter(({ actor }) => actor === "sessions@example.org");
  expect(mine.map(({ detail }) => detail)).toEqual(expect.arrayContaining([{ ended: 1 }, {}]));
});

test("the gateway's facts are public", async () => {
  const info = await app.ask<InfoView>("GET /api/info");
  expect(info.json).toEqual({
    version: app.parts.version,
    name: "",
    registration: "open",
    public_url: null,
    nodes: 0,
    models: 0,
    setup: false,
    sign_in_provider: null,
    passwords: true,
    cut_off: false,
  });
});

test("a body larger than 64 KiB is refused", async () => {
  const body = { email: "x".repeat(65 * 1024), password: "x" };
  const { status, json } = await app.ask("POST /api/auth/login", { body });
  expect([status, json.error]).toMatchObject([413, { code: "body_too_large" }]);
});

test("without a session a body is not read, whatever it is; a form that needs none is", async () => {
  for (
    const route of [
      "POST /api/user/password",
      "POST /api/keys",
      "PATCH /api/nodes/some-node",
      "PATCH /api/admin/settings",
    ]
  ) {
    const wrong = [{ no: "form" }, "no JSON", "x".repeat(65 * 1024)];
    for (const body of wrong) {
      const { status, json } = await app.ask(route, { body });
      expect([route, status, json.error])
        .toMatchObject([route, 401, { code: "session_required" }]);
    }
  }
  expect((await app.ask("POST /api/auth/login", { body: { no: "form" } })).status).toBe(400);
  expect((await app.ask("POST /api/nothing", { body: {} })).status).toBe(404);
});
