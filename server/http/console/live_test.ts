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
