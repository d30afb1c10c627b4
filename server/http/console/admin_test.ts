/** The administrators' routes, with the entries that they leave in the audit log. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import type {
  AdminNodeView,
  AdminUserPage,
  AdminUserView,
  AuditPage,
  CreatedInvite,
  ErrorView,
  GroupView,
  InfoView,
  InviteView,
  NodeDetail,
  SettingsPage,
  SettingsView,
} from "../../../api/mod.ts";
import { type TestAccount, TestApp } from "../testing/test_app.ts";

interface Described {
  paths: Record<string, Record<string, { security?: unknown; requestBody?: unknown }>>;
}

let app: TestApp;
let admin: TestAccount;
let user: TestAccount;
let token: string;

beforeAll(async () => {
  app = await TestApp.start();
  admin = await app.account("admin@example.org", "admin");
  user = await app.account("user@example.org");
  token = admin.session;
});
afterAll(() => app.stop());

test("every route that needs a session asks for it before it reads the body, whatever that is", async () => {
  const { json } = await app.ask<Described>("GET /api/openapi.json");
  const routes = Object.entries(json.paths).flatMap(([path, methods]) =>
    Object.entries(methods).filter(([, { security, requestBody }]) => security && requestBody)
      .map(([method]) => `${method.toUpperCase()} /api${path.replaceAll(/\{\w+\}/g, "x")}`)
  );
  expect(routes.length).toBeGreaterThan(5);
  for (const route of routes) {
    for (const wrong of [undefined, "no-session"]) {
      let reads = 0;
      const body = new ReadableStream({
        pull(controller) {
          reads++;
          controller.enqueue(new Uint8Array(64 * 1024));
        },
      }, { highWaterMark: 0 });
      const { status } = await app.ask(route, { body, ...(wrong && { token: wrong }) });
      expect([route, status, reads]).toEqual([route, 401, 0]);
    }
  }
});

test("every route is for administrators only", async () => {
  const routes = [
    "GET /api/admin/users",
    `PATCH /api/admin/users/${user.id}`,
    `POST /api/admin/users/${user.id}/password-reset`,
    `DELETE /api/admin/users/${user.id}`,
    `DELETE /api/admin/users/${user.id}/sessions`,
    "GET /api/admin/groups",
    "POST /api/admin/groups",
    "GET /api/admin/groups/x/members",
    "PATCH /api/admin/groups/x",
    "DELETE /api/admin/groups/x",
    "GET /api/admin/invites",
    "POST /api/admin/invites",
    "DELETE /api/admin/invites/x",
    "GET /api/admin/settings",
    "PATCH /api/admin/settings",
    "GET /api/admin/nodes",
    "PATCH /api/admin/nodes/x",
    "GET /api/admin/audit",
    "GET /api/admin/overview",
  ];
  for (const route of routes) {
    const body = route.startsWith("GET")
      ? {}
      : { body: route.endsWith("groups") ? { name: "x" } : {} };
    const { status, json } = await app.ask(route, { token: user.session, ...body });
    expect([route, status, json.error]).toMatchObject([route, 403, { code: "admin_required" }]);
  }
});

test("accounts are found and changed, and each change is one entry of the audit log", async () => {
  const found = await app.ask<AdminUserPage>("GET /api/admin/users?search=user@", { token });
  expect(found.json.users.map(({ id }) => id)).toEqual([user.id]);
  const change = async (body: object) =>
    (await app.ask<{ user: AdminUserView }>(`PATCH /api/admin/users/${user.id}`, { token, body }))
      .json.user;

  expect(await change({ rpm: 7, models: ["a", "b"] }))
    .toMatchObject({ rpm: 7, models: ["a", "b"], disabled_at: null });
  expect(await change({ models: null })).toMatchObject({ rpm: 7, models: null });
  expect(await change({ weight: 2.5 })).toMatchObject({ rpm: 7, weight: 2.5 });
  expect(await change({ weight: null })).toMatchObject({ weight: null });
  expect(await change({ disabled: true })).toMatchObject({ disabled_at: expect.any(Number) });
  expect(await change({ disabled: false })).toMatchObject({ disabled_at: null });
  expect((await app.ask("GET /api/user/sessions", { token: user.session })).status).toBe(401);
  const [actor, target] = [admin.email, user.email];
  const changes = await app.audited("user.changed");
  expect(changes).toHaveLength(4);
  expect(changes).toEqual(expect.arrayContaining([
    { actor, target, detail: { rpm: 7, models: "a, b" } },
    { actor, target, detail: { models: null } },
    { actor, target, detail: { weight: 2.5 } },
    { actor, target, detail: { weight: null } },
  ]));
  expect(await app.audited("user.disabled")).toEqual([{ actor, target, detail: {} }]);
  expect(await app.audited("user.enabled")).toEqual([{ actor, target, detail: {} }]);
});

test("administrators cannot take their own rights away", async () => {
  const own = async (body: object) => {
    const { status, json } = await app.ask(`PATCH /api/admin/users/${admin.id}`, { token, body });
    return [status, (json.error as { param?: string } | undefined)?.param];
  };
  expect(await own({ disabled: true })).toEqual([400, "disabled"]);
  expect(await own({ role: "user" })).toEqual([400, "role"]);
  expect(await own({ disabled: false, role: "admin" })).toEqual([200, undefined]);
});

test("accounts are read page by page", async () => {
  const page = async (query: string) =>
    (await app.ask<AdminUserPage>(`GET /api/admin/users?${query}`, { token })).json;
  const first = await page("limit=1");
  expect(first.users).toHaveLength(1);
  expect(first.following).toEqual({ count: 1, exact: true });
  const second = await page(`limit=1&cursor=${first.next_cursor}`);
  expect(second.following).toEqual({ count: 0, exact: true });
  const emails = [...first.users, ...second.users].map(({ email }) => email);
  expect(emails.toSorted()).toEqual([admin.email, user.email]);
  expect(second.next_cursor).toBeNull();
});

test("accounts are sorted, and a cursor of another order or of nobody's making is refused", async () => {
  const page = (query: string) =>
    app.ask<AdminUserPage & ErrorView>(`GET /api/admin/users?${query}`, { token });
  const { json } = await page("sort=email&limit=1");
  expect(json.users.map(({ email }) => email)).toEqual([admin.email]);
  expect(json.users[0]).toMatchObject({ recent_tokens: 0, keys: 2 });
  const next = await page(`sort=email&limit=1&cursor=${json.next_cursor}`);
  expect(next.json.users.map(({ email }) => email)).toEqual([user.email]);
  const made = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const wrong = [json.next_cursor, "x", made(["made", "1", "a"]), made(["made", 1, 2]), made(null)];
  for (const cursor of wrong) {
    const { status, json } = await page(`sort=made&cursor=${cursor}`);
    expect([cursor, status, json.error.code]).toEqual([cursor, 400, "invalid_request"]);
  }
});

test("an invite is valid for seven days unless said otherwise, and can be revoked", async () => {
  const create = async (body: object) =>
    (await app.ask<CreatedInvite>("POST /api/admin/invites", { token, body })).json;
  const { invite, code } = await create({});
  expect(code).toMatch(/^invite-/);
  expect(invite.note).toBe("");
  expect(invite.created_by).toBe(admin.email);
  expect(invite.expires_at - invite.created_at).toBe(7 * 86_400_000);
  const short = await create({ note: "for a friend", days: 1 });
  expect(short.invite.note).toBe("for a friend");
  expect(short.invite.expires_at - short.invite.created_at).toBe(86_400_000);
  expect(await app.audited("invite.created")).toEqual(expect.arrayContaining([
    { actor: admin.email, target: invite.id, detail: { days: 7 } },
    { actor: admin.email, target: short.invite.id, detail: { days: 1 } },
  ]));

  const revoked = await app.ask(`DELETE /api/admin/invites/${invite.id}`, { token });
  expect(revoked.json).toEqual({ message: "Invite revoked" });
  expect(await app.audited("invite.revoked"))
    .toEqual([{ actor: admin.email, target: invite.id, detail: {} }]);
  const { json } = await app.ask<{ invites: InviteView[] }>("GET /api/admin/invites", { token });
  const states = Object.fromEntries(json.invites.map(({ id, state }) => [id, state]));
  expect(states).toEqual({ [invite.id]: "revoked", [short.invite.id]: "open" });
});

test("requiring approval approves the nodes that are there, and only new ones wait", async () => {
  const settings = async (body?: object) =>
    (await app.ask<SettingsView>(`${body ? "PATCH" : "GET"} /api/admin/settings`, {
      token,
      ...(body && { body }),
    })).json;
  const nodes = async () => {
    await app.clock.pass(1000);
    const { json } = await app.ask<{ nodes: AdminNodeView[] }>("GET /api/admin/nodes", { token });
    return Object.fromEntries(json.nodes.map((node) => [node.name, node]));
  };
  app.join(user, { name: "old" });
  expect((await nodes()).old).toMatchObject({ owner_email: user.email, approved_at: null });

  expect((await settings()).node_approval).toEqual({
    value: false,
    fallback: false,
    is_set: false,
  });
  const changed = await settings({ node_approval: true });
  expect(changed.node_approval).toEqual({ value: true, fallback: false, is_set: true });
  expect(await app.audited("settings.changed"))
    .toEqual([{ actor: admin.email, target: null, detail: { node_approval: true } }]);
  const approvedAt = (await nodes()).old!.approved_at;
  expect(approvedAt).toBeNumber();

  app.join(user, { name: "new" });
  expect((await nodes()).new!.approved_at).toBeNull();
  await settings({ node_approval: true, default_rpm: 5 });
  const later = await nodes();
  expect(later.new!.approved_at).toBeNull();
  expect(later.old!.approved_at).toBe(approvedAt);
});

test("a node is approved and paused, and each change is one entry of the audit log", async () => {
  const change = async (body: object) => {
    // The timeline is sorted by time.
    await app.clock.pass(1);
    const route = "PATCH /api/admin/nodes/node_new";
    return (await app.ask<{ node: AdminNodeView }>(route, { token, body })).json.node;
  };
  expect((await change({ approved: true })).approved_at).toBeNumber();
  expect(await app.audited("node.approved")).toHaveLength(1);
  expect((await change({ paused: true })).paused_at).toBeNumber();
  expect(await app.audited("node.paused")).toHaveLength(1);
  expect((await change({ paused: false })).paused_at).toBeNull();
  expect((await change({ approved: false })).approved_at).toBeNull();
  for (const action of ["node.approved", "node.paused", "node.resumed", "node.unapproved"]) {
    expect(await app.audited(action))
      .toEqual([{ actor: admin.email, target: "node_new", detail: {} }]);
  }
  await app.clock.pass(1000);
  const { json } = await app.ask<NodeDetail>("GET /api/nodes/node_new", { token });
  expect(json.timeline.map(({ kind }): string => kind))
    .toEqual(["unapproved", "resumed", "paused", "approved", "connected"]);
});

test("the audit log is read page by page, and by actor and action", async () => {
  const read = async (query: string) =>
    (await app.ask<AuditPage>(`GET /api/admin/audit?${query}`, { token })).json;
  const first = await read("limit=2");
  expect(first.entries).toHaveLength(2);
  const second = await read(`limit=200&cursor=${first.next_cursor}`);
  expect(first.following).toEqual({ count: second.entries.length, exact: true });
  expect(second.next_cursor).toBeNull();
  const ids = [...first.entries, ...second.entries].map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const found = await read("action=invite.revoked&actor=admin@example.org");
  expect(found.entries).toMatchObject([{ action: "invite.revoked", address: "192.0.2.1" }]);
  expect((await read("actor=user@example.org")).entries).toEqual([]);
});

test("groups are made, filled by id or e-mail, changed and deleted, and the audit log says so", async () => {
  const ask = (route: string, body?: object) =>
    app.ask<never>(route, { token, ...(body && { body }) });
  const { json: { group } } = await ask("POST /api/admin/groups", { name: "Lab" }) as unknown as {
    json: { group: GroupView };
  };
  expect(group).toMatchObject({ name: "Lab", weight: 1, members: 0, members_see_nodes: false });
  const path = `/api/admin/groups/${group.id}`;
  await ask(`PATCH ${path}`, { add: [user.id, "admin@example.org"], weight: 3 });
  const { json: members } = await ask(`GET ${path}/members`);
  expect(members as unknown).toEqual({
    members: [{ id: admin.id, email: "admin@example.org" }, {
      id: user.id,
      email: "user@example.org",
    }],
  });
  const { json: page } = await ask("GET /api/admin/users") as unknown as { json: AdminUserPage };
  expect(page.users.map(({ groups }) => groups)).toEqual(page.users.map(() => ["Lab"]));
  expect(await ask("POST /api/admin/groups", { name: "lab" })).toMatchObject({ status: 400 });
  for (const wrong of [{ add: ["nobody@example.org"] }, { add: ["nobody"] }]) {
    expect(await ask(`PATCH ${path}`, wrong)).toMatchObject({ status: 404 });
  }
  for (const weight of [0, -1, 1001]) {
    expect(await ask(`PATCH ${path}`, { weight })).toMatchObject({ status: 400 });
  }
  await ask(`DELETE ${path}`);
  expect(await ask(`DELETE ${path}`)).toMatchObject({ status: 404 });
  expect(await ask("GET /api/admin/groups")).toMatchObject({ json: { groups: [] } });
  for (const action of ["group.created", "group.changed", "group.deleted"]) {
    expect(await app.audited(action)).toEqual(
      expect.arrayContaining([expect.objectContaining({ target: "Lab" })]),
    );
  }
});

test("the settings show what cannot be changed, and the name that everyone sees", async () => {
  const settings = "/api/admin/settings";
  const read = async () => (await app.ask<SettingsPage>(`GET ${settings}`, { token })).json;
  const before = (await read()).gateway.nodes.reduce((sum, { count }) => sum + count, 0);
  app.join(user, { name: "one of a kind" });
  await app.clock.pass(1000);
  const { gateway } = await read();
  expect(gateway).toMatchObject({
    public_url: null,
    tls: null,
    backup: { last_at: null, database: "sqlite" },
    gateways: [{ version: expect.any(String), count: 1 }],
  });
  expect(gateway.nodes.reduce((sum, { count }) => sum + count, 0)).toBe(before + 1);

  const named = async (name: string | null) =>
    (await app.ask(`PATCH ${settings}`, { token, body: { name } })).status;
  expect(await named("Lab gateway")).toBe(200);
  expect((await app.ask<InfoView>("GET /api/info", {})).json.name).toBe("Lab gateway");
  expect(await app.audited("settings.changed"))
    .toContainEqual({ actor: admin.email, target: null, detail: { name: "Lab gateway" } });
  for (const wrong of ["", "\u202eyawetag", "x".repeat(41)]) expect(await named(wrong)).toBe(400);
  expect(await named(null)).toBe(200);
  expect((await app.ask<InfoView>("GET /api/info", {})).json.name).toBe("");
});
