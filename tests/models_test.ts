/** GET /v1/models: what nodes announce of their models, in the format of the caller's SDK. */

import { beforeAll, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import { Endpoint } from "../protocol/mod.ts";
import type { ModelCapabilities } from "../protocol/frame_v2.ts";
import { type Account, createAccount } from "./harness/account.ts";
import { ask } from "./harness/api.ts";
import { endAfterTests } from "./harness/cleanup.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { startNode } from "./harness/node.ts";
import { joinRawNodeV2, type RawNodeV2 } from "./harness/raw_node_v2.ts";
import { until } from "./harness/wait.ts";

let gateway: Gateway;
let account: Account;

beforeAll(async () => {
  gateway = await startGateway();
  account = await createAccount(gateway);
}, 180_000);

function join(models: string[], capabilities?: ModelCapabilities): Promise<RawNodeV2> {
  return joinRawNodeV2({ gateway, owner: account, models, ...(capabilities && { capabilities }) });
}

async function listed(id: string): Promise<Record<string, unknown> | undefined> {
  const { json } = await ask<{ data: Record<string, unknown>[] }>(`${gateway.url}/v1/models`, {
    token: account.apiToken,
  });
  return json.data.find((model) => model.id === id);
}

/** The SDK in its usual setup; it sends the key as x-api-key. */
function sdk(apiKey = account.apiToken): Anthropic {
  return new Anthropic({ baseURL: gateway.url, apiKey, maxRetries: 0 });
}

describe("in OpenAI's format, a model", () => {
  test("of which its node announces nothing can be called at chat, and nothing more is known", async () => {
    await join(["silent"]);
    expect(await listed("silent")).toEqual({
      id: "silent",
      object: "model",
      created: expect.any(Number),
      owned_by: "co-link",
      endpoints: [Endpoint.chat],
    });
  });

  test("has what all its nodes announce, and follows their changes", async () => {
    const endpoints = [Endpoint.chat, Endpoint.messages];
    const large = await join(["announced"], {
      endpoints,
      context_length: 200_000,
      tools: true,
      vision: true,
    });
    await join(["announced"], {
      endpoints: [Endpoint.embeddings],
      context_length: 8192,
      tools: true,
    });
    const together = {
      id: "announced",
      object: "model",
      created: expect.any(Number),
      owned_by: "co-link",
      endpoints: [Endpoint.chat, Endpoint.embeddings, Endpoint.messages],
    };
    // Only one of them announces vision, so a caller cannot rely on it.
    expect(await listed("announced")).toEqual({
      ...together,
      context_length: 8192,
      context_window: 8192,
      max_model_len: 8192,
      tools: true,
    });
    large.status({ capabilities: { announced: { endpoints, vision: false } } });
    await until("the change has come", async () => (await listed("announced"))?.vision === false);
    expect(await listed("announced")).toEqual({ ...together, vision: false });
    const one = await ask(`${gateway.url}/v1/models/announced`, { token: account.apiToken });
    expect(one.json as unknown).toEqual(await listed("announced"));
  });
});

describe("for Anthropic's SDK, the list", () => {
  test("has the models that can be called at /v1/messages, over as many pages as it takes", async () => {
    const models = Array.from({ length: 5 }, (_, i) => `talks-${i}`);
    await join(models, { endpoints: [Endpoint.messages], context_length: 1000 });
    await join(["chats-only"]);
    const found: string[] = [];
    for await (const { id, type, max_input_tokens } of sdk().models.list({ limit: 2 })) {
      found.push(id);
      if (!id.startsWith("talks-")) continue;
      expect({ type, max_input_tokens }).toEqual({ type: "model", max_input_tokens: 1000 });
    }
    expect(found.filter((id) => id.startsWith("talks-"))).toEqual(models);
    expect(found).not.toContain("chats-only");
    const backwards = await sdk().models.list({ before_id: "talks-3", limit: 2 });
    expect(backwards.data.map(({ id }) => id)).toEqual(["talks-1", "talks-2"]);
    expect(backwards.has_more).toBe(true);
  });

  test("returns one model by its name, slashes included", async () => {
    await join(["org/model:8b"], { endpoints: [Endpoint.messages] });
    const model = await sdk().models.retrieve("org/model:8b");
    expect(model).toMatchObject({
      id: "org/model:8b",
      type: "model",
      display_name: "org/model:8b",
    });
    expect(Date.parse(model.created_at)).toBeGreaterThan(0);
  });

  test("has errors that the SDK knows", async () => {
    const unknown = await sdk().models.retrieve("nobody's").catch((error) => error);
    expect(unknown).toBeInstanceOf(Anthropic.NotFoundError);
    expect(unknown).toMatchObject({ type: "not_found_error", requestID: expect.any(String) });
    const refused = await sdk("sk-colink-wrong").models.list().catch((error) => error);
    expect(refused).toBeInstanceOf(Anthropic.AuthenticationError);
    expect(refused.type).toBe("authentication_error");
  });
});

/** Ollama's answers: a model that chats, in memory, and one that embeds. */
function startOllama(): string {
  const capabilities: Record<string, string[]> = {
    "chatter:8b": ["completion", "tools", "thinking"],
    "nomic:latest": ["embedding"],
  };
  const names = Object.keys(capabilities);
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    routes: {
      "/v1/models": () =>
        Response.json({ data: names.map((id) => ({ id, object: "model", owned_by: "library" })) }),
      "/api/tags": () =>
        Response.json({ models: names.map((name) => ({ name, digest: `sha-${name}` })) }),
      "/api/ps": () => Response.json({ models: [{ name: names[0], context_length: 8192 }] }),
      "/api/show": async (request) => {
        const { model } = await request.json() as { model: string };
        return Response.json({ capabilities: capabilities[model], model_info: {} });
      },
    },
    fetch: () => new Response(null, { status: 404 }),
  });
  endAfterTests(() => server.stop(true));
  return `http://127.0.0.1:${server.port}`;
}

test("of a node at Ollama, each model is offered where it can be called, with what Ollama knows of it", async () => {
  const { clientToken } = account;
  const providers = [{ type: "openai" as const, base_url: startOllama(), models: "auto" as const }];
  await startNode({ gateway, clientToken, providers });
  await until("the node has asked for its models", async () => await listed("nomic:latest"));
  expect(await listed("nomic:latest")).toMatchObject({
    endpoints: [Endpoint.embeddings],
    loaded: false,
  });
  const chatter = await listed("chatter:8b");
  expect(chatter).toMatchObject({
    context_length: 8192,
    max_model_len: 8192,
    tools: true,
    vision: false,
    thinking: true,
    loaded: true,
  });
  expect(chatter?.endpoints).not.toContain(Endpoint.embeddings);
  expect(chatter?.endpoints).toContain(Endpoint.responses);
  const { max_tokens } = await sdk().models.retrieve("chatter:8b");
  expect(max_tokens).toBe(8192);
  const mistaken = await ask<{ error: { code: string } }>(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    token: account.apiToken,
    body: JSON.stringify({ model: "nomic:latest", messages: [{ role: "user", content: "hi" }] }),
  });
  expect(mistaken.json.error.code).toBe("endpoint_not_offered");
});
