import { afterEach, beforeEach, expect, test } from "bun:test";
import { installBrowser } from "../testing/browser.ts";
import { failure, fakeGateway, json } from "../testing/gateway.ts";
import { aUser } from "../testing/user.ts";
import { ApiError } from "../api.ts";
import {
  countCalls,
  refreshSession,
  session,
  sessionOver,
  setUp,
  signIn,
  signOut,
  signUp,
} from "./session.ts";

const { document } = installBrowser();
const gateway = fakeGateway();
const user = aUser();

beforeEach(() => {
  session.value = { state: "unknown" };
  document.cookie = "colink_signed_in=1";
  gateway.answers = {};
});
afterEach(() => gateway.requests.splice(0));

test("without the mark the gateway is not asked who is signed in", async () => {
  document.cookie = "";
  await refreshSession();
  expect<unknown>(session.value).toEqual({ state: "out", why: "never" });
  expect(gateway.requests).toEqual([]);
});

test("with the mark the session's user is loaded", async () => {
  gateway.answers["GET /api/user/me"] = json({ user });
  await refreshSession();
  expect<unknown>(session.value).toEqual({ state: "in", user });
});

test("a session that another tab has ended is over here, too", async () => {
  session.value = { state: "in", user };
  document.cookie = "";
  await refreshSession();
  expect<unknown>(session.value).toEqual({ state: "out", why: "ended" });
});

test("a session that the gateway no longer knows is over, and its mark is removed", async () => {
  session.value = { state: "in", user };
  gateway.answers["GET /api/user/me"] = failure(401, "session_expired");
  await refreshSession();
  expect<unknown>(session.value).toEqual({ state: "out", why: "ended" });
  expect(document.cookie).toContain("max-age=0");
});

test("an old mark says nothing about a session that was never seen here", async () => {
  gateway.answers["GET /api/user/me"] = failure(401, "session_expired");
  await refreshSession();
  expect<unknown>(session.value).toEqual({ state: "out", why: "never" });
});

test("an unreachable gateway is reported until the first answer, with the latest error", async () => {
  await refreshSession();
  expect<unknown>(session.value).toMatchObject({
    state: "unreachable",
    error: { code: "unreachable" },
  });
  gateway.answers["GET /api/user/me"] = failure(503, "store_unavailable");
  await refreshSession();
  expect<unknown>(session.value).toMatchObject({
    state: "unreachable",
    error: { code: "store_unavailable" },
  });
  gateway.answers["GET /api/user/me"] = json({ user });
  await refreshSession();
  expect<unknown>(session.value).toEqual({ state: "in", user });
});

test("a signed-in user stays signed in while the gateway is unreachable, and the page learns why", async () => {
  session.value = { state: "in", user };
  await expect(refreshSession()).rejects.toBeInstanceOf(ApiError);
  expect<unknown>(session.value).toEqual({ state: "in", user });
});

test("an aborted request changes nothing and is passed on", async () => {
  const leaving = new AbortController();
  gateway.answers["GET /api/user/me"] = () => {
    leaving.abort();
    throw leaving.signal.reason;
  };
  await expect(refreshSession(leaving.signal)).rejects.toMatchObject({ name: "AbortError" });
  expect<unknown>(session.value).toEqual({ state: "unknown" });
});

test("signing in shows the user, and a wrong password leaves the session as it was", async () => {
  gateway.answers["POST /api/auth/login"] = failure(401, "invalid_credentials");
  session.value = { state: "out", why: "left" };
  await expect(signIn("lin@example.org", "wrong")).rejects.toMatchObject({ status: 401 });
  expect<unknown>(session.value).toEqual({ state: "out", why: "left" });
  expect(document.cookie).toBe("colink_signed_in=1");
  gateway.answers["POST /api/auth/login"] = json({ user });
  await signIn("lin@example.org", "right");
  expect<unknown>(session.value).toEqual({ state: "in", user });
});

test("signing in over HTTP says that this gateway needs HTTPS where it does, and not before", async () => {
  gateway.answers["POST /api/auth/login"] = json({ user });
  document.cookie = "";
  for (const protocol of ["http:", "https:"]) {
    session.value = { state: "out", why: "never" };
    Object.assign(location, { protocol });
    const signedIn = signIn("lin@example.org", "right").then(() => "signed in", ({ code }) => code);
    expect(await signedIn).toBe(protocol === "http:" ? "needs_https" : "signed in");
  }
});

test("creating an account signs in with it, and a refused one does not try", async () => {
  gateway.answers["POST /api/auth/register"] = failure(400, "email_taken");
  await expect(signUp({ email: "lin@example.org", password: "p", invite: "i" })).rejects.toThrow();
  expect(gateway.requests).toEqual(["POST /api/auth/register"]);
  gateway.answers = { "POST /api/auth/register": json({ message: "ok", user }) };
  await signUp({ email: "lin@example.org", password: "p", invite: "i" });
  expect(gateway.requests).toEqual(["POST /api/auth/register", "POST /api/auth/register"]);
  expect(gateway.bodies.at(-1)).toEqual({ email: "lin@example.org", password: "p", invite: "i" });
  expect<unknown>(session.value).toEqual({ state: "in", user });
});

test("where registering begins no session, as at a gateway of an earlier version, signing in follows", async () => {
  gateway.answers = {
    "POST /api/auth/register": json({ message: "ok" }),
    "POST /api/auth/login": json({ user }),
  };
  await signUp({ email: "lin@example.org", password: "p" });
  expect(gateway.bodies.at(-1)).toEqual({ email: "lin@example.org", password: "p" });
  expect<unknown>(session.value).toEqual({ state: "in", user });
});

test("the first administrator is signed in once created", async () => {
  gateway.answers["POST /api/setup"] = json({ user });
  await setUp({ code: "c", email: "a@example.org", password: "p", registration: "invite" });
  expect<unknown>(session.value).toEqual({ state: "in", user });
});

test("signing out counts as the user's own leaving, also when the feed reports the end first", async () => {
  session.value = { state: "in", user };
  gateway.answers["POST /api/auth/logout"] = () => {
    sessionOver();
    expect<unknown>(session.value).toEqual({ state: "out", why: "left" });
    return Response.json({ message: "bye" });
  };
  await signOut();
  expect<unknown>(session.value).toEqual({ state: "out", why: "left" });
});

test("a sign-out that failed leaves the user signed in, and a later end is the gateway's", async () => {
  session.value = { state: "in", user };
  await expect(signOut()).rejects.toMatchObject({ code: "unreachable" });
  expect<unknown>(session.value).toEqual({ state: "in", user });
  sessionOver();
  expect<unknown>(session.value).toEqual({ state: "out", why: "ended" });
});

test("the end of a session that is over already changes nothing", async () => {
  session.value = { state: "in", user };
  gateway.answers["POST /api/auth/logout"] = json({ message: "bye" });
  await signOut();
  sessionOver();
  expect<unknown>(session.value).toEqual({ state: "out", why: "left" });
});

test("calls that the feed reports are added to the totals, each side to its own, failed ones not", () => {
  session.value = { state: "in", user: aUser({ total_api_calls: 10, total_provided_calls: 20 }) };
  const call = { model: "m", prompt_tokens: 0, completion_tokens: 0 };
  countCalls([
    { ...call, side: "made", calls: 3, errors: 1 },
    { ...call, side: "made", calls: 1, errors: 0 },
    { ...call, side: "provided", calls: 9, errors: 2 },
  ]);
  expect<unknown>(session.value).toMatchObject({
    user: { total_api_calls: 13, total_provided_calls: 27 },
  });
});

test("calls that are reported after the session's end are dropped", () => {
  session.value = { state: "out", why: "ended" };
  countCalls([{
    side: "made",
    model: "m",
    calls: 1,
    errors: 0,
    prompt_tokens: 0,
    completion_tokens: 0,
  }]);
  expect<unknown>(session.value).toEqual({ state: "out", why: "ended" });
});
