/** The routes of nodes: what everybody sees, and what only owners see and change. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { NodeDetail, NodeView, OwnNodeView, RotatedKey } from "../../../api/mod.ts";
import type { Node } from "../../node/node.ts";
import { type TestAccount, TestApp } from "../testing/test_app.ts";

let app: TestApp;
let owner: TestAccount;
let other: TestAccount;
let admin: TestAccount;
let node: Node;
const PATH = "/api/nodes/node_n";

beforeAll(async () => {
  app = await TestApp.start();
  owner = await app.account("owner@example.org");
  other = await app.account("other@example.org");
  admin = await app.account("admin@example.org", "admin");
  const { key } = await app.key(owner, { kind: "client" });
  node = app.join(owner, { name: "n", keyId: key.id });
  await app.clock.pass(1000);
});
afterAll(() => app.stop());

const detail = async ({ session: token }: TestAccount) =>
  await app.ask<NodeDetail>(`GET ${PATH}`, { token });

test("connected nodes are public, and marked as one's own to their owner", async () => {
  const all = async (token?: string) =>
    (await app.ask<{ nodes: NodeView[] }>("GET /api/nodes", token === undefined ? {} : { token }))
      .json.nodes.map(({ name, mine }) => ({ name, mine }));
  expect(await all()).toEqual([{ name: "n", mine: false }]);
  expect(await all("nonsense")).toEqual([{ name: "n", mine: false }]);
  expect(await all(other.session)).toEqual([{ name: "n", mine: false }]);
  expect(await all(owner.session)).toEqual([{ name: "n", mine: true }]);
  const headers = { cookie: `colink_session=${owner.session}` };
  const { json } = await app.ask<{ nodes: NodeView[] }>("GET /api/nodes", { headers });
  expect(json.nodes[0]!.mine).toBe(true);
});

test("an owner renames and pauses a node, and each change is one entry of the audit log", async () => {
  const { session: token, email: actor } = owner;
  const change = async (body: object) =>
    (await app.ask<{ node: OwnNodeView }>(`PATCH ${PATH}`, { token, body })).json.node;
  expect(await change({ label: "mine" })).toMatchObject({ name: "mine", label: "mine" });
  const paused_until = Date.now() + 3_600_000;
  expect(await change({ paused: true, paused_until })).toMatchObject({
    paused_at: expect.any(Number),
    paused_until,
  });
  expect(node.hold).toBe("paused");
  const wrong = [
    { paused: true, paused_until: Date.now() - 1000 },
    // Without a pause there is nothing that could end.
    { paused_until },
    { paused: false, paused_until },
  ];
  for (const body of wrong) {
    expect(await app.ask(`PATCH ${PATH}`, { token, body })).toMatchObject({ status: 400 });
  }
  expect(await change({ paused: false })).toMatchObject({ paused_at: null });
  expect(node.hold).toBeNull();
  expect(await app.audited("node.renamed"))
    .toEqual([{ actor, target: "node_n", detail: { label: "mine" } }]);
  expect(await app.audited("node.paused")).toEqual([{ actor, target: "node_n", detail: {} }]);
  expect(await app.audited("node.resumed")).toEqual([{ actor, target: "node_n", detail: {} }]);
});

test("a drained node gets no calls, which its owner's timeline shows", async () => {
  const { session: token, email: actor } = owner;
  expect((await app.ask(`POST ${PATH}/drain`, { token, body: {} })).status).toBe(200);
  expect(node.hold).toBe("draining");
  expect(await app.audited("node.drained")).toEqual([{ actor, target: "node_n", detail: {} }]);
  await app.clock.pass(1000);
  const kinds = async (account: TestAccount) =>
    (await detail(account)).json.timeline.map(({ kind }): string => kind).toSorted();
  const all = ["connected", "drain", "paused", "renamed", "resumed"];
  expect(await kinds(owner)).toEqual(all);
  expect(await kinds(admin)).toEqual(all);
  expect(await kinds(other)).toEqual(["connected"]);
});

test("only its owner changes a node", async () => {
  for (const { session: token } of [other, admin]) {
    for (const route of [`PATCH ${PATH}`, `POST ${PATH}/drain`, `POST ${PATH}/rotate-token`]) {
      const { status } = await app.ask(route, { token, body: {} });
      expect([route, status]).toEqual([route, 404]);
    }
  }
});

test("a node's token is rotated with an overlap, ten times a minute at most", async () => {
  const { session: token, email: actor } = owner;
  const rotate = (body: object) =>
    app.ask<RotatedKey>(`POST ${PATH}/rotate-token`, { token, body });
  const { json } = await rotate({ overlap_seconds: 60 });
  expect(json.key.kind).toBe("client");
  // By the database's clock.
  expect(Math.abs(json.replaced!.expires_at! - app.clock.now() - 60_000)).toBeLessThan(30_000);
  expect(await app.audited("key.rotated"))
    .toEqual([{ actor, target: "node_n", detail: { overlap_seconds: 60 } }]);
  await app.clock.pass(1000);
  expect((await detail(owner)).json.timeline.map(({ kind }) => kind)).toContain("token_rotated");
  for (let i = 1; i < 10; i++) await rotate({});
  expect((await rotate({})).status).toBe(429);
});

test("a node that is gone is shown to its owner and administrators only", async () => {
  const whileConnected = await detail(other);
  expect(whileConnected.json.live?.id).toBe("node_n");
  expect(whileConnected.json.own).toBeNull();
  expect((await detail(owner)).json.own!.last_seen_at).toBe(app.clock.now());
  app.parts.hub.remove(node);
  app.parts.register.left("node_n", "closed", 1000);
  await app.clock.pass(1000);
  expect((await detail(other)).status).toBe(404);
  for (const account of [owner, admin]) {
    const { json } = await detail(account);
    expect(json.live).toBeNull();
    expect(json.own).toMatchObject({ id: "node_n", gone: { code: "closed" } });
    expect(json.own!.last_seen_at).toBeLessThan(app.clock.now());
  }
  const mine = async ({ session: token }: TestAccount) =>
    (await app.ask<{ nodes: OwnNodeView[] }>("GET /api/nodes/mine", { token })).json.nodes.length;
  expect([await mine(owner), await mine(other)]).toEqual([1, 0]);
});
