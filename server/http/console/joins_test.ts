/** Joining through the API: one-time codes, machines that ask for approval, and who guesses codes. */

import { afterEach, beforeEach, expect, test } from "bun:test";
import type { DeviceAuthorization, JoinCode, JoinedView, KeyView } from "../../../api/mod.ts";
import { DEVICE_GRANT } from "../../../api/joins.ts";
import { JOIN_CODE_MS } from "../../account/joining.ts";
import { type Ask, type TestAccount, TestApp } from "../testing/test_app.ts";

let app: TestApp;
let ada: TestAccount;
beforeEach(async () => {
  app = await TestApp.start({ COLINK_JOINS_PER_HOUR: "5" });
  ada = await app.account("ada@example.com");
});
afterEach(() => app.stop());

async function codeOf({ session }: TestAccount): Promise<string> {
  return (await app.ask<JoinCode>("POST /api/join/codes", { token: session })).json.code;
}

function joinBy(code: string, machine = "studio-pc") {
  return app.ask<JoinedView>("POST /api/join", { body: { code, machine } });
}

async function askToJoin(machine = "studio-pc"): Promise<DeviceAuthorization> {
  return (await app.ask<DeviceAuthorization>("POST /api/join/device", { body: { machine } })).json;
}

function poll(device_code: string) {
  return app.ask<JoinedView>("POST /api/join/token", {
    body: { grant_type: DEVICE_GRANT, device_code },
  });
}

function decide({ user_code }: DeviceAuthorization, { session }: TestAccount, approved: boolean) {
  return app.ask(`POST /api/join/requests/${user_code}`, {
    token: session,
    body: { approved },
  });
}

async function keysOf({ session }: TestAccount): Promise<KeyView[]> {
  return (await app.ask<{ keys: KeyView[] }>("GET /api/keys", { token: session })).json.keys;
}

async function refusal(route: string, ask: Ask = {}): Promise<[number, string]> {
  const { status, json } = await app.ask<{ error: { code: string } }>(route, ask);
  return [status, json.error?.code];
}

const codeIn = (
  { status, json }: { status: number; json: unknown },
) => [status, (json as { error?: { code: string } }).error?.code];

test("a code makes one machine a key of its own, named after it, that its owner can revoke", async () => {
  const code = await codeOf(ada);
  expect(code).toMatch(/^([2-9A-HJKMNP-Z]{4}-){2}[2-9A-HJKMNP-Z]{4}$/);
  const { status, json } = await joinBy(code.toLowerCase().replaceAll("-", " "));
  expect([status, json.name, json.account]).toEqual([200, "studio-pc", ada.email]);
  const key = await app.parts.keyring.authenticate(json.access_token, "node");
  expect(key).toMatchObject({ id: json.key_id, accountId: ada.id, kind: "node" });
  expect(await keysOf(ada)).toContainEqual(
    expect.objectContaining({ id: key.id, name: "studio-pc", kind: "client", is_default: false }),
  );
  expect(await app.audited("join.completed")).toEqual([
    { actor: ada.email, target: "studio-pc", detail: {} },
  ]);
  await app.ask(`DELETE /api/keys/${key.id}`, { token: ada.session });
  await expect(app.parts.keyring.authenticate(json.access_token, "node")).rejects
    .toMatchObject({ code: "key_revoked" });
});

test("a code is good once", async () => {
  const code = await codeOf(ada);
  expect((await joinBy(code)).status).toBe(200);
  expect(codeIn(await joinBy(code))).toEqual([403, "join_refused"]);
  expect(codeIn(await joinBy("2222-2222-2222"))).toEqual([403, "join_refused"]);
});

test("of many that use one code at the same time one joins", async () => {
  const code = await codeOf(ada);
  const answers = await Promise.all([1, 2, 3, 4].map((n) => joinBy(code, `machine-${n}`)));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect((await keysOf(ada)).filter(({ name }) => name.startsWith("machine-"))).toHaveLength(1);
});

test("a machine without a code joins once a signed-in user has approved what it shows", async () => {
  const asked = await askToJoin();
  expect(asked.user_code).toMatch(/^[2-9A-Z]{4}-[2-9A-Z]{4}$/);
  expect(asked).toMatchObject({
    verification_uri: "http://localhost/join",
    verification_uri_complete: `http://localhost/join?code=${asked.user_code}`,
    expires_in: 900,
  });
  expect(codeIn(await poll(asked.device_code))).toEqual([400, "authorization_pending"]);
  const shown = await app.ask(`GET /api/join/requests/${asked.user_code}`, {
    token: ada.session,
  });
  expect(shown.json).toMatchObject({
    request: { machine: "studio-pc", address: "192.0.2.1", state: "open" },
  });
  expect((await decide(asked, ada, true)).status).toBe(200);
  const { json } = await poll(asked.device_code);
  expect(await app.parts.keyring.authenticate(json.access_token, "node"))
    .toMatchObject({ accountId: ada.id });
  expect(codeIn(await poll(asked.device_code))).toEqual([400, "expired_token"]);
});

test("a denied machine gets nothing, and no other account can decide again", async () => {
  const bob = await app.account("bob@example.com");
  const asked = await askToJoin();
  await decide(asked, ada, false);
  expect(codeIn(await poll(asked.device_code))).toEqual([400, "access_denied"]);
  expect(codeIn(await decide(asked, bob, true))).toEqual([403, "join_refused"]);
  expect(codeIn(await poll(asked.device_code))).toEqual([400, "access_denied"]);
});

test("a request is over after a quarter of an hour", async () => {
  const asked = await askToJoin();
  await app.clock.pass(JOIN_CODE_MS);
  expect(codeIn(await poll(asked.device_code))).toEqual([400, "expired_token"]);
  expect(await refusal(`GET /api/join/requests/${asked.user_code}`, { token: ada.session }))
    .toEqual([403, "join_refused"]);
});

test("a user code is no join code, and a join code is nobody's request", async () => {
  const asked = await askToJoin();
  expect(codeIn(await joinBy(asked.user_code))).toEqual([403, "join_refused"]);
  const code = await codeOf(ada);
  expect(await refusal(`GET /api/join/requests/${code}`, { token: ada.session }))
    .toEqual([403, "join_refused"]);
});

test("a machine that asks too often is told to slow down", async () => {
  const { device_code } = await askToJoin();
  const answers = await Promise.all(Array.from({ length: 61 }, () => poll(device_code)));
  expect(answers.map(codeIn).at(-1)).toEqual([400, "slow_down"]);
});

test("a network that guesses codes, or asks for ever more machines, is stopped", async () => {
  for (let n = 0; n < 5; n++) expect((await joinBy(`guess-${n}`)).status).toBe(403);
  expect(codeIn(await joinBy("guess"))).toEqual([429, "login_throttled"]);
  expect(await refusal("POST /api/join/device", { body: { machine: "one-more" } }))
    .toEqual([429, "login_throttled"]);
});

test("an account that guesses what machines show is stopped at whatever network it is", async () => {
  const guess = (n: number) =>
    app.parts.joining.find(`WRONG${n}`, { accountId: ada.id, address: `198.51.100.${n}` });
  for (let n = 0; n < 5; n++) {
    await expect(guess(n)).rejects.toMatchObject({ code: "join_refused" });
  }
  await expect(guess(6)).rejects.toMatchObject({ code: "login_throttled" });
});

test("a right code is not held up by its neighbours' wrong ones", async () => {
  for (let n = 0; n < 8; n++) await joinBy(`guess-${n}`);
  expect((await joinBy(await codeOf(ada))).status).toBe(200);
});

test("an account has at most twenty codes: another one ends the oldest", async () => {
  const codes: string[] = [];
  for (let n = 0; n < 21; n++) {
    codes.push(await codeOf(ada));
    await app.clock.pass(1);
  }
  expect(codeIn(await joinBy(codes[0]!))).toEqual([403, "join_refused"]);
  expect((await joinBy(codes[1]!)).status).toBe(200);
});

test("names that could mislead a reader are refused", async () => {
  const code = await codeOf(ada);
  for (const machine of ["", "a\u202eb", "x".repeat(81)]) {
    expect((await joinBy(code, machine)).status).toBe(400);
  }
  expect((await joinBy(code)).status).toBe(200);
});
