/** What administrators and owners do with whole accounts: password links, signing out everywhere. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { ErrorView, PasswordResetLink } from "../../../api/mod.ts";
import { type TestAccount, TestApp } from "../testing/test_app.ts";

let app: TestApp;
let admin: TestAccount;
let token: string;

beforeAll(async () => {
  app = await TestApp.start();
  admin = await app.account("admin@example.org", "admin");
  token = admin.session;
});
afterAll(() => app.stop());

test("a link sets a password once, ends the sessions of the account alone, and replaces the link before", async () => {
  const ann = await app.account("ann@example.org");
  const bystander = await app.account("bystander@example.org");
  const route = `POST /api/admin/users/${ann.id}/password-reset`;
  const link = async (body: object = {}) =>
    (await app.ask<PasswordResetLink>(route, { token, body })).json;
  const use = async (code: string, new_password = "a whole new sentence") => {
    const { status, json } = await app.ask<ErrorView>("POST /api/auth/reset", {
      body: { code, new_password },
    });
    return [status, json.error?.code];
  };
  const older = await link();
  const { code, email, expires_at } = await link({ hours: 2 });
  expect(email).toBe(ann.email);
  expect(Math.round((expires_at - app.clock.now()) / 3_600_000)).toBe(2);
  for (const wrong of [older.code, "", code.slice(0, -1), `${code}x`, "reset-' or 1=1"]) {
    expect(await use(wrong)).toEqual([403, "reset_refused"]);
  }
  expect(await use(code, "short")).toEqual([400, "weak_password"]);
  expect(await Promise.all([use(code), use(code), use(code)]))
    .toEqual(expect.arrayContaining([[200, undefined], [403, "reset_refused"]]));
  expect(await use(code)).toEqual([403, "reset_refused"]);
  const isSignedIn = async ({ session }: TestAccount) =>
    (await app.ask("GET /api/user/me", { token: session })).status === 200;
  expect([await isSignedIn(ann), await isSignedIn(bystander)]).toEqual([false, true]);
  const body = { email: ann.email, password: "a whole new sentence" };
  expect((await app.ask("POST /api/auth/login", { body })).status).toBe(200);
  const made = await app.audited("password.reset_link");
  expect(made.map(({ detail }) => detail)).toContainEqual({ hours: 2 });
  expect(made).toContainEqual({ actor: admin.email, target: ann.email, detail: { hours: 24 } });
  expect(await app.audited("password.reset")).toMatchObject([{ actor: ann.email }]);
  expect((await app.ask(route.replace(ann.id, "acc_nobody"), { token, body: {} })).status).toBe(
    404,
  );
});

test("a link ends when it expires, when the password is changed otherwise, and with a disabled account", async () => {
  const ben = await app.account("ben@example.org");
  const link = async () => (await app.parts.passwordResets.create(ben.id, 60_000)).code;
  const status = async (code: string) =>
    (await app.ask("POST /api/auth/reset", { body: { code, new_password: "long enough" } })).status;
  const expired = (await app.parts.passwordResets.create(ben.id, -1)).code;
  expect(await status(expired)).toBe(403);
  const overtaken = await link();
  await app.parts.accounts.setPassword(ben.email, "by the command line");
  expect(await status(overtaken)).toBe(403);
  const shut = await link();
  await app.parts.accounts.setDisabled(ben.email, true);
  expect(await status(shut)).toBe(403);
  await app.parts.accounts.setDisabled(ben.email, false);
  expect(await status(shut)).toBe(200);
});

test("an administrator signs an account out everywhere, and it itself: its keys go on", async () => {
  const cleo = await app.account("cleo@example.org");
  const me = async () => (await app.ask("GET /api/user/me", { token: cleo.session })).status;
  expect(await me()).toBe(200);
  const route = `DELETE /api/admin/users/${cleo.id}/sessions`;
  expect((await app.ask(route, { token })).json).toEqual({ ended: 1 });
  expect(await me()).toBe(401);
  expect((await app.ask("GET /v1/models", { token: cleo.api_token })).status).toBe(200);
  expect(await app.audited("session.ended")).toContainEqual({
    actor: admin.email,
    target: cleo.email,
    detail: { ended: 1 },
  });
  const dan = await app.account("dan@example.org");
  const ended = await app.ask("DELETE /api/user/sessions?all=true", { token: dan.session });
  expect(ended.json).toEqual({ ended: 1 });
  expect(ended.headers.getSetCookie().join()).toContain("colink_session=;");
  expect((await app.ask("GET /api/user/me", { token: dan.session })).status).toBe(401);
});
