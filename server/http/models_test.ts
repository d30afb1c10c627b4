/** GET /v1/models without a socket: which models a key sees, in which format, and page by page. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { ErrorView } from "../../api/mod.ts";
import { Endpoint } from "../../protocol/mod.ts";
import { allFacts } from "../node/model_facts.ts";
import { type TestAccount, TestApp } from "./testing/test_app.ts";

let app: TestApp;
let me: TestAccount;

beforeAll(async () => {
  app = await TestApp.start();
  me = await app.account("me@example.org");
  const facts = { contextLength: 1000, tools: true, thinking: false, loaded: true };
  const callable = ["a", "b", "c", "d", "org/e"];
  app.join(me, {
    name: "n",
    models: [...callable, "chat-only"],
    facts: new Map([
      ...callable.map((id) =>
        [id, allFacts({ ...facts, endpoints: [Endpoint.messages] })] as const
      ),
      ["chat-only", allFacts({ ...facts, maxOutputTokens: 64, endpoints: [Endpoint.chat] })],
    ]),
  });
});
afterAll(() => app.stop());

interface Page {
  data: { id: string }[];
  has_more: boolean;
  first_id: string | null;
  last_id: string | null;
}

const page = async (query = "") => {
  const headers = { "anthropic-version": "2023-06-01" };
  const { json } = await app.ask<Page>(`GET /v1/models${query}`, { token: me.api_token, headers });
  return { ...json, ids: json.data.map(({ id }) => id) };
};

describe("OpenAI's list", () => {
  test("has every model with what is known of it", async () => {
    const { json } = await app.ask<Page>("GET /v1/models", { token: me.api_token });
    expect(json.data.map(({ id }) => id)).toEqual(["a", "b", "c", "chat-only", "d", "org/e"]);
    expect(json.data[0] as object).toEqual({
      id: "a",
      object: "model",
      created: Math.floor(app.parts.startedAt / 1000),
      owned_by: "co-link",
      endpoints: [Endpoint.messages],
      context_length: 1000,
      context_window: 1000,
      max_model_len: 1000,
      tools: true,
      thinking: false,
      loaded: true,
    });
    expect(json.data[3]).toMatchObject({ id: "chat-only", max_output_tokens: 64 });
  });

  test("has a model as soon as a node offers it, and no longer than that", async () => {
    const { hub } = app.parts;
    const ids = async () =>
      (await app.ask<Page>("GET /v1/models", { token: me.api_token })).json.data.map(({ id }) =>
        id
      );
    const before = await ids();
    const node = app.join(me, { name: "later", models: ["z"] });
    expect(await ids()).toEqual([...before, "z"]);
    hub.remove(node);
    expect(await ids()).toEqual(before);
  });

  test("has only the models that the key may use", async () => {
    const { token } = await app.key(me, { models: ["b", "org/e", "unknown"] });
    const { json } = await app.ask<Page>("GET /v1/models", { token });
    expect(json.data.map(({ id }) => id)).toEqual(["b", "org/e"]);
    expect((await app.ask("GET /v1/models/b", { token })).status).toBe(200);
    expect((await app.ask("GET /v1/models/a", { token })).status).toBe(404);
  });
});

describe("one model", () => {
  for (const path of ["org/e", "org%2Fe"]) {
    test(`is found at ${path}`, async () => {
      const { json } = await app.ask(`GET /v1/models/${path}`, { token: me.api_token });
      expect(json).toMatchObject({ id: "org/e", object: "model" });
    });
  }

  test("that is not offered is a 404 that names it", async () => {
    for (const [path, id] of [["none", "none"], ["%", "%"], ["a%20b", "a b"]]) {
      const { status, json } = await app.ask<ErrorView>(`GET /v1/models/${path}`, {
        token: me.api_token,
      });
      expect([status, json.error.code]).toEqual([404, "model_not_found"]);
      expect(json.error.message).toContain(`"${id}"`);
    }
  });

  test("is in Anthropic's format for its SDK", async () => {
    const { json } = await app.ask("GET /v1/models/a", {
      token: me.api_token,
      headers: { "anthropic-version": "2023-06-01" },
    });
    expect(json).toMatchObject({ id: "a", type: "model", max_input_tokens: 1000 });
    expect(json.created_at).toBe(new Date(app.parts.startedAt).toISOString());
  });
});

describe("Anthropic's list", () => {
  test("has the models that can be called at /v1/messages", async () => {
    expect(await page()).toMatchObject({
      ids: ["a", "b", "c", "d", "org/e"],
      has_more: false,
      first_id: "a",
      last_id: "org/e",
    });
  });

  const pages: [query: string, ids: string[], hasMore: boolean][] = [
    ["?limit=2", ["a", "b"], true],
    ["?limit=2&after_id=b", ["c", "d"], true],
    ["?limit=2&after_id=d", ["org/e"], false],
    ["?limit=5", ["a", "b", "c", "d", "org/e"], false],
    ["?limit=1.9", ["a"], true],
    ["?limit=0", ["a", "b", "c", "d", "org/e"], false],
    ["?limit=nonsense", ["a", "b", "c", "d", "org/e"], false],
    ["?limit=2&before_id=d", ["b", "c"], true],
    ["?limit=3&before_id=d", ["a", "b", "c"], false],
    ["?limit=2&before_id=a", [], false],
    ["?after_id=unknown&limit=1", ["a"], true],
    ["?before_id=unknown&limit=1", ["a"], true],
  ];
  for (const [query, ids, hasMore] of pages) {
    test(`${query} is ${ids.join() || "empty"}, ${hasMore ? "with more" : "with no more"}`, async () => {
      expect(await page(query)).toMatchObject({
        ids,
        has_more: hasMore,
        first_id: ids.at(0) ?? null,
        last_id: ids.at(-1) ?? null,
      });
    });
  }

  test("has twenty models a page unless a limit is set, and a thousand at most", async () => {
    const models = Array.from({ length: 1001 }, (_, i) => `x${i}`);
    const facts = allFacts({ endpoints: [Endpoint.messages] });
    const node = app.join(me, {
      name: "many",
      models,
      facts: new Map(models.map((id) => [id, facts])),
    });
    expect((await page()).ids).toHaveLength(20);
    expect((await page("?limit=5000")).ids).toHaveLength(1000);
    app.parts.hub.remove(node);
  });
});
