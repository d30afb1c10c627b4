/** `/api/models`: the state of a model by that of its nodes. */

import { afterEach, beforeEach, expect, test } from "bun:test";
import type { ModelView } from "../../../api/mod.ts";
import type { Node } from "../../node/node.ts";
import { type TestAccount, TestApp } from "../testing/test_app.ts";

let app: TestApp;
let owner: TestAccount;
let node: Node;

beforeEach(async () => {
  app = await TestApp.start();
  owner = await app.account("owner@example.org");
  node = app.join(owner, { name: "n", maxParallel: 3 });
});
afterEach(() => app.stop());

async function model(): Promise<ModelView> {
  const { json } = await app.ask<{ models: ModelView[] }>("GET /api/models", {
    token: owner.session,
  });
  expect(json.models).toHaveLength(1);
  return json.models[0]!;
}

function penalize(ms: number): void {
  const penalty = { model: "m", code: "upstream_error", reason: "it failed", ms } as const;
  app.parts.penalties.penalize(node.who.nodeKey, penalty);
}

async function pause(paused: boolean): Promise<void> {
  // The node is stored by then.
  await app.clock.pass(1000);
  const change = { token: owner.session, body: { paused } };
  const { status } = await app.ask("PATCH /api/nodes/node_n", change);
  expect(status).toBe(200);
}

test("its slots are those of all nodes that take calls, and it is ready while one is free", async () => {
  const { hub } = app.parts;
  hub.load(app.join(owner, { name: "other", maxParallel: 2 }), 2);
  hub.load(node, 1);
  const { nodes, ...facts } = await model();
  expect(facts).toEqual({
    id: "m",
    state: "ready",
    slots: 5,
    free_slots: 2,
    waiting: 0,
    first_token_p50_ms: null,
    tokens_per_second: null,
    capabilities: {
      endpoints: ["/v1/chat/completions"],
      context_length: null,
      max_output_tokens: null,
      tools: null,
      vision: null,
      thinking: null,
      loaded: null,
    },
  });
  expect(nodes).toEqual([
    { id: "node_n", name: "n", state: "ready", active_tasks: 1, max_parallel: 3, mine: true },
    {
      id: "node_other",
      name: "other",
      state: "busy",
      active_tasks: 2,
      max_parallel: 2,
      mine: true,
    },
  ]);
});

test("it is busy while no slot is free", async () => {
  app.parts.hub.load(node, 3);
  expect(await model()).toMatchObject({ state: "busy", slots: 3, free_slots: 0 });
});

test("it is unavailable while its only node is paused or penalised for it", async () => {
  await pause(true);
  expect(await model()).toMatchObject({ state: "unavailable", slots: 0, free_slots: 0 });
  await pause(false);
  penalize(60_000);
  const penalized = await model();
  expect(penalized).toMatchObject({ state: "unavailable", slots: 0, free_slots: 0 });
  expect(penalized.nodes[0]!.state).toBe("penalized");
});

test("a node that is probing has one slot free at most", async () => {
  penalize(60_000);
  await app.clock.pass(60_000);
  const probing = await model();
  expect(probing).toMatchObject({ state: "ready", slots: 3, free_slots: 1 });
  expect(probing.nodes[0]!.state).toBe("probing");
});

test("it is not listed while it is hidden, nor for accounts that are in none of its groups", async () => {
  const admin = await app.account("admin@example.org", "admin");
  const listed = async () =>
    (await app.ask<{ models: ModelView[] }>("GET /api/models", { token: owner.session }))
      .json.models.map(({ id }) => id);
  const set = async (settings: object) => {
    const body = { name: "m", ...settings };
    expect((await app.ask("PUT /api/admin/models", { token: admin.session, body })).status).toBe(
      200,
    );
  };
  const { json } = await app.ask<{ group: { id: string } }>("POST /api/admin/groups", {
    token: admin.session,
    body: { name: "Staff" },
  });
  expect(await listed()).toEqual(["m"]);
  await set({ hidden: true });
  expect(await listed()).toEqual([]);
  await set({ groups: [json.group.id] });
  expect(await listed()).toEqual([]);
  await app.ask(`PATCH /api/admin/groups/${json.group.id}`, {
    token: admin.session,
    body: { add: [owner.id] },
  });
  expect(await listed()).toEqual(["m"]);
});

test("its speed is that of everyone's streams of the last day", async () => {
  const entry = {
    id: "req-1",
    accountId: owner.id,
    keyId: "k",
    providerAccountId: null,
    nodeId: null,
    endpoint: "/v1/chat/completions",
    model: "m",
    alias: null,
    stream: true,
    outcome: "ok",
    status: 200,
    promptTokens: 1,
    completionTokens: 100,
    estimated: false,
    deliveredBytes: 1,
    deliveredChunks: 1,
    producedChunks: 1,
    attempts: 1,
    queuedMs: 0,
    firstByteMs: 800,
    durationMs: 2800,
    startedAt: app.clock.now(),
    cause: null,
    attemptLog: [],
    route: null,
  } as const;
  await app.parts.store.writeLedger([entry as never]);
  expect(await model()).toMatchObject({ first_token_p50_ms: 875, tokens_per_second: 50 });
});
