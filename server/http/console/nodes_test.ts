/** The routes of nodes: what everybody sees, and what only owners see and change. */

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { NodeDetail, NodeView, OwnNodeView, RotatedKey } from "../../../api/mod.ts";
import type { Node } from "../../node/node.ts";
import { anEntry } from "../../store/testing/store_suite.ts";
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
  const paused_until = app.clock.now() + 3_600_000;
  expect(await change({ paused: true, paused_until })).toMatchObject({
    paused_at: expect.any(Number),
    paused_until,
  });
  expect(node.hold).toBe("paused");
  const wrong = [
    { paused: true, paused_until: app.clock.now() - 1000 },
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
  // By the database's clock, which is the machine's.
  const before = Date.now();
  const { json } = await rotate({ overlap_seconds: 60 });
  expect(json.key.kind).toBe("client");
  expect(json.replaced!.expires_at! - 60_000).toBeWithin(before - 1, Date.now() + 1);
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

/** A node that was connected once, with a decision about it. */
async function goneNode(name: string): Promise<string> {
  const gone = app.join(owner, { name });
  await app.clock.pass(1000);
  const { publicId } = gone.who;
  await app.ask(`PATCH /api/nodes/${publicId}`, { token: owner.session, body: { label: "old" } });
  app.parts.hub.remove(gone);
  app.parts.register.left(publicId, "closed", 1000);
  await app.clock.pass(1000);
  return publicId;
}

const ownNames = async () =>
  (await app.ask<{ nodes: OwnNodeView[] }>("GET /api/nodes/mine", { token: owner.session })).json
    .nodes.map(({ name }) => name);

test("an owner, or an administrator, forgets a node that is gone: no list has it, and it comes back as a new one", async () => {
  for (const who of [owner, admin]) {
    const id = await goneNode("former");
    expect(await ownNames()).toContain("old");
    const forget = (by: TestAccount) => app.ask(`DELETE /api/nodes/${id}`, { token: by.session });
    expect(await forget(other)).toMatchObject({ status: 404 });
    expect(await ownNames()).toContain("old");
    expect(await forget(who)).toMatchObject({ status: 200 });
    expect(await forget(who)).toMatchObject({ status: 404 });
    expect(await ownNames()).not.toContain("old");
    expect(await app.ask(`GET /api/nodes/${id}`, { token: owner.session }))
      .toMatchObject({ status: 404 });
    expect((await app.audited("node.forgotten"))[0])
      .toMatchObject({ actor: who.email, target: id, detail: { name: "old" } });
    const again = app.join(owner, { name: "former" });
    await app.clock.pass(1000);
    expect(await ownNames()).toContain("former");
    const { json } = await app.ask<NodeDetail>(`GET /api/nodes/${id}`, { token: owner.session });
    expect(json.timeline.map(({ kind }) => kind)).toEqual(["connected"]);
    app.parts.hub.remove(again);
    app.parts.register.left(id, "closed", 1000);
    await app.clock.pass(1000);
  }
});

test("a connected node cannot be forgotten", async () => {
  app.join(owner, { name: "here" });
  await app.clock.pass(1000);
  expect(await app.ask("DELETE /api/nodes/node_here", { token: owner.session }))
    .toMatchObject({ status: 400 });
  expect(await ownNames()).toContain("here");
});

test("only its owner and administrators learn what a node served over time", async () => {
  const of = async (who: TestAccount) =>
    (await app.ask("GET /api/nodes/node_here/usage", { token: who.session })).status;
  expect([await of(owner), await of(admin), await of(other)]).toEqual([200, 200, 404]);
});

test("a call that names a node runs there and nowhere else, for its owner and administrators only", async () => {
  const served: string[] = [];
  const nodes = ["left", "right"].map((name) =>
    app.join(owner, { name, models: ["pinned"] }, (sink) => {
      served.push(name);
      sink.head({});
      sink.data("{}");
      sink.finish();
    })
  );
  const call = ({ api_token: token }: TestAccount, node: string) =>
    app.ask("POST /v1/chat/completions", {
      token,
      headers: { "x-colink-node": node },
      body: { model: "pinned", messages: [{ role: "user", content: "hi" }] },
    });
  for (const who of [owner, admin]) {
    for (let i = 0; i < 3; i++) {
      expect(await call(who, "node_right")).toMatchObject({ status: 200 });
    }
  }
  expect(new Set(served)).toEqual(new Set(["right"]));
  // A stranger learns by it neither whether the node is there nor what it serves.
  expect(await call(other, "node_right")).toMatchObject({ status: 404 });
  expect((await call(other, "node_right")).text.replaceAll(/req-\w+/g, ""))
    .toBe((await call(other, "node_nowhere")).text.replaceAll(/req-\w+/g, ""));
  expect(served).toHaveLength(6);
  // What the node does not offer is not looked for elsewhere.
  const elsewhere = await app.ask("POST /v1/chat/completions", {
    token: owner.api_token,
    headers: { "x-colink-node": "node_right" },
    body: { model: "m", messages: [{ role: "user", content: "hi" }] },
  });
  expect(elsewhere).toMatchObject({ status: 503, json: { error: { code: "no_node_online" } } });
  // Naming a node opens none that is not for the caller: not even to an administrator.
  const closed = app.join(owner, { name: "closed", models: ["pinned"], shareWith: "me" });
  expect(await call(admin, "node_closed")).toMatchObject({ status: 404 });
  expect(served).toHaveLength(6);
  app.parts.hub.remove(closed);
  for (const one of nodes) app.parts.hub.remove(one);
});

test("how fast nodes were is shown of those that one may see", async () => {
  const { store, hub } = app.parts;
  for (const name of ["shown", "hidden"]) {
    const one = app.join(owner, { name });
    if (name === "hidden") hub.update(one, { ...one.offer, shareWith: "me" });
    await store.writeLedger([anEntry({
      nodeId: `node_${name}`,
      accountId: other.id,
      providerAccountId: owner.id,
      startedAt: app.clock.now(),
      stream: true,
    })]);
  }
  const of = async ({ session: token }: TestAccount) =>
    (await app.ask<{ nodes: { id: string }[] }>("GET /api/nodes/speed", { token }))
      .json.nodes.map(({ id }) => id).sort();
  expect(await of(other)).toEqual(["node_shown"]);
  expect(await of(owner)).toEqual(["node_hidden", "node_shown"]);
  expect(await of(admin)).toEqual(["node_hidden", "node_shown"]);
});

test("a node's page and the list name a group's model to the group's members, not to others", async () => {
  const { session: token } = admin;
  app.join(owner, { name: "lab", models: ["open", "for-lab"] });
  const { json } = await app.ask<{ group: { id: string } }>("POST /api/admin/groups", {
    token,
    body: { name: "Lab" },
  });
  const member = await app.account("member@example.org");
  await app.ask(`PATCH /api/admin/groups/${json.group.id}`, { token, body: { add: [member.id] } });
  const body = { name: "for-lab", groups: [json.group.id] };
  expect((await app.ask("PUT /api/admin/models", { token, body })).status).toBe(200);
  const modelsFor = async ({ session: token }: TestAccount) => {
    const page = await app.ask<NodeDetail>("GET /api/nodes/node_lab", { token });
    const all = await app.ask<{ nodes: NodeView[] }>("GET /api/nodes", { token });
    const listed = all.json.nodes.find(({ name }) => name === "lab");
    return [page.json.live?.supported_models, listed?.supported_models];
  };
  const both = ["open", "for-lab"];
  expect(await modelsFor(member)).toEqual([both, both]);
  expect(await modelsFor(other)).toEqual([["open"], ["open"]]);
  expect(await modelsFor(owner)).toEqual([both, both]);
});
