/** Signing in with a provider: the real oidc-provider, a browser, and the gateway's real parts. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { UserView } from "../../../api/mod.ts";
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
