/** Who sees which nodes of those that a call was chosen from. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { CallDetail } from "../../../api/mod.ts";
import { anEntry } from "../../store/testing/store_suite.ts";
import { type TestAccount, TestApp } from "../testing/test_app.ts";

let app: TestApp;
let caller: TestAccount;
let owner: TestAccount;
let friend: TestAccount;

beforeAll(async () => {
  app = await TestApp.start();
  caller = await app.account("caller@example.org");
  owner = await app.account("owner@example.org");
  friend = await app.account("friend@example.org");
  app.join(owner, { name: "chosen", shareWith: "me" });
  app.join(friend, { name: "open" });
  app.join(friend, { name: "private", shareWith: "me" });
  // Nodes are written down a moment later.
  await app.clock.pass(1_000);
  const candidate = {
    firstMs: 1,
    endMs: 2,
    loadMs: 0,
    heldChars: 0,
    freeSlots: 1,
    isMeasured: true,
  };
  const names = ["chosen", "open", "private", "gone"];
  const compared = names.map((name) => ({ node: `node_${name}`, ...candidate }));
  await app.parts.store.writeLedger([anEntry({
    id: "req-1",
    accountId: caller.id,
    providerAccountId: owner.id,
    nodeId: "node_chosen",
    attemptLog: [],
    choice: { node: "node_chosen", isTrial: false, compared },
  })]);
});
afterAll(() => app.stop());

async function candidatesFor({ session: token }: TestAccount): Promise<(string | null)[]> {
  const { json } = await app.ask<{ call: CallDetail }>("GET /api/calls/req-1", { token });
  return json.call.choice!.candidates.map(({ node }) => node);
}

test("a caller sees the node that ran its call, and of the others those that it may see now", async () => {
  expect(await candidatesFor(caller)).toEqual(["node_chosen", "node_open", null, null]);
});

test("the owner of the node that ran a call sees its own nodes alone", async () => {
  expect(await candidatesFor(owner)).toEqual(["node_chosen"]);
});

test("the owner of a node that was only compared does not see the call", async () => {
  const { status } = await app.ask("GET /api/calls/req-1", { token: friend.session });
  expect(status).toBe(404);
});

test("a list of calls does not say what their nodes were chosen from", async () => {
  const { json } = await app.ask<{ calls: object[] }>("GET /api/calls", { token: caller.session });
  expect(json.calls).toHaveLength(1);
  expect(Object.keys(json.calls[0]!)).not.toContain("choice");
});
