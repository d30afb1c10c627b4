/** What the route of the live stream passes on from a request. */

import { afterAll, beforeAll, expect, spyOn, test } from "bun:test";
import { type TestAccount, TestApp } from "../testing/test_app.ts";

let app: TestApp;
let me: TestAccount;

beforeAll(async () => {
  app = await TestApp.start();
  me = await app.account("me@example.org");
});
afterAll(() => app.stop());

test("a stream has its visitor, its topics, and the event after which to go on", async () => {
  const open = spyOn(app.parts.live, "open");
  const { session: token } = me;
  const requests: [headers: Record<string, string>, passed: object][] = [
    [{ "last-event-id": "a-7" }, { lastEventId: "a-7" }],
    [{}, {}],
  ];
  for (const [headers, passed] of requests) {
    const response = await app.send("GET /api/live?topics=calls,nodes", { token, headers });
    await response.body!.cancel();
    expect(open.mock.lastCall).toEqual([{
      visitor: expect.objectContaining({ accountId: me.id }),
      topics: new Set(["calls", "nodes"]),
      ...passed,
    }]);
  }
  // The stream sends keep-alives of its own.
  expect(app.timeouts).toEqual([0, 0]);
});

test("an account asks for 120 reports of usage and opens 300 streams within a minute at most", async () => {
  const { session: token } = await app.account("busy@example.org");
  const limits: [request: string, perMinute: number][] = [
    ["GET /api/usage", 120],
    ["GET /api/live", 300],
  ];
  for (const [request, perMinute] of limits) {
    let answered = 0;
    for (; answered <= perMinute; answered++) {
      const { status, body } = await app.send(request, { token });
      await body?.cancel();
      if (status === 429) break;
    }
    expect([request, answered]).toEqual([request, perMinute]);
  }
  const other = await app.send("GET /api/usage", { token: me.session });
  expect(other.status).toBe(200);
});
