/** `/api/admin/overview`: agrees with /metrics, names causes and what needs attention, and is administrators' only. */

import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { storeUnavailable } from "../../store/backend.ts";
import { attention } from "../attention.ts";
import type { OverviewView } from "../../../api/mod.ts";
import { LAST_BACKUP } from "../../base/last_backup.ts";
import { type Script, type TestAccount, TestApp } from "../testing/test_app.ts";

const WEEK_MS = 7 * 24 * 60 * 60_000;

let app: TestApp;
let admin: TestAccount;
let user: TestAccount;
let script: Script;

const budgets = { holders: () => Promise.resolve([]) };

const answerOk: Script = (sink) => {
  sink.head({});
  sink.data("{}");
  sink.finish();
};

beforeEach(async () => {
  app = await TestApp.start();
  admin = await app.account("admin@example.org", "admin");
  user = await app.account("user@example.org");
  script = answerOk;
  app.join(user, { name: "n", maxParallel: 9 }, (sink, order) => script(sink, order));
});
afterEach(() => app.stop());

async function overview(): Promise<OverviewView> {
  const { status, json } = await app.ask<OverviewView>("GET /api/admin/overview", {
    token: admin.session,
  });
  expect(status).toBe(200);
  return json;
}

function call(model = "m", { api_token: token } = user) {
  return app.ask("POST /v1/chat/completions", {
    token,
    body: { model, messages: [{ role: "user", content: "hi" }] },
  });
}

/** The figures of /metrics, those of one name added up. */
async function metrics(): Promise<Map<string, number>> {
  const { text } = await app.ask("GET /metrics");
  const sums = new Map<string, number>();
  for (const line of text.split("\n").filter((one) => one !== "" && !one.startsWith("#"))) {
    const [name = "", value] = line.split(" ");
    const bare = name.replace(/\{.*?(kind="\w+")?.*\}/, "");
    const key = name.includes("kind=") ? `${bare} ${/kind="(\w+)"/.exec(name)?.[1]}` : bare;
    sums.set(key, (sums.get(key) ?? 0) + Number(value));
  }
  return sums;
}

async function kinds(): Promise<string[]> {
  return (await overview()).attention.map(({ kind }) => kind);
}

test("its numbers are those of /metrics, and of all accounts together", async () => {
  await call();
  await call("m", admin);
  await call("nothing");
  await app.parts.ledger.close();
  const counted = await metrics();
  const { usage, causes, nodes, models, running, waiting } = await overview();
  expect(usage.total.calls).toBe(counted.get("colink_calls_total")!);
  expect(usage.total.calls).toBe(3);
  expect(usage.total.prompt_tokens).toBe(counted.get("colink_tokens_total prompt")!);
  expect(usage.total.completion_tokens).toBe(counted.get("colink_tokens_total completion")!);
  expect([nodes, models, running, waiting]).toEqual([
    counted.get("colink_nodes")!,
    counted.get("colink_models")!,
    counted.get("colink_calls_running")!,
    counted.get("colink_calls_waiting")!,
  ]);
  expect(causes).toEqual([{ code: "model_not_found", calls: 1 }]);
  expect(usage.total.errors).toBe(1);
  expect(usage.by_account.map(({ name, calls }) => [name, calls])).toEqual([
    ["user@example.org", 2],
    ["admin@example.org", 1],
  ]);
});

test("a model's queue is shown while calls wait", async () => {
  script = () => {};
  for (let i = 0; i < 11; i++) void call();
  await app.clock.pass(1);
  const { queues } = await overview();
  expect(queues).toEqual([{ model: "m", waiting: 2, running: 9, slots: 9 }]);
});

test("a group's calls are those of its members", async () => {
  const group = await app.parts.groups.create({ name: "lab" });
  await app.parts.groups.change(group.id, { add: [user.id] });
  await call();
  await call("m", admin);
  await app.parts.ledger.close();
  const { usage } = await overview();
  expect(usage.by_group).toMatchObject([{ name: "lab", calls: 1 }]);
});

test("only administrators see it", async () => {
  const { status, json } = await app.ask("GET /api/admin/overview", { token: user.session });
  expect([status, json.error]).toMatchObject([403, { code: "admin_required" }]);
});

test("nothing needs attention where all is well", async () => {
  expect(await kinds()).toEqual([]);
});

test("a proxy that is not trusted is named", async () => {
  app.parts.untrustedProxy = () => "172.18.0.2";
  expect((await overview()).attention).toMatchObject([
    { kind: "untrusted_proxy", severity: "warning", detail: "172.18.0.2" },
  ]);
});

test("providers that refuse a node's key come first, with the node's name", async () => {
  const node = app.join(user, { name: "refused", agent: "co-link/0.0.1" });
  const fault = { model: "m", code: "upstream_auth", reason: "401", ms: 60_000 } as const;
  app.parts.penalties.penalize(node.who.nodeKey, fault);
  const { attention } = await overview();
  expect(attention.map(({ kind }) => kind)).toEqual(["provider_key", "node_version"]);
  expect(attention[0]).toMatchObject({
    severity: "bad",
    count: 1,
    nodes: [{ id: "node_refused", name: "refused" }],
  });
});

test("a backup older than a week is warned of, and so is a gateway of a week without any", async () => {
  await app.clock.pass(WEEK_MS + 1000);
  admin = { ...admin, session: await newSession() };
  expect(await kinds()).toEqual(["backup"]);
  const now = app.clock.now();
  const put = (at: number) =>
    app.parts.store.sharedItems.put({
      name: LAST_BACKUP,
      value: String(at),
      expiresAt: now + WEEK_MS,
    });
  await put(now - 1000);
  expect(await kinds()).toEqual([]);
  await put(now - WEEK_MS - 1000);
  expect(await kinds()).toEqual(["backup"]);
});

async function newSession(): Promise<string> {
  const row = await app.parts.store.accountById(admin.id);
  return (await app.parts.sessions.begin(row!, { address: "192.0.2.1", userAgent: null }))!;
}

test("a node that vanished within a day is named, one that was shut down is not", async () => {
  const { register } = app.parts;
  for (const [name, how] of [["gone", "lost"], ["shut", "closed"]] as const) {
    const node = app.join(user, { name });
    await app.clock.pass(1000);
    app.parts.hub.remove(node);
    register.left(node.who.publicId, how, 1006);
    await app.clock.pass(1000);
  }
  const { attention } = await overview();
  expect(attention).toMatchObject([{ kind: "lost", count: 1, nodes: [{ name: "gone" }] }]);
});

test("a database that is away leaves findings out, and a fault of another kind is not hidden", async () => {
  const { users } = app.parts.store;
  const oldestAt = spyOn(users, "oldestAt");
  try {
    oldestAt.mockRejectedValueOnce(storeUnavailable("no answer"));
    expect(await attention(app.parts, budgets)).toBeArray();
    oldestAt.mockRejectedValueOnce(new Error("no such column"));
    await expect(attention(app.parts, budgets)).rejects.toThrow("no such column");
  } finally {
    oldestAt.mockRestore();
  }
});

test("a finding names the kind of its cause, beside what was reported", async () => {
  const parts = {
    ...app.parts,
    limiter: { ...app.parts.limiter, trouble: "it refuses writes: OOM" },
    certificates: { trouble: "DNS problem: NXDOMAIN looking up A", validUntilMs: null },
  };
  const found = await attention(parts, budgets);
  expect(found.map(({ kind, cause, detail }) => [kind, cause, detail])).toEqual([
    ["limits", "out_of_memory", "it refuses writes: OOM"],
    ["certificate", "domain_unknown", "DNS problem: NXDOMAIN looking up A"],
  ]);
});

test("budgets that are nearly used up are named, the tightest first, until they are raised", async () => {
  const budgeted = (id: string, budget: object) =>
    app.ask(`PATCH /api/admin/users/${id}`, { token: admin.session, body: { budget } });
  await budgeted(user.id, { tokens_per_day: 100, calls_at_once: 1 });
  await budgeted(admin.id, { tokens_per_month: 3 });
  await call("m", admin);
  expect((await overview()).attention).toMatchObject([
    {
      kind: "budgets",
      severity: "warning",
      count: 1,
      detail: "admin@example.org",
      holders: [{ of: "account", id: admin.id, name: "admin@example.org" }],
    },
  ]);
  await budgeted(admin.id, { tokens_per_month: 1000 });
  await app.clock.pass(60_000);
  expect(await kinds()).not.toContain("budgets");
});
