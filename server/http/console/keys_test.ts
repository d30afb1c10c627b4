/** The routes of an account's keys, with the entries that they leave in the audit log. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { ErrorView, KeyView, RotatedKey } from "../../../api/mod.ts";
import { type TestAccount, TestApp } from "../testing/test_app.ts";

let app: TestApp;
let me: TestAccount;
let other: TestAccount;

beforeAll(async () => {
  app = await TestApp.start();
  me = await app.account("me@example.org");
  other = await app.account("other@example.org");
});
afterAll(() => app.stop());

async function keysOf({ session: token }: TestAccount): Promise<KeyView[]> {
  const { json } = await app.ask<{ keys: KeyView[] }>("GET /api/keys", { token });
  return json.keys;
}

test("a key is created, changed, rotated and revoked by its owner alone", async () => {
  const { session: token, email: actor } = me;
  const { key } = await app.key(me, { models: ["m"], rpm: 5 });
  expect(await app.audited("key.created"))
    .toEqual([{ actor, target: "k", detail: { kind: "api" } }]);
  const path = `/api/keys/${key.id}`;

  const body = { name: "new name", rpm: null };
  const changed = await app.ask<{ key: KeyView }>(`PATCH ${path}`, { token, body });
  expect(changed.json.key).toMatchObject({ name: "new name", rpm: null, models: ["m"] });
  expect(await app.audited("key.changed"))
    .toEqual([{ actor, target: "new name", detail: { fields: "name, rpm" } }]);

  // By the database's clock, which is the machine's.
  const before = Date.now();
  const rotated = await app.ask<RotatedKey>(`POST ${path}/rotate`, {
    token,
    body: { overlap_seconds: 60 },
  });
  const { state, expires_at } = rotated.json.replaced!;
  expect(state).toBe("replaced");
  expect(expires_at! - 60_000).toBeWithin(before - 1, Date.now() + 1);
  expect(await app.audited("key.rotated"))
    .toEqual([{ actor, target: "new name", detail: { overlap_seconds: 60 } }]);
  const successor = `/api/keys/${rotated.json.key.id}`;
  const atOnce = await app.ask<RotatedKey>(`POST ${successor}/rotate`, { token, body: {} });
  expect(atOnce.json.replaced).toBeNull();

  const last = `/api/keys/${atOnce.json.key.id}`;
  for (const route of [`PATCH ${last}`, `DELETE ${last}`, `POST ${last}/rotate`]) {
    expect((await app.ask(route, { token: other.session, body: {} })).status).toBe(404);
  }
  expect((await app.ask(`DELETE ${last}`, { token })).json).toEqual({ message: "Key revoked" });
  expect(await app.audited("key.revoked"))
    .toEqual([{ actor, target: "new name", detail: {} }]);
  const left = await keysOf(me);
  expect(left.map(({ id }) => id)).not.toContain(atOnce.json.key.id);
});

test("an account's own key is revoked once it was replaced, not before", async () => {
  const account = await app.account("own@example.org");
  const token = account.session;
  const { id } = (await keysOf(account)).find((key) => key.is_default && key.kind === "api")!;
  const revoked = async () => (await app.ask(`DELETE /api/keys/${id}`, { token })).status;
  expect(await revoked()).toBe(400);
  await app.ask(`POST /api/keys/${id}/rotate`, { token, body: { overlap_seconds: 3600 } });
  expect(await revoked()).toBe(200);
});

test("keys are created and rotated thirty times a minute at most, by each account", async () => {
  const account = await app.account("busy@example.org");
  const { key } = await app.key(account);
  for (let i = 1; i < 30; i++) expect((await app.key(account)).key.id).toBeString();
  const token = account.session;
  const rotate = `POST /api/keys/${key.id}/rotate`;
  expect((await app.ask(rotate, { token, body: {} })).status).toBe(429);
  const { status, json } = await app.ask<ErrorView>("POST /api/keys", {
    token,
    body: { name: "k" },
  });
  expect([status, json.error.code]).toEqual([429, "rate_limit_exceeded"]);
  expect(json.error.message).toContain("made or replaced keys 30 times within a minute");
  expect((await app.key(other)).key.id).toBeString();
});

const forms: [what: string, form: unknown, problems: object[]][] = [
  ["without a name", {}, [{ param: "name", code: "required", message: "is missing" }]],
  ["with no object", [], [{ param: "", code: "wrong_type" }]],
  ["with an empty name", { name: " " }, [{ param: "name", code: "too_short", limit: 1 }]],
  ["with a long name", { name: "x".repeat(81) }, [{ param: "name", code: "too_long", limit: 80 }]],
  ["with a control character", { name: "a\u0007" }, [{ param: "name", code: "wrong_format" }]],
  ["with a number as name", { name: 1 }, [{ param: "name", code: "wrong_type" }]],
  ["of an unknown kind", { name: "k", kind: "x" }, [{ param: "kind", code: "not_allowed" }]],
  ["with a negative limit", { name: "k", rpm: -1 }, [{
    param: "rpm",
    code: "too_small",
    limit: 0,
  }]],
  ["with a huge limit", { name: "k", rpm: 1e7 }, [{ param: "rpm", code: "too_big", limit: 1e6 }]],
  ["with no model", { name: "k", models: [] }, [{ param: "models", code: "too_short", limit: 1 }]],
  ["with too many", { name: "k", models: Array(1001).fill("m") }, [
    { param: "models", code: "too_long", limit: 1000 },
  ]],
  ["with an empty model", { name: "k", models: ["m", ""] }, [
    { param: "models.1", code: "too_short", limit: 1 },
  ]],
  ["with unknown fields", { name: "k", a: 1, b: 2 }, [
    { param: "a", code: "unknown_field" },
    { param: "b", code: "unknown_field" },
  ]],
];
for (const [what, body, problems] of forms) {
  test(`a form ${what} says so field by field`, async () => {
    const { session: token } = me;
    const { status, json } = await app.ask<ErrorView>("POST /api/keys", { token, body });
    expect([status, json.error.code]).toEqual([400, "invalid_request"]);
    expect(json.error.fields).toEqual(problems.map((one) => expect.objectContaining(one)));
    const { param } = problems[0] as { param: string };
    expect(json.error.param).toBe(param === "" ? null : param);
    expect(json.error.message).toStartWith(
      `Cannot read the body: ${param === "" ? "body" : param}: `,
    );
  });
}

test("a query with a wrong value names the query", async () => {
  const { json } = await app.ask<ErrorView>("GET /api/calls?limit=0", { token: me.session });
  expect(json.error).toMatchObject({ code: "invalid_request", param: "limit" });
  expect(json.error.message).toStartWith("Cannot read the query: limit: ");
});

for (
  const [what, headers, body, code] of [
    ["that is not JSON", {}, "{", "invalid_json"],
    ["of another type", { "content-type": "text/plain" }, "{}", "unsupported_media_type"],
  ] as const
) {
  test(`a body ${what} says so`, async () => {
    const { json } = await app.ask<ErrorView>("POST /api/keys", {
      token: me.session,
      headers,
      body,
    });
    expect(json.error.code).toBe(code);
  });
}
