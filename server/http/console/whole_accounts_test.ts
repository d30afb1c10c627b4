/** What administrators and owners do with whole accounts: password links, signing out everywhere, deletion. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import type {
  AdminUserPage,
  ErrorView,
  JoinCode,
  LoginAnswer,
  PasswordResetLink,
} from "../../../api/mod.ts";
import { Passwords } from "../../account/passwords.ts";
import { anEntry } from "../../store/testing/store_suite.ts";
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
    return [status, json.error?.code ?? "done"];
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
    .toEqual(expect.arrayContaining([[200, "done"], [403, "reset_refused"]]));
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
  await app.parts.store.setPasswordHash(ben.id, { hash: "by the command line" });
  expect(await status(overtaken)).toBe(403);
  const shut = await link();
  await app.parts.accounts.setDisabled(ben.email, true);
  expect(await status(shut)).toBe(403);
  await app.parts.accounts.setDisabled(ben.email, false);
  expect(await status(shut)).toBe(200);
});

test("an account that was disabled by the command line has no session any more when it is enabled again", async () => {
  const dan = await app.account("disabled@example.org");
  const me = async () => (await app.ask("GET /api/user/me", { token: dan.session })).status;
  expect(await me()).toBe(200);
  await app.parts.accounts.setDisabled(dan.email, true);
  await app.parts.accounts.setDisabled(dan.email, false);
  expect(await me()).toBe(401);
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

test("an account cannot ask for one address after another whether it is taken", async () => {
  const body = { email: admin.email };
  const ask = async ({ session }: TestAccount) =>
    (await app.ask<ErrorView>("POST /api/user/email", { token: session, body })).json.error.code;
  const mallory = await app.account("mallory@example.org");
  const refusals = [];
  for (let tries = 0; tries <= 10; tries++) refusals.push(await ask(mallory));
  expect(refusals).toEqual([...Array(10).fill("email_taken"), "rate_limit_exceeded"]);
  expect(await ask(await app.account("not-mallory@example.org"))).toBe("email_taken");
});

/** Deletes the account through its own session, which has just begun. */
function deleteOwn({ session }: TestAccount, body: object = {}) {
  return app.ask<ErrorView>("POST /api/user/delete", { token: session, body });
}

test("an account that its owner deletes is gone with all that it had, and nothing of a bystander is", async () => {
  const [eve, bystander] = [
    await app.account("eve@example.org"),
    await app.account("by@example.org"),
  ];
  const { store, register, keyring } = app.parts;
  for (const account of [eve, bystander]) {
    await app.ask("PUT /api/account/aliases", {
      token: account.session,
      body: { name: "mine", targets: [{ model: "m" }] },
    });
    app.join(account, { name: `box of ${account.email}` });
  }
  await register.close();
  const add = { name: "lab", add: [eve.id, bystander.id] };
  const group = await app.parts.groups.create({ name: "lab" });
  await app.parts.groups.change(group.id, add);
  const { json: joinCode } = await app.ask<JoinCode>("POST /api/join/codes", {
    token: eve.session,
    body: {},
  });
  const link = await app.parts.passwordResets.create(eve.id, 60_000);
  const served = anEntry({
    accountId: eve.id,
    providerAccountId: bystander.id,
    startedAt: app.clock.now(),
  });
  await store.writeLedger([served]);
  const [key] = await store.keys.ofAccount(eve.id);
  const deleted: string[] = [];
  keyring.deletions.subscribe((id) => void deleted.push(id));

  expect((await deleteOwn(eve)).status).toBe(200);

  expect(deleted).toEqual([eve.id]);
  expect((await app.ask("GET /api/user/me", { token: eve.session })).status).toBe(401);
  const call = await app.ask<ErrorView>("GET /v1/models", { token: eve.api_token });
  expect([call.status, call.json.error?.code as string]).toEqual([401, "key_revoked"]);
  expect(await store.keys.ofAccount(eve.id)).toEqual([]);
  expect((await store.keys.byDigest(key!.digest))?.key).toMatchObject({ sealed: "", name: "" });
  expect(await store.names.own(eve.id)).toBeNull();
  expect(await store.nodes.ofAccount(eve.id, 9)).toEqual([]);
  expect(await app.parts.groups.members(group.id)).toEqual([
    { id: bystander.id, email: bystander.email },
  ]);
  const join = { code: joinCode.code, machine: "box" };
  expect((await app.ask("POST /api/join", { body: join })).status).toBe(403);
  const reset = { code: link.code, new_password: "a whole new sentence" };
  expect((await app.ask("POST /api/auth/reset", { body: reset })).status).toBe(403);
  const found = await app.ask<AdminUserPage>("GET /api/admin/users?search=eve", { token });
  expect(found.json.users).toEqual([]);
  expect(await app.audited("user.deleted")).toMatchObject([{
    actor: eve.email,
    target: eve.email,
  }]);
  const change = await app.ask(`PATCH /api/admin/users/${eve.id}`, {
    token,
    body: { disabled: false },
  });
  expect(change.status).toBe(404);

  // What others have: the node owner's history and figures, and all of the bystander's own things.
  const provided = await app.parts.history.page(bystander.id, { side: "provided", limit: 9 });
  expect(provided.calls.map(({ id }) => id)).toEqual([served.id]);
  expect((await app.ask("GET /v1/models", { token: bystander.api_token })).status).toBe(200);
  expect(await store.names.own(bystander.id)).not.toBeNull();
  expect(await store.nodes.ofAccount(bystander.id, 9)).toHaveLength(1);
});

test("the address of a deleted account can be registered again, by an account with nothing of the old one", async () => {
  const fay = await app.account("fay@example.org");
  await app.parts.store.writeLedger([anEntry({ accountId: fay.id, startedAt: app.clock.now() })]);
  expect((await deleteOwn(fay)).status).toBe(200);
  const body = { email: fay.email, password: "a whole new sentence" };
  expect((await app.ask("POST /api/auth/register", { body })).status).toBe(200);
  const { json } = await app.ask<LoginAnswer>("POST /api/auth/login", { body });
  expect(json.user.id).not.toBe(fay.id);
  const { calls } = await app.parts.history.page(json.user.id, { limit: 9 });
  expect(calls).toEqual([]);
});

test("deleting an account and changing its address ask for the password, or a sign-in of the last minutes", async () => {
  const body = { email: "gil@example.org", password: "a whole new sentence" };
  const { id } = await app.account(body.email);
  // Cheap to check, unlike the gateway's own.
  const hash = await new Passwords({ cost: 4 }).hash(body.password);
  await app.parts.store.setPasswordHash(id, { hash });
  const { json } = await app.ask<LoginAnswer>("POST /api/auth/login", { body });
  await app.clock.pass(6 * 60_000);
  const ask = async (what: string, form: object) => {
    const route = `POST /api/user/${what}`;
    const answer = await app.ask<ErrorView>(route, { token: json.token, body: form });
    return [answer.status, answer.json.error?.code ?? "done"];
  };
  const email = "gil@example.net";
  for (const [what, form] of [["delete", {}], ["email", { email }]] as const) {
    expect(await ask(what, form)).toEqual([401, "invalid_credentials"]);
    expect(await ask(what, { ...form, password: "wrong" })).toEqual([401, "invalid_credentials"]);
  }
  const { password } = body;
  expect(await ask("email", { email: admin.email, password })).toEqual([400, "email_taken"]);
  expect(await ask("email", { email: "no address", password })).toEqual([400, "invalid_request"]);
  expect(await ask("email", { email: ` ${email.toUpperCase()} `, password })).toEqual([
    200,
    "done",
  ]);
  expect(await app.audited("user.email_changed"))
    .toEqual([{ actor: body.email, target: email, detail: {} }]);
  const signIn = (one: string) =>
    app.ask("POST /api/auth/login", { body: { email: one, password } });
  expect([(await signIn(body.email)).status, (await signIn(email)).status]).toEqual([401, 200]);
  expect(await ask("delete", { password })).toEqual([200, "done"]);
  expect(await app.parts.store.accountByEmail(email)).toBeNull();
});

test("the last administrator cannot be deleted, also when two delete each other at once", async () => {
  const alone = await app.account("hal@example.org", "admin");
  await app.parts.users.change(admin.id, { role: "user" }, alone.id);
  const refused = await deleteOwn(alone);
  expect([refused.status, refused.json.error?.code as string]).toEqual([400, "invalid_request"]);
  await app.parts.users.change(admin.id, { role: "admin" }, alone.id);
  admin = {
    ...admin,
    session: (await app.parts.sessions.begin(
      { id: admin.id, passwordHash: "x" },
      { address: "192.0.2.1", userAgent: null },
    ))!,
  };
  token = admin.session;
  const own = await app.ask<ErrorView>(`DELETE /api/admin/users/${admin.id}`, { token });
  expect([own.status, own.json.error?.code as string]).toEqual([400, "invalid_request"]);
  const other = await app.account("ida@example.org", "admin");
  await app.ask(`DELETE /api/admin/users/${alone.id}`, { token });
  const both = await Promise.all([
    app.ask(`DELETE /api/admin/users/${other.id}`, { token }),
    app.ask(`DELETE /api/admin/users/${admin.id}`, { token: other.session }),
  ]);
  expect(both.filter(({ status }) => status === 200)).toHaveLength(1);
});
