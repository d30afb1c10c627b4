import { afterEach, beforeEach, expect, test } from "bun:test";
import { api, ApiError, onSignedOut } from "./api.ts";
import { serverNow } from "./state/clock.ts";
import { lostSinceMs, noteReached } from "./state/connection.ts";
import { sessionOver } from "./state/session.ts";
import { failure, fakeGateway, json } from "./testing/gateway.ts";

const gateway = fakeGateway();
let signedOut = 0;

beforeEach(() => {
  signedOut = 0;
  onSignedOut(() => signedOut++);
  gateway.answers = {};
  gateway.requests.splice(0);
});
afterEach(() => {
  onSignedOut(sessionOver);
  noteReached(true);
});

const caught = (promise: Promise<unknown>) => promise.then(() => null, (error: unknown) => error);

test("an answer's date sets the clock, and the gateway counts as reached", async () => {
  noteReached(false);
  const date = "Sun, 29 Nov 2026 12:00:00 GMT";
  gateway.answers["GET /api/info"] = json({ nodes: 1 }, { headers: { date } });
  expect(await api.info()).toMatchObject({ nodes: 1 });
  expect(Math.abs(serverNow() - Date.parse(date))).toBeLessThan(60_000);
  expect(lostSinceMs.value).toBeNull();
});

test("an error answer is an ApiError with everything that the gateway said", async () => {
  const fields = [{ param: "name", code: "required", message: "no" }];
  gateway.answers["POST /api/keys"] = json(
    { error: { message: "no name", type: "x", param: "name", code: "invalid_request", fields } },
    { status: 400, headers: { "retry-after": "7", "x-request-id": "req-1" } },
  );
  const error = await caught(api.createKey({ name: "" }));
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({
    status: 400,
    code: "invalid_request",
    message: "no name",
    param: "name",
    retryAfterS: 7,
    fields,
    requestId: "req-1",
  });
});

test("an answer that is not the gateway's has the code unknown", async () => {
  gateway.answers["GET /api/info"] = () => new Response("<html>", { status: 502 });
  expect(await caught(api.info())).toMatchObject({
    status: 502,
    code: "unknown",
    message: "The gateway answered 502",
    param: null,
    retryAfterS: null,
    fields: [],
    requestId: null,
  });
  gateway.answers["GET /api/info"] = () => new Response("<html>");
  expect(await caught(api.info())).toMatchObject({ status: 200, code: "unknown" });
});

test("every 401 ends the session, but for a wrong password", async () => {
  gateway.answers["GET /api/keys"] = failure(401, "session_expired");
  await caught(api.keys());
  expect(signedOut).toBe(1);
  gateway.answers["POST /api/auth/login"] = failure(401, "invalid_credentials");
  await caught(api.login("a", "b"));
  gateway.answers["GET /api/keys"] = failure(403, "admin_required");
  await caught(api.keys());
  expect(signedOut).toBe(1);
});

test("no answer counts as an unreachable gateway, unless the page has left", async () => {
  expect(await caught(api.info())).toMatchObject({ status: 0, code: "unreachable" });
  expect(lostSinceMs.value).not.toBeNull();
  noteReached(true);
  const page = new AbortController();
  gateway.answers["GET /api/info"] = () => {
    page.abort();
    throw page.signal.reason;
  };
  expect(await caught(api.info(page.signal))).toBe(page.signal.reason);
  expect(lostSinceMs.value).toBeNull();
});

test("a change is sent as JSON with the header that other sites cannot send", async () => {
  let sent: RequestInit = {};
  gateway.answers["PATCH /api/nodes/n1"] = (init) => {
    sent = init;
    return Response.json({});
  };
  await api.changeNode("n1", { paused: true });
  expect(sent).toMatchObject({
    headers: { "content-type": "application/json", "x-colink-csrf": "1" },
    body: '{"paused":true}',
    cache: "no-store",
    credentials: "same-origin",
  });
  expect(sent.signal).toBeInstanceOf(AbortSignal);
});

test("a filter is written into the address without its empty parts", async () => {
  gateway.answers["GET /api/calls?model=a+b&limit=5"] = json({ calls: [], next_cursor: null });
  await api.calls({ model: "a b", key: "", node: undefined, limit: 5 });
  gateway.answers["GET /api/calls"] = json({ calls: [], next_cursor: null });
  await api.calls({});
  expect(gateway.requests).toEqual(["GET /api/calls?model=a+b&limit=5", "GET /api/calls"]);
});

test("a gateway that does not answer in time counts as unreachable", async () => {
  const { timeout } = AbortSignal;
  const asked: number[] = [];
  AbortSignal.timeout = (ms) => {
    asked.push(ms);
    return AbortSignal.abort(new DOMException("late", "TimeoutError"));
  };
  try {
    gateway.answers["GET /api/info"] = ({ signal }) => {
      signal?.throwIfAborted();
      return Response.json({});
    };
    const page = new AbortController();
    expect(await caught(api.info(page.signal))).toMatchObject({ code: "unreachable" });
    expect(await caught(api.info())).toMatchObject({ code: "unreachable" });
    expect(asked).toEqual([15_000, 15_000]);
  } finally {
    AbortSignal.timeout = timeout;
  }
});
