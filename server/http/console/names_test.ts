/** Aliases and what is said about models: who may say it, where calls go by it, and what lists show of it. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { AliasView, ErrorView } from "../../../api/mod.ts";
import { type TestAccount, TestApp } from "../testing/test_app.ts";

const CHAT = "POST /v1/chat/completions";
const messages = [{ role: "user", content: "hi" }];

let app: TestApp;
let admin: TestAccount;
let user: TestAccount;
/** What the node was asked, in order. */
const orders: { model: string; text: string }[] = [];

beforeAll(async () => {
  app = await TestApp.start();
  admin = await app.account("admin@example.org", "admin");
  user = await app.account("user@example.org");
  app.join(
    user,
    { name: "n", models: ["llama", "qwen", "org/big"], maxParallel: 8 },
    (sink, order) => {
      orders.push({ model: order.model, text: order.body.text });
      sink.head({});
      sink.data(`{"model":"${order.model}","choices":[]}`);
      sink.finish();
    },
  );
});

afterAll(() => app.stop());

beforeEach(async () => {
  orders.length = 0;
  app.clock.pass(60_000);
  for (const { name } of await list("admin")) await remove("admin", name);
  for (const { name } of await list("account")) await remove("account", name);
});

type Whose = "admin" | "account";

function tokenOf(whose: Whose): string {
  return (whose === "admin" ? admin : user).session;
}

async function list(whose: Whose): Promise<AliasView[]> {
  const token = tokenOf(whose);
  const { json } = await app.ask<{ aliases: AliasView[] }>(`GET /api/${whose}/aliases`, { token });
  return json.aliases;
}

function save(whose: Whose, name: string, ...targets: (string | object)[]) {
  const body = {
    name,
    targets: targets.map((target) => typeof target === "string" ? { model: target } : target),
  };
  return app.ask<{ error?: ErrorView["error"] }>(`PUT /api/${whose}/aliases`, {
    token: tokenOf(whose),
    body,
  });
}

function remove(whose: Whose, name: string) {
  const query = new URLSearchParams({ name });
  return app.ask(`DELETE /api/${whose}/aliases?${query}`, { token: tokenOf(whose) });
}

function call(model: string, token = user.api_token, more: object = {}) {
  return app.ask<{ model?: string; error?: { code: string; message: string } }>(CHAT, {
    token,
    body: { messages, model, ...more },
  });
}

async function listed(token = user.api_token) {
  const { json } = await app.ask<{ data: { id: string; alias_of?: string[] }[] }>(
    "GET /v1/models",
    { token },
  );
  return json.data;
}

describe("a call to an alias", () => {
  test("is answered in the name of the model, with the asked name in a header and both in the ledger", async () => {
    await save("admin", "gpt-4o*", "llama");
    const answer = await call("gpt-4o-2024");
    expect(answer.json.model).toBe("llama");
    expect(answer.headers.get("x-colink-alias")).toBe("gpt-4o-2024");
    await app.parts.ledger.flush();
    const { json } = await app.ask<{ calls: object[] }>("GET /api/calls", { token: user.session });
    expect(json.calls[0]).toMatchObject({ model: "llama", alias: "gpt-4o-2024", outcome: "ok" });
  });

  test("reaches its node with the model's name in a body that is otherwise unchanged", async () => {
    await save("admin", "fast", "org/big");
    const body = `{ "x": 1.0, "model" : "f\\u0061st" ,"messages":[{"role":"user","content":"hi"}]}`;
    await app.ask(CHAT, { token: user.api_token, body });
    expect(orders[0]).toMatchObject({ model: "org/big" });
    expect(orders[0]?.text).toBe(body.replace('"f\\u0061st"', '"org/big"'));
  });

  test("has a header that any name fits into", async () => {
    const name = "模型 100%";
    await save("admin", name, "llama");
    const { headers } = await call(name);
    expect(decodeURIComponent(headers.get("x-colink-alias") ?? "")).toBe(name);
    await save("admin", "f*", "llama");
    expect((await call("f\ud800")).status).toBe(200);
  });

  test("says of each target why it could not serve", async () => {
    await save("admin", "fast", "away", { model: "llama", needs: ["vision"] });
    const { status, json, headers } = await call("fast");
    expect([status, json.error?.code]).toEqual([503, "no_node_online"]);
    expect(json.error?.message).toContain('"away": ');
    expect(json.error?.message).toContain('"llama": not all of its nodes state that it has vision');
    expect(headers.get("x-colink-alias")).toBe("fast");
  });
});

describe("a key that is limited to certain models", () => {
  test("may call an administrator's alias that its list names, wherever it leads", async () => {
    await save("admin", "fast", "llama");
    const { token } = await app.key(user, { models: ["fast"] });
    expect((await call("fast", token)).json.model).toBe("llama");
    expect((await call("llama", token)).json.error?.code).toBe("model_not_allowed");
  });

  test("reaches by any alias only those targets that it may call", async () => {
    await save("admin", "fast", "qwen", "llama");
    const { token } = await app.key(user, { models: ["llama"] });
    expect((await call("fast", token)).json.model).toBe("llama");
    await save("admin", "fast", "qwen");
    const refused = await call("fast", token);
    expect([refused.status, refused.json.error?.code]).toEqual([403, "model_not_allowed"]);
    expect(refused.json.error?.message).not.toContain("qwen");
  });

  test("is not widened by an alias of its account's own, whatever that is called", async () => {
    await save("account", "llama", "qwen");
    const { token } = await app.key(user, { models: ["llama"] });
    expect((await call("llama", token)).json.error?.code).toBe("model_not_allowed");
    expect((await call("llama")).json.model).toBe("qwen");
  });

  test("is listed what it may call", async () => {
    await save("admin", "fast", "qwen", "llama");
    await save("admin", "slow", "qwen");
    const { token } = await app.key(user, { models: ["llama"] });
    expect((await listed(token)).map(({ id, alias_of }) => [id, alias_of]))
      .toEqual([["fast", ["llama"]], ["llama", undefined]]);
  });
});

describe("an account's own alias", () => {
  test("goes before one for everybody, for this account alone, and from its next call on", async () => {
    await save("admin", "fast", "qwen");
    expect((await call("fast")).json.model).toBe("qwen");
    await save("account", "fast", "llama");
    expect((await call("fast")).json.model).toBe("llama");
    expect((await call("fast", admin.api_token)).json.model).toBe("qwen");
    await remove("account", "fast");
    expect((await call("fast")).json.model).toBe("qwen");
  });

  test("is listed for this account alone", async () => {
    await save("account", "mine", "llama");
    expect((await listed()).find(({ id }) => id === "mine")?.alias_of).toEqual(["llama"]);
    expect((await listed(admin.api_token)).map(({ id }) => id)).not.toContain("mine");
  });
});

describe("an alias is refused", () => {
  test("if it closes a loop, and nothing is saved", async () => {
    await save("admin", "a", "b");
    const { status, json } = await save("admin", "b", "a");
    expect([status, json.error?.code]).toEqual([400, "invalid_request"]);
    expect(json.error?.message).toContain('"b" → "a" → "b"');
    expect(json.error?.fields).toMatchObject([
      { param: "targets", code: "alias_loop", names: ["b", "a", "b"] },
    ]);
    expect((await list("admin")).map(({ name }) => name)).toEqual(["a"]);
  });

  test("if it makes another one's chain too long", async () => {
    for (let i = 1; i < 8; i++) await save("admin", `c${i}`, i === 7 ? "m" : `c${i + 1}`);
    expect((await save("admin", "m", "llama")).status).toBe(200);
    const { json } = await save("admin", "llama", "qwen");
    expect(json.error?.message).toContain('the alias, which "c1" leads to: its chain is longer');
    expect(json.error?.fields).toMatchObject([{ code: "alias_too_long", limit: 8 }]);
  });

  test("if it is a pattern of stars alone, has no target, or an unknown condition", async () => {
    expect((await save("admin", "**", "llama")).status).toBe(400);
    expect((await save("admin", "a")).status).toBe(400);
    expect((await save("admin", "a", { model: "m", unless: 1 })).status).toBe(400);
  });

  test("beyond what one account may have", async () => {
    app.clock.pass(60_000);
    const { names } = app.parts;
    const many = Array.from({ length: 50 }, (_, i) => `a${i}`);
    for (const name of many) {
      await names.saveOwn(user.id, { name, targets: [{ model: "m" }] });
    }
    expect((await save("account", "one-more", "m")).json.error?.code).toBe("too_many");
    for (const name of many) await names.removeOwn(user.id, name);
  });

  test("from anyone but administrators, and without a session", async () => {
    const bodies = { aliases: { name: "a", targets: [{ model: "m" }] }, models: { name: "a" } };
    const body = bodies.aliases;
    for (const path of ["aliases", "models"] as const) {
      for (const method of ["GET", "PUT", "DELETE"]) {
        const route = `${method} /api/admin/${path}?name=a`;
        const ask = { token: user.session, ...(method === "PUT" ? { body: bodies[path] } : {}) };
        expect((await app.ask(route, ask)).status).toBe(403);
      }
    }
    expect((await app.ask("PUT /api/account/aliases", { body })).status).toBe(401);
  });
});

test("an alias may lead to what no node has offered, and is shown so", async () => {
  await save("admin", "fast", "nobody-has-it", "llama");
  expect(await list("admin")).toEqual([{
    name: "fast",
    targets: [{ model: "nobody-has-it" }, { model: "llama" }],
    leads_to: [{ model: "nobody-has-it", offered: false }, { model: "llama", offered: true }],
    problem: null,
    fault: null,
  }]);
  await save("admin", "lost", "nobody-has-it");
  expect((await listed()).map(({ id }) => id)).not.toContain("lost");
});

test("what is saved and removed is in the audit log", async () => {
  await save("admin", "fast", "a", "b");
  await remove("admin", "fast");
  expect(await app.audited("alias.saved"))
    .toContainEqual({ actor: admin.email, target: "fast", detail: { to: "a, b" } });
  expect((await app.audited("alias.removed")).map(({ target }) => target)).toContain("fast");
  expect((await remove("admin", "fast")).status).toBe(404);
});

test("another gateway's alias is in force after the next look at the database", async () => {
  const { store } = app.parts;
  const value = JSON.stringify({ name: "theirs", targets: [{ model: "llama" }] });
  await store.names.changeShared("alias", "theirs", 10, () => value);
  expect((await call("theirs")).json.error?.code).toBe("model_not_found");
  await app.parts.names.refresh();
  expect((await call("theirs")).json.model).toBe("llama");
});

describe("what administrators say about a model", () => {
  const say = (model: object) =>
    app.ask("PUT /api/admin/models", { token: admin.session, body: model });

  test("adds parameters to calls that do not say them, and leaves the rest of the body as it is", async () => {
    await say({ name: "llama", defaults: { temperature: 0.25, max_tokens: 50 } });
    const sent =
      `{"model":"llama","big":12345678901234567890,"messages":[{"role":"user","content":"hi"}]}`;
    await app.ask(CHAT, { token: user.api_token, body: sent });
    expect(orders[0]?.text).toBe(sent.replace("{", '{"temperature":0.25,"max_tokens":50,'));
    await call("llama", user.api_token, { temperature: 1, max_completion_tokens: 9 });
    expect(JSON.parse(orders[1]!.text)).toEqual({
      messages,
      model: "llama",
      temperature: 1,
      max_completion_tokens: 9,
    });
    await save("admin", "fast", "llama");
    await call("fast");
    expect(JSON.parse(orders[2]!.text))
      .toMatchObject({ model: "llama", temperature: 0.25, max_tokens: 50 });
  });

  test("hides it from lists, and not from calls; a note is listed with it", async () => {
    await say({ name: "llama", hidden: true });
    await say({ name: "qwen", note: "for code" });
    const models = await listed();
    expect(models.map(({ id }) => id)).not.toContain("llama");
    expect(models).toContainEqual(expect.objectContaining({ id: "qwen", description: "for code" }));
    expect((await call("llama")).status).toBe(200);
    expect((await call("llamb")).json.error?.message).not.toContain('"llama"');
    expect((await call("qwem")).json.error?.message).toContain('did you mean "qwen"?');
    await app.ask("DELETE /api/admin/models?name=llama", { token: admin.session });
    expect((await listed()).map(({ id }) => id)).toContain("llama");
    expect(await app.audited("model.changed")).not.toEqual([]);
  });
});

test("a model for certain groups is called and listed by their members alone, and by no alias of others", async () => {
  const { groups } = app.parts;
  const { id } = await groups.create({ name: "Staff" });
  await groups.change(id, { add: [admin.id] });
  await app.ask("PUT /api/admin/models", {
    token: admin.session,
    body: { name: "org/big", groups: [id] },
  });
  await save("account", "mine", "org/big");
  await save("admin", "all", "org/big", "llama");
  expect((await call("org/big")).json.error?.code).toBe("model_not_allowed");
  expect((await call("mine")).json.error?.code).toBe("model_not_allowed");
  expect((await call("all")).json.model).toBe("llama");
  expect((await call("org/big", admin.api_token)).json.model).toBe("org/big");
  const ids = async (token?: string) => (await listed(token)).map((one) => one.id);
  expect(await ids()).not.toContain("org/big");
  expect(await ids(admin.api_token)).toContain("org/big");
});

test("a model's groups are given by name or id, and stay when one of them is gone", async () => {
  const { groups } = app.parts;
  const [{ id }, gone] = [
    await groups.create({ name: "R\u00e9seau" }),
    await groups.create({ name: "Gone" }),
  ];
  const put = (...given: string[]) =>
    app.ask<{ models: { name: string; groups?: string[] }[] }>("PUT /api/admin/models", {
      token: admin.session,
      body: { name: "org/big", groups: given },
    });
  const saved = async (...given: string[]) =>
    (await put(...given)).json.models.find(({ name }) => name === "org/big")?.groups;
  // The same letters, composed otherwise.
  expect(await saved("RE\u0301SEAU", gone.id)).toEqual([id, gone.id]);
  expect((await put("Reseau")).status).toBe(400);
  await groups.remove(gone.id);
  // Else deleting a group would open the model to everybody.
  expect(await saved(id, gone.id)).toEqual([id, gone.id]);
  await app.ask("DELETE /api/admin/models?name=org/big", { token: admin.session });
});

test("an account's own alias shows as offered what a node lends to that account", async () => {
  const { id } = await app.parts.groups.create({ name: "Lab" });
  await app.parts.groups.change(id, { add: [user.id] });
  app.join(admin, {
    name: "lent",
    models: ["lent-model"],
    maxParallel: 1,
    shareWith: ["group:lab"],
  });
  await save("account", "mine", "lent-model");
  await save("admin", "all", "lent-model");
  const offered = async (whose: Whose) =>
    (await list(whose)).map(({ leads_to }) => leads_to[0]?.offered);
  expect(await offered("account")).toEqual([true]);
  expect(await offered("admin")).toEqual([true]);
});
