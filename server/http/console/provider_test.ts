/** Signing in with a provider: the real oidc-provider, a browser, and the gateway's real parts. */

import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  expect,
  setSystemTime,
  spyOn,
  test,
} from "bun:test";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from "jose";
import type { UserView } from "../../../api/mod.ts";
import { storeUnavailable } from "../../store/backend.ts";
import { testDatabase } from "../../store/testing/postgres.ts";
import type { ErrorView } from "../../../api/mod.ts";
import { attention } from "../attention.ts";
import { TestApp } from "../testing/test_app.ts";
import { CLIENT, type Person, TestBrowser, TestProvider } from "../testing/test_provider.ts";

let provider: TestProvider;
let app: TestApp;

const settings = (more: Record<string, string> = {}) => ({
  COLINK_OIDC_ISSUER: provider.issuer,
  COLINK_OIDC_CLIENT_ID: CLIENT.id,
  COLINK_OIDC_CLIENT_SECRET: CLIENT.secret,
  COLINK_OIDC_GROUPS_CLAIM: "groups",
  COLINK_SIGN_INS_PER_MINUTE: "1000",
  ...more,
});

const start = (more?: Record<string, string>) =>
  TestApp.start(settings(more), { fetch: provider.fetch });

beforeAll(async () => {
  provider = await TestProvider.start();
  app = await start();
});
afterAll(async () => {
  await app.stop();
  provider.stop();
});

const START = "http://localhost/api/auth/oidc/start";

// Tokens are judged by the gateway's clock and by the process's, as `openid-client` does. The former
// stands still from the start of the file, so the latter stands there, too, however long tests take.
beforeEach(() => void setSystemTime(app.clock.now()));
afterEach(() => void setSystemTime());

/** The code of the error that a sign-in ended with; null: it ended well. */
async function refusedWith(answer: Response): Promise<string | null> {
  if (answer.status === 302) return null;
  return ((await answer.json()) as { error: { code: string } }).error.code;
}

/** Somebody at the provider, who signs in next. */
function person(change: Partial<Person> = {}): Person {
  const sub = crypto.randomUUID();
  const made = { sub, email: `${sub}@example.org`, email_verified: true, ...change };
  provider.people.set(sub, made);
  provider.signsIn = sub;
  return made;
}

async function me(browser: TestBrowser, at = app): Promise<UserView> {
  return (await at.ask<{ user: UserView }>("GET /api/user/me", { token: browser.session! })).json
    .user;
}

test("a person of the provider gets an account and a session, and the same one the next time", async () => {
  const { email } = person();
  const browser = new TestBrowser(app);
  const answer = await browser.signIn("?next=/keys");
  expect([answer.status, answer.headers.get("location"), await answer.text()]).toEqual([
    302,
    "/keys",
    "",
  ]);
  const user = await me(browser);
  expect(user).toMatchObject({ email: email!, role: "user" });
  const again = new TestBrowser(app);
  await again.signIn();
  expect((await me(again)).id).toBe(user.id);
});

test("a link is used once: neither its state nor its code opens anything again", async () => {
  person();
  const browser = new TestBrowser(app);
  const callback = await browser.toCallback();
  const cookies = new Map(browser.cookies.get("localhost"));
  expect((await browser.send(callback)).status).toBe(302);
  // The browser has lost the attempt; a copy of its cookie does not help.
  expect(await refusedWith(await browser.send(callback))).toBe("sign_in_refused");
  browser.cookies.set("localhost", new Map(cookies));
  const asked = provider.asked.length;
  expect(await refusedWith(await browser.send(callback))).toBe("sign_in_refused");
  expect(provider.asked.length).toBe(asked);

  // A code that was used already, in an attempt of its own.
  const other = new TestBrowser(app);
  const next = new URL(await other.toCallback());
  next.searchParams.set("code", new URL(callback).searchParams.get("code")!);
  expect(await refusedWith(await other.send(next.href))).toBe("sign_in_refused");
});

test("another browser cannot end an attempt, nor one attempt another's, nor one that is too old", async () => {
  person();
  const [victim, attacker] = [new TestBrowser(app), new TestBrowser(app)];
  const callback = await attacker.toCallback();
  expect(await refusedWith(await victim.send(callback))).toBe("sign_in_refused");
  await victim.toCallback();
  expect(await refusedWith(await victim.send(callback))).toBe("sign_in_refused");
  // The victim's own cookie under the attacker's name.
  const [cookie] = victim.cookies.get("localhost")!.values();
  const [name] = attacker.cookies.get("localhost")!.keys();
  victim.cookies.get("localhost")!.set(name!, cookie!);
  expect(await refusedWith(await victim.send(callback))).toBe("sign_in_refused");
  expect(victim.session).toBeUndefined();

  const late = await TestApp.start(settings(), { fetch: provider.fetch });
  const slow = new TestBrowser(late);
  const link = await slow.toCallback();
  await late.clock.pass(10 * 60_000 + 1);
  expect(await refusedWith(await slow.send(link))).toBe("sign_in_refused");
  await late.stop();
});

const NOW_SECONDS = () => Math.floor(app.clock.now() / 1000);

/** What an ID token may claim wrongly, and whether the sign-in is then refused. */
const forgeries: Record<string, (claims: JWTPayload) => JWTPayload | Promise<string>> = {
  "another nonce": (claims) => ({ ...claims, nonce: "another" }),
  "no nonce": ({ nonce: _, ...claims }) => claims,
  "another issuer": (claims) => ({ ...claims, iss: "https://evil.example" }),
  "another client": (claims) => ({ ...claims, aud: "another" }),
  "another client beside this one, for which it was issued": (claims) => ({
    ...claims,
    aud: [CLIENT.id, "another"],
    azp: "another",
  }),
  "an end 61 s ago": (claims) => ({ ...claims, exp: NOW_SECONDS() - 61 }),
  "a beginning in 61 s": (claims) => ({ ...claims, iat: NOW_SECONDS() + 61 }),
  "no subject": ({ sub: _, ...claims }) => claims,
  "no signature": (claims) => Promise.resolve(new UnsecuredJWT(claims).encode()),
  "a signature made with the client's secret": (claims) =>
    new SignJWT(claims).setProtectedHeader({ alg: "HS256" })
      .sign(new TextEncoder().encode(CLIENT.secret)),
  "a signature by a key of somebody else": async (claims) => {
    const { privateKey } = await generateKeyPair("ES256");
    const { kid = "" } = provider.keys[0]!;
    return await new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid }).sign(privateKey);
  },
  "a key that it brings itself": async (claims) => {
    const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
    const jwk = await exportJWK(publicKey);
    return await new SignJWT(claims).setProtectedHeader({ alg: "ES256", jwk }).sign(privateKey);
  },
};

for (const [what, forge] of Object.entries(forgeries)) {
  test(`an ID token with ${what} signs no one in`, async () => {
    person();
    const browser = new TestBrowser(app);
    provider.changeIdToken(forge);
    const answer = await browser.signIn();
    provider.tamper = null;
    expect(await refusedWith(answer)).toBe("sign_in_refused");
    expect(browser.session).toBeUndefined();
  });
}

for (
  const [what, change] of Object.entries<(claims: JWTPayload) => JWTPayload>({
    "ended 50 s ago": (claims) => ({ ...claims, exp: NOW_SECONDS() - 50 }),
    "begins in 50 s": (claims) => ({ ...claims, iat: NOW_SECONDS() + 50 }),
  })
) {
  test(`an ID token that ${what} is accepted: clocks differ`, async () => {
    person();
    const browser = new TestBrowser(app);
    provider.changeIdToken(change);
    const answer = await browser.signIn();
    provider.tamper = null;
    expect([answer.status, browser.session]).toEqual([302, expect.any(String)]);
  });
}

for (
  const [what, seconds, isAccepted] of [
    ["a minute behind", -60, true],
    ["ten minutes behind", -600, false],
    ["ten minutes ahead", 600, false],
    ["a day behind", -86_400, false],
    ["a day ahead", 86_400, false],
  ] as const
) {
  test(`with a provider whose clock is ${what}, a sign-in ${isAccepted ? "ends well" : "is refused, and the message names the clock"}`, async () => {
    person();
    const browser = new TestBrowser(app);
    provider.changeIdToken(({ iat, exp, ...claims }) => ({
      ...claims,
      iat: iat! + seconds,
      exp: exp! + seconds,
    }));
    const answer = await browser.signIn();
    provider.tamper = null;
    if (isAccepted) {
      expect([answer.status, browser.session]).toEqual([302, expect.any(String)]);
      return;
    }
    expect(await answer.text()).toContain("who runs the gateway should check its clock");
    expect([answer.status, browser.session]).toEqual([403, undefined]);
  });
}

test("keys that the provider has begun to use since are read", async () => {
  person();
  const browser = new TestBrowser(app);
  await browser.signIn();
  const [callback, old] = [await browser.toCallback(), provider.keys];
  await provider.rotateKeys();
  provider.changeIdToken((claims) => claims);
  const sign = provider.tamper!;
  provider.tamper = (url, answer) =>
    url.endsWith("/jwks") ? Response.json({ keys: provider.publicKeys }) : sign(url, answer);
  // Keys are read again at most every few seconds.
  setSystemTime(Date.now() + 6_000);
  const answer = await browser.send(callback);
  setSystemTime();
  provider.tamper = null;
  provider.keys = old;
  expect([answer.status, browser.session]).toEqual([302, expect.any(String)]);
});

test("a subject that a database would store as another's, or could not index, signs no one in", async () => {
  for (const sub of ["s\0", "s\ud800", "s".repeat(256)]) {
    provider.signsIn = sub;
    provider.people.set(sub, {
      sub,
      email: `${crypto.randomUUID()}@example.org`,
      email_verified: true,
    });
    const browser = new TestBrowser(app);
    expect(await refusedWith(await browser.signIn())).toBe("sign_in_refused");
    expect(browser.session).toBeUndefined();
  }
});

test("only an address that the provider says is verified opens an account", async () => {
  const signIn = async (change: Partial<Person>, at = app) => {
    person(change);
    return refusedWith(await new TestBrowser(at).signIn());
  };
  expect(await signIn({ email_verified: false })).toBe("email_not_verified");
  expect(await signIn({ email_verified: "false" })).toBe("email_not_verified");
  expect(await signIn({ email_verified: undefined })).toBe("email_not_verified");
  expect(await signIn({ email: undefined })).toBe("email_not_verified");
  expect(await signIn({ email: "no address" })).toBe("invalid_request");
  expect(await signIn({ email_verified: "true" })).toBeNull();
  const trusting = await start({ COLINK_OIDC_TRUST_EMAIL: "on" });
  expect(await signIn({ email_verified: undefined }, trusting)).toBeNull();
  expect(await signIn({ email_verified: false }, trusting)).toBe("email_not_verified");
  await trusting.stop();
});

test("an account that is found by its address loses what opened it before; one that is linked keeps it", async () => {
  const account = await app.account("found@example.org");
  person({ email: "Found@Example.org" });
  const browser = new TestBrowser(app);
  await browser.signIn();
  const user = await me(browser);
  expect(user.id).toBe(account.id);
  expect([user.api_token, user.client_token]).not.toContain(account.api_token);
  expect((await app.ask("GET /v1/models", { token: account.api_token })).status).toBe(401);
  expect((await app.ask("GET /v1/models", { token: user.api_token })).status).toBe(200);
  expect((await app.ask("GET /api/user/me", { token: account.session })).status).toBe(401);

  const owner = await app.account("owner@example.org");
  const own = new TestBrowser(app);
  // With an address that is not theirs, somebody would keep that person out.
  for (const change of [{ email: "elsewhere@example.org" }, { email_verified: false }]) {
    person({ email: "owner@example.org", ...change });
    own.cookies.set("localhost", new Map([["colink_session", owner.session]]));
    expect(await refusedWith(await own.signIn("?link=1"))).not.toBeNull();
  }
  person({ email: "owner@example.org" });
  own.cookies.set("localhost", new Map([["colink_session", owner.session]]));
  await own.signIn("?link=1&next=/settings");
  expect((await app.ask("GET /v1/models", { token: owner.api_token })).status).toBe(200);
  const again = new TestBrowser(app);
  await again.signIn();
  expect((await me(again)).id).toBe(owner.id);
  // Linking needs the session of the account.
  expect(await refusedWith(await new TestBrowser(app).send(`${START}?link=1`)))
    .toBe("session_required");
});

test("an account has the address that its person has at the provider, unless another account has it", async () => {
  const somebody = person();
  const browser = new TestBrowser(app);
  await browser.signIn();
  const body = { email: "victim@example.org" };
  const change = await app.ask("POST /api/user/email", { token: browser.session!, body });
  expect([change.status, change.json.error]).toMatchObject([400, { param: "email" }]);
  somebody.email = "Renamed@example.org";
  await browser.signIn();
  expect((await me(browser)).email).toBe("renamed@example.org");
  await app.account("taken@example.org");
  for (const now of [{ email: "taken@example.org" }, { email: "x@y", email_verified: false }]) {
    Object.assign(somebody, now);
    await browser.signIn();
    expect((await me(browser)).email).toBe("renamed@example.org");
  }
});

test("an account stays its person's, even if another gets its address later", async () => {
  const { email } = person();
  await new TestBrowser(app).signIn();
  person({ email: email! });
  expect(await refusedWith(await new TestBrowser(app).signIn())).toBe("sign_in_refused");
  const { id } = (await app.parts.store.accountByEmail(email!))!;
  expect(await app.parts.providerSignIn.unlink(id)).toBe(true);
  expect(await refusedWith(await new TestBrowser(app).signIn())).toBeNull();
});

test("an account that an administrator has disabled is not signed in to", async () => {
  const { email } = person();
  const browser = new TestBrowser(app);
  await browser.signIn();
  const { id } = (await app.parts.store.accountByEmail(email!))!;
  await app.parts.store.users.change(id, { isDisabled: true });
  expect(await refusedWith(await browser.signIn())).toBe("sign_in_refused");
});

test("who gets a new account is a setting", async () => {
  const at = await start({ COLINK_OIDC_ACCOUNTS: "registration", COLINK_REGISTRATION: "invite" });
  const signIn = async (query = "") => {
    person();
    return refusedWith(await new TestBrowser(at).signIn(query));
  };
  expect(await signIn()).toBe("invite_required");
  const { code } = await at.parts.invites.create({ ttlMs: 60_000, createdBy: null });
  expect(await signIn(`?invite=${code}`)).toBeNull();
  expect(await signIn(`?invite=${code}`)).toBe("invite_required");
  await at.parts.settings.change({ registration: "closed" });
  expect(await signIn()).toBe("registration_closed");
  await at.stop();

  const existing = await start({ COLINK_OIDC_ACCOUNTS: "existing" });
  await existing.account("here@example.org");
  person();
  expect(await refusedWith(await new TestBrowser(existing).signIn())).toBe("registration_closed");
  person({ email: "here@example.org" });
  expect(await refusedWith(await new TestBrowser(existing).signIn())).toBeNull();
  await existing.stop();
});

test("the browser goes to pages of the console only", async () => {
  for (
    const next of [
      "https://evil.example/",
      "//evil.example",
      "/\\evil.example",
      "/\tevil.example",
      "\\/evil.example",
      "/api/auth/logout",
      "javascript:alert(1)",
      "/%0d%0aset-cookie:a=b",
    ]
  ) {
    person();
    const answer = await new TestBrowser(app).signIn(`?next=${encodeURIComponent(next)}`);
    const location = answer.headers.get("location")!;
    expect(new URL(location, "http://localhost").host).toBe("localhost");
    expect(["/dashboard", "/%0d%0aset-cookie:a=b"]).toContain(location);
  }
});

test("below a base path, and under a public address, the links and cookies are those", async () => {
  const at = await start({ COLINK_PUBLIC_URL: "https://colink.example/base" });
  const answer = await at.ask("GET /base/api/auth/oidc/start?next=/base/keys");
  const url = new URL(answer.headers.get("location")!);
  expect(url.searchParams.get("redirect_uri"))
    .toBe("https://colink.example/base/api/auth/oidc/callback");
  expect([...url.searchParams.keys()].sort()).toEqual(
    "client_id code_challenge code_challenge_method nonce redirect_uri response_type scope state"
      .split(" "),
  );
  expect(url.searchParams.get("scope")).toBe("openid email profile offline_access");
  expect(answer.headers.get("set-cookie")).toMatch(
    /^colink_oidc_[\w-]{16}=[\w-]+; Max-Age=600; Path=\/base\/api\/auth\/oidc\/callback; HttpOnly; Secure; SameSite=Lax$/,
  );
  await at.stop();
});

test("with the provider only, passwords are not taken", async () => {
  const at = await start({ COLINK_OIDC_ONLY: "on", COLINK_OIDC_LABEL: "The Lab" });
  const { json } = await at.ask("GET /api/info");
  expect(json).toMatchObject({ sign_in_provider: "The Lab", passwords: false });
  const { session: token } = await at.account("a@example.org");
  const form = { email: "a@example.org", password: "correct horse battery" };
  for (
    const [route, body] of [
      ["POST /api/auth/login", form],
      ["POST /api/auth/register", form],
      ["POST /api/user/password", { current_password: "x", new_password: form.password }],
      ["POST /api/auth/reset", { code: "reset-x", new_password: form.password }],
    ] as const
  ) {
    const { status, json } = await at.ask(route, { body, token });
    expect([route, status, json.error]).toMatchObject([route, 403, { code: "passwords_off" }]);
  }
  const { id, session: admin } = await at.account("admin@example.org", "admin");
  const link = await at.ask<ErrorView>(`POST /api/admin/users/${id}/password-reset`, {
    body: {},
    token: admin,
  });
  expect([link.status, link.json.error]).toMatchObject([403, { code: "passwords_off" }]);
  expect(link.json.error.message).toContain("COLINK_OIDC_ONLY");
  await at.stop();
});

test("without a provider there is no such sign-in, and its settings are refused without it", async () => {
  const at = await TestApp.start();
  expect((await at.ask("GET /api/auth/oidc/start")).status).toBe(404);
  expect((await at.ask("GET /api/auth/oidc/callback?state=x&code=y")).status).toBe(404);
  const body = "logout_token=x";
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  expect((await at.ask("POST /api/auth/oidc/backchannel-logout", { body, headers })).status).toBe(
    404,
  );
  await at.stop();
});

test("sign-ins are limited by network before the provider is asked", async () => {
  const at = await start({ COLINK_SIGN_INS_PER_MINUTE: "2" });
  for (const status of [302, 302, 429]) {
    expect((await at.ask("GET /api/auth/oidc/start")).status).toBe(status);
  }
  await at.stop();
});

test("a provider that is down, slow or sends too much is named, and passwords still work", async () => {
  const at = await start();
  const begin = async () => (await at.ask("GET /api/auth/oidc/start")).json?.error;
  provider.isDown = true;
  expect(await begin()).toMatchObject({ code: "provider_unavailable" });
  expect(
    (await at.ask("POST /api/auth/login", { body: { email: "a@b", password: "xxxxxxxx" } })).json,
  )
    .toMatchObject({ error: { code: "invalid_credentials" } });
  provider.isDown = false;
  // It is left alone for a moment.
  expect(await begin()).toMatchObject({ code: "provider_unavailable" });
  const endless = () =>
    new Response(new ReadableStream({ pull: (sink) => sink.enqueue(new Uint8Array(65_536)) }));
  const wrong: Record<string, () => Response> = {
    endless,
    "of another issuer": () => Response.json({ issuer: "https://evil.example" }),
    "no JSON": () => new Response("<html>", { headers: { "content-type": "text/html" } }),
    "a redirect": () => Response.redirect("https://evil.example"),
    "an error": () => new Response("", { status: 500 }),
  };
  for (const [what, answer] of Object.entries(wrong)) {
    await at.clock.pass(2_001);
    provider.tamper = answer;
    expect([what, await begin()]).toMatchObject([what, { code: "provider_unavailable" }]);
  }
  provider.tamper = null;
  await at.clock.pass(2_001);
  expect(await begin()).toBeUndefined();
  // The token's answer, too.
  person();
  const browser = new TestBrowser(at);
  const callback = await browser.toCallback();
  provider.tamper = endless;
  expect(await refusedWith(await browser.send(callback))).toBe("provider_unavailable");
  provider.tamper = null;
  await at.stop();
});

const CHECK_MS = 4 * 60_000;

/** Asks the provider for everybody who is due after the time between two checks. */
async function check(at: TestApp): Promise<void> {
  await at.clock.pass(CHECK_MS + 1);
  // The provider uses the same clock.
  setSystemTime(at.clock.now());
  await at.parts.providerChecks.run();
}

/** A gateway of the test's own, since it goes ahead in time, with somebody who has signed in. */
async function signedIn(more: Record<string, string> = {}, change: Partial<Person> = {}) {
  const at = await start(more);
  const somebody = person(change);
  const browser = new TestBrowser(at);
  await browser.signIn();
  return { at, browser, somebody, user: await me(browser, at) };
}

test("a person who is removed at the provider loses session and keys at the next check, and has them back after the next sign-in", async () => {
  const { at, browser, somebody, user } = await signedIn();
  const models = () => at.ask("GET /v1/models", { token: user.api_token });
  await check(at);
  expect((await models()).status).toBe(200);
  expect((await me(browser, at)).id).toBe(user.id);

  provider.people.delete(somebody.sub);
  await check(at);
  expect([(await models()).status, (await models()).json.error]).toMatchObject([403, {
    code: "key_blocked",
  }]);
  expect((await at.ask("GET /api/user/me", { token: browser.session! })).status).toBe(401);
  expect((await at.audited("user.disabled"))[0])
    .toEqual({ actor: null, target: somebody.email!, detail: { by: "sign-in provider" } });

  provider.people.set(somebody.sub, somebody);
  const again = new TestBrowser(at);
  await again.signIn();
  expect((await models()).status).toBe(200);
  expect((await at.ask("GET /api/user/me", { token: browser.session! })).status).toBe(401);
  await at.stop();
});

test("while the provider is away, or its client is set up wrongly, no one loses access", async () => {
  const { at, user } = await signedIn();
  const failures: Record<string, () => void> = {
    "is down": () => provider.isDown = true,
    "answers with an error": () => provider.tamper = () => new Response("", { status: 502 }),
    "does not know its client": () =>
      provider.tamper = () => Response.json({ error: "invalid_client" }, { status: 401 }),
    "signs for another client": () =>
      provider.changeIdToken((claims) => ({ ...claims, aud: "another" })),
  };
  for (const [what, fail] of Object.entries(failures)) {
    fail();
    await check(at);
    [provider.isDown, provider.tamper] = [false, null];
    const { status } = await at.ask("GET /v1/models", { token: user.api_token });
    expect([what, status]).toEqual([what, 200]);
    // Asked again half a minute later, not only after four.
    const asked = provider.asked.length;
    await at.clock.pass(31_000);
    await at.parts.providerChecks.run();
    expect(provider.asked.length).toBeGreaterThan(asked);
  }
  await at.stop();
});

test("a refresh token that was used up is not used again, though the database did not take the next one", async () => {
  const { at, browser } = await signedIn();
  provider.rotates = true;
  const { identities } = at.parts.store;
  const saving = spyOn(identities, "checked").mockImplementation(() =>
    Promise.reject(storeUnavailable("it is away"))
  );
  const sent: string[] = [];
  provider.onTokenRequest = (body) => sent.push(body.get("refresh_token") ?? "");
  await expect(check(at)).rejects.toThrow();
  await expect(at.parts.providerChecks.run()).rejects.toThrow();
  saving.mockRestore();
  await check(at);
  await check(at);
  [provider.onTokenRequest, provider.rotates] = [null, false];
  expect(sent.length).toBeGreaterThan(1);
  expect(new Set(sent).size).toBe(sent.length);
  expect((await me(browser, at)).email).toContain("@");
  await at.stop();
});

test("without a refresh token the access token is asked with, as long as it is valid", async () => {
  const at = await start();
  person();
  provider.tamper = async (url, answer) => {
    if (!url.endsWith("/token")) return answer;
    const { refresh_token: _, ...body } = await answer.json() as Record<string, unknown>;
    return Response.json(body);
  };
  const browser = new TestBrowser(at);
  await browser.signIn();
  provider.tamper = null;
  await check(at);
  expect((await me(browser, at)).email).toContain("@");
  provider.tamper = () =>
    new Response("", {
      status: 401,
      headers: { "www-authenticate": 'Bearer error="invalid_token"' },
    });
  await check(at);
  provider.tamper = null;
  expect((await at.ask("GET /api/user/me", { token: browser.session! })).status).toBe(401);
  await at.stop();
});

test("groups and the administrator's role follow the provider at sign-in and at checks, and what others gave stays", async () => {
  const { at, somebody, user } = await signedIn({
    COLINK_OIDC_GROUPS: "theirs=Ours, both=Ours, other=Other",
    COLINK_OIDC_ADMINS: "root",
  }, { groups: [] });
  const { groups, store } = at.parts;
  await at.account("another@example.org", "admin");
  for (const name of ["Ours", "Other", "Own"]) await groups.create({ name });
  await groups.change(groups.idOf("Own")!, { add: [user.id] });
  const now = async () => [
    groups.namesOf(user.id).sort().join(),
    (await store.accountById(user.id))!.role,
  ];
  const steps: [unknown, string, string][] = [
    [["theirs", "unknown"], "Ours,Own", "user"],
    [["both", "other", "root"], "Other,Ours,Own", "admin"],
    ["root", "Own", "admin"],
    ["other", "Other,Own", "user"],
    [{ groups: ["root"] }, "Own", "user"],
    [["other", 7, null, ["root"]], "Other,Own", "user"],
    [undefined, "Own", "user"],
  ];
  for (const [claim, names, role] of steps) {
    somebody.groups = claim;
    await check(at);
    expect([claim, ...await now()]).toEqual([claim, names, role]);
  }
  somebody.groups = ["theirs", "root"];
  provider.signsIn = somebody.sub;
  await new TestBrowser(at).signIn();
  expect(await now()).toEqual(["Ours,Own", "admin"]);
  await at.stop();
});

test("the provider does not take the last administrator's rights away, until there is another", async () => {
  const { at, somebody, user } = await signedIn({ COLINK_OIDC_ADMINS: "root" }, {
    groups: ["root"],
  });
  const role = async () => (await at.parts.store.accountById(user.id))!.role;
  const kept = async () =>
    (await attention(at.parts, { holders: () => Promise.resolve([]) })).filter(({ kind }) =>
      kind === "kept_administrator"
    )
      .map(({ detail }) => detail);
  expect([await role(), await kept()]).toEqual(["admin", []]);
  somebody.groups = [];
  await check(at);
  await check(at);
  expect([await role(), await kept()]).toEqual(["admin", [user.email]]);
  await at.account("another@example.org", "admin");
  await check(at);
  expect(await role()).toBe("user");
  await at.stop();
});

test("without a map, groups of the same name are meant", async () => {
  const at = await start();
  await at.parts.groups.create({ name: "Staff" });
  person({ groups: ["staff", "none"] });
  const browser = new TestBrowser(at);
  await browser.signIn();
  expect(at.parts.groups.namesOf((await me(browser, at)).id)).toEqual(["Staff"]);
  await at.stop();
});

test("signing out ends both sessions, and a session with a password only its own", async () => {
  const browser = new TestBrowser(app);
  person();
  await browser.signIn();
  const { json } = await app.ask("POST /api/auth/logout", { token: browser.session! });
  const url = new URL((json as { sign_out_url: string }).sign_out_url);
  expect(url.origin + url.pathname).toBe(`${provider.issuer}/session/end`);
  expect(url.searchParams.get("post_logout_redirect_uri")).toBe("http://localhost/login");
  expect(url.searchParams.get("id_token_hint")).toBeString();
  expect((await browser.send(url.href)).status).toBe(200);
  await browser.signIn();
  const everywhere = await app.ask("DELETE /api/user/sessions?all=true", {
    token: browser.session!,
  });
  expect(everywhere.json).toEqual({
    ended: 1,
    sign_out_url: expect.stringContaining("/session/end?"),
  });
  const { session: token } = await app.account("password@example.org");
  expect((await app.ask("POST /api/auth/logout", { token })).json).toEqual({
    message: "Signed out",
  });
});

test("signing out at the provider ends the session here, and no other", async () => {
  const [browser, other] = [new TestBrowser(app), new TestBrowser(app)];
  person();
  await browser.signIn();
  await other.signIn();
  provider.gateway = (url, { body }) =>
    app.send(`POST ${new URL(url).pathname}`, {
      body: String(body),
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
  await browser.signOutAt(`${provider.issuer}/session/end?client_id=${CLIENT.id}`);
  provider.gateway = null;
  expect((await app.ask("GET /api/user/me", { token: browser.session! })).status).toBe(401);
  expect((await app.ask("GET /api/user/me", { token: other.session! })).status).toBe(200);
});

test("a logout token ends the sessions that it names, once, and a forged one none", async () => {
  const somebody = person();
  const browsers = [new TestBrowser(app), new TestBrowser(app)];
  for (const browser of browsers) await browser.signIn();
  const bystander = new TestBrowser(app);
  person();
  await bystander.signIn();
  const isOpen = async (browser: TestBrowser) =>
    (await app.ask("GET /api/user/me", { token: browser.session! })).status === 200;
  const { accountId } = (await app.parts.store.identities
    .find({ issuer: provider.issuer, subject: somebody.sub }))!;
  const names = await app.parts.store.sessions.ofAccount(accountId);
  const send = async (token: string) =>
    (await app.ask("POST /api/auth/oidc/backchannel-logout", {
      body: `logout_token=${token}`,
      headers: { "content-type": "application/x-www-form-urlencoded" },
    })).status;
  const good = () => ({
    iss: provider.issuer,
    aud: CLIENT.id,
    iat: NOW_SECONDS(),
    exp: NOW_SECONDS() + 120,
    jti: crypto.randomUUID(),
    sub: somebody.sub,
    events: { "http://schemas.openid.net/event/backchannel-logout": {} },
  });
  const { keys: [{ kid = "" } = {}] } = provider;
  const forged: Record<string, Promise<string>> = {
    "no token": Promise.resolve("x.y.z"),
    "another issuer": provider.sign({ ...good(), iss: "https://evil.example" }),
    "another client": provider.sign({ ...good(), aud: "another" }),
    "a nonce": provider.sign({ ...good(), nonce: "n" } as JWTPayload),
    "no event": provider.sign({ ...good(), events: {} } as JWTPayload),
    "no id": provider.sign({ ...good(), jti: undefined } as unknown as JWTPayload),
    "nobody": provider.sign({ ...good(), sub: undefined } as unknown as JWTPayload),
    "an end 61 s ago": provider.sign({ ...good(), exp: NOW_SECONDS() - 61 }),
    "a beginning in 61 s": provider.sign({ ...good(), iat: NOW_SECONDS() + 61 }),
    "an age of ten minutes": provider.sign({ ...good(), iat: NOW_SECONDS() - 600 }),
    "no signature": Promise.resolve(new UnsecuredJWT(good()).encode()),
    "another's signature": new SignJWT(good()).setProtectedHeader({ alg: "ES256", kid })
      .sign((await generateKeyPair("ES256")).privateKey),
  };
  for (const [what, token] of Object.entries(forged)) {
    expect([what, await send(await token)]).toEqual([what, 403]);
  }
  expect(await Promise.all(browsers.map(isOpen))).toEqual([true, true]);

  // Of one session, and then of all of the person.
  const sid = names[0]!.providerSid!;
  expect(sid).not.toBe("");
  expect(await send(await provider.sign({ ...good(), sid } as JWTPayload))).toBe(200);
  expect((await Promise.all(browsers.map(isOpen))).filter(Boolean)).toHaveLength(1);
  const token = await provider.sign(good());
  expect(await send(token)).toBe(200);
  expect(await Promise.all(browsers.map(isOpen))).toEqual([false, false]);
  provider.signsIn = somebody.sub;
  await browsers[0]!.signIn();
  expect(await send(token)).toBe(403);
  expect(await isOpen(browsers[0]!)).toBe(true);
  expect(await isOpen(bystander)).toBe(true);
});

test("the database and the log hold no token of the provider's", async () => {
  const { at, somebody } = await signedIn();
  const row = await at.parts.store.identities.find({
    issuer: provider.issuer,
    subject: somebody.sub,
  });
  expect(row!.sealedGrant.length).toBeGreaterThan(100);
  expect(row!.sealedGrant).not.toContain("eyJhbGci");
  await at.stop();
});

test("several gateways on one database end each other's attempts and sessions, and share the checks", async () => {
  const database = await testDatabase();
  const common = { DATABASE_URL: database.url, JWT_SECRET: crypto.randomUUID() };
  const [one, two] = [await start(common), await start(common)];
  const somebody = person();
  const browser = new TestBrowser(one);
  const callback = await browser.toCallback();
  browser.at = two;
  expect((await browser.send(callback)).status).toBe(302);
  // What one has used up, the other refuses.
  expect(await refusedWith(await browser.send(callback))).toBe("sign_in_refused");
  for (let i = 0; i < 4; i++) {
    person();
    await new TestBrowser(one).signIn();
  }
  await Promise.all([one, two].map((at) => at.clock.pass(CHECK_MS + 1)));
  setSystemTime(one.clock.now());
  const refreshes = () => provider.asked.filter((url) => url.endsWith("/token")).length;
  const before = refreshes();
  await Promise.all([one, two].map((at) => at.parts.providerChecks.run()));
  expect(refreshes() - before).toBe(5);

  provider.people.delete(somebody.sub);
  await check(two);
  expect((await one.ask("GET /api/user/me", { token: browser.session! })).status).toBe(401);
  await Promise.all([one.stop(), two.stop()]);
  await database.drop();
});
