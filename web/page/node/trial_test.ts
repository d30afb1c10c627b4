import { beforeEach, expect, test } from "bun:test";
import { installBrowser } from "../../testing/browser.ts";
import { failure, fakeGateway, json } from "../../testing/gateway.ts";

installBrowser();
const { tried } = await import("./trial.ts");

const gateway = fakeGateway();
const model = (id: string, ...endpoints: string[]) => ({
  id,
  capabilities: { endpoints },
  nodes: [],
});
const models = [
  model("embedder", "/v1/embeddings"),
  model("writer", "/v1/chat/completions", "/v1/embeddings"),
];
const trial = { node: "n", apiToken: "sk-colink-1" };

beforeEach(() => {
  gateway.requests.length = 0;
  gateway.bodies.length = 0;
  gateway.answers = { "GET /api/models": json({ models }) };
});

test("a model that only embeds is tried by embedding, and not by a chat that it would refuse", async () => {
  gateway.answers["POST /v1/embeddings"] = json({ data: [] });
  expect(await tried({ ...trial, model: "embedder" })).toEqual({
    firstMs: expect.any(Number),
    perSecond: null,
    isWriter: false,
  });
  expect(gateway.requests).toEqual(["GET /api/models", "POST /v1/embeddings"]);
  expect(gateway.bodies[1]).toMatchObject({ model: "embedder" });
});

test("a model that chats, and one that is not listed, is tried by a chat", async () => {
  for (const name of ["writer", "hidden"]) {
    gateway.answers["POST /v1/chat/completions"] = () =>
      new Response(
        'data: {"choices":[{"delta":{"content":"one"}}]}\n\ndata: [DONE]\n\n',
        { headers: { "content-type": "text/event-stream" } },
      );
    expect(await tried({ ...trial, model: name })).toMatchObject({ isWriter: true });
    expect(gateway.bodies.at(-1)).toMatchObject({ model: name, max_tokens: 64 });
  }
});

test("what went wrong is the result", async () => {
  gateway.answers["POST /v1/embeddings"] = failure(502, "upstream_auth");
  expect(await tried({ ...trial, model: "embedder" }))
    .toMatchObject({ error: { code: "upstream_auth" } });
});
