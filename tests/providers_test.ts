/** Providers as owners configure them: addresses of every kind, keys in custom headers, one model name at several providers. */

import { beforeAll, describe, expect, test } from "bun:test";
import type { ProviderConfig } from "../client/config/config.ts";
import { freePort } from "../scripts/free_port.ts";
import { type Account, createAccount } from "./harness/account.ts";
import { type Answer, ask, chat, hello } from "./harness/api.ts";
import { endAfterTests } from "./harness/cleanup.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { listNodes, startNode } from "./harness/node.ts";

const NOT_FOUND = { status: 404 };

interface ReceivedRequest {
  /** Path and query. */
  target: string;
  headers: Headers;
  model: string;
}

let gateway: Gateway;
let account: Account;
/** The requests received by the providers' server, oldest first. */
const received: ReceivedRequest[] = [];

/** The model's name decides the answer: `echo`, or an error status. */
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  async fetch(request) {
    const { pathname, search, host } = new URL(request.url);
    if (request.method !== "POST") return new Response(null, NOT_FOUND);
    const { model, stream } = await request.json() as { model: string; stream?: boolean };
    received.push({ target: pathname + search, headers: request.headers, model });
    if (/\/(responses|embeddings)$/.test(pathname)) {
      return new Response("404 page not found", NOT_FOUND);
    }
    const status = Number(model);
    if (status >= 400) {
      const message = `no ${status} at ${host}${pathname}${search}`;
      return Response.json({ error: { message, type: "t", param: null, code: null } }, { status });
    }
    return pathname.endsWith("/messages") && stream ? claudeStream() : Response.json(completion);
  },
});
endAfterTests(() => server.stop(true));
const host = `127.0.0.1:${server.port}`;

const completion = {
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "echo",
  choices: [{
    index: 0,
    message: { role: "assistant", content: "served", refusal: null },
    logprobs: null,
    finish_reason: "stop",
  }],
};

function claudeStream(): Response {
  const events = [
    { type: "message_start", message: { id: "msg_1", usage: { input_tokens: 1 } } },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "served" } },
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 1 } },
    { type: "message_stop" },
  ];
  const text = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  return new Response(text.join(""), { headers: { "content-type": "text/event-stream" } });
}

interface Address {
  name: string;
  provider: Omit<ProviderConfig, "models">;
  target: string;
}

const AZURE = "/openai/deployments/gpt";
const addresses: Address[] = [
  {
    name: "a bare host",
    provider: { type: "openai", base_url: `http://${host}` },
    target: "/v1/chat/completions",
  },
  {
    name: "a bare host and a slash",
    provider: { type: "openai", base_url: `http://${host}/` },
    target: "/v1/chat/completions",
  },
  {
    name: "a version and a slash",
    provider: { type: "openai", base_url: `http://${host}/v1/` },
    target: "/v1/chat/completions",
  },
  {
    name: "a path of its own",
    provider: { type: "openai", base_url: `http://${host}/api/openai` },
    target: "/api/openai/chat/completions",
  },
  {
    name: "an API at the root",
    provider: { type: "openai", base_url: `http://${host}`, api_path: "/" },
    target: "/chat/completions",
  },
  {
    name: "an API at a path of its own",
    provider: { type: "openai", base_url: `http://${host}/`, api_path: "/api/v3/" },
    target: "/api/v3/chat/completions",
  },
  {
    name: "Claude at the root",
    provider: { type: "claude", base_url: `http://${host}/anthropic`, api_path: "/" },
    target: "/anthropic/messages",
  },
  {
    name: "a query",
    provider: { type: "openai", base_url: `http://${host}${AZURE}?api-version=2024-10-21` },
    target: `${AZURE}/chat/completions?api-version=2024-10-21`,
  },
  {
    name: "Claude without a version",
    provider: { type: "claude", base_url: `http://${host}` },
    target: "/v1/messages",
  },
  {
    name: "Claude with a version and a slash",
    provider: { type: "claude", base_url: `http://${host}/v1/` },
    target: "/v1/messages",
  },
  {
    name: "Claude behind a proxy with a query",
    provider: { type: "claude", base_url: `http://${host}/anthropic?tenant=a` },
    target: "/anthropic/v1/messages?tenant=a",
  },
];

const keys: Record<string, Omit<ProviderConfig, "models">> = {
  none: { type: "openai", base_url: `http://${host}` },
  "header of its own": {
    type: "openai",
    base_url: `http://${host}`,
    headers: { "api-key": "secret-of-azure", "x-team": "studio" },
  },
  "two headers that differ": {
    type: "claude",
    api_key: "sk-ant-usual",
    base_url: `http://${host}`,
    headers: { "x-api-key": "sk-ant-other", "anthropic-beta": "a-beta" },
  },
};

/** The providers of one model name, in order, each with its local model. */
const shared: Record<string, string[]> = {
  "is down, then serves": ["down", "echo"],
  "fails, then serves": ["500", "echo"],
  "is over its limit, then serves": ["429", "echo"],
  "refuses the key, then serves": ["401", "echo"],
  "refuses the request": ["400", "echo"],
  "fails twice": ["503", "500"],
};

beforeAll(async () => {
  gateway = await startGateway();
  account = await createAccount(gateway);
  const nowhere = `http://127.0.0.1:${freePort()}`;
  const offer = (name: string, local = "echo") => [{ local, server_mapping: name }];
  await startNode({
    gateway,
    clientToken: account.clientToken,
    providers: [
      ...addresses.map(({ name, provider }) => ({ ...provider, models: offer(name) })),
      ...Object.entries(keys).map(([name, provider]) => ({ ...provider, models: offer(name) })),
      { type: "openai", base_url: `http://${host}`, models: offer("anything") },
      {
        type: "openai",
        base_url: `http://${host}`,
        endpoints: ["chat", "completions"],
        models: [
          ...offer("as its provider says"),
          { local: "echo", server_mapping: "as itself says", endpoints: ["embeddings"] },
        ],
      },
      ...Object.entries(shared).flatMap(([name, locals]) =>
        locals.map((local): ProviderConfig => ({
          type: "openai",
          base_url: local === "down" ? nowhere : `http://${host}/v1?key=secret-in-a-query`,
          models: offer(name, local),
        }))
      ),
    ],
  });
}, 180_000);

function call(model: string): Promise<Answer<typeof completion & { error: { message: string } }>> {
  received.length = 0;
  return chat(gateway, account.apiToken, hello(model));
}

describe("a provider's base URL may have", () => {
  for (const { name, target } of addresses) {
    test(name, async () => {
      const { json } = await call(name);
      expect(json.choices[0]!.message.content).toBe("served");
      expect(received.map((one) => one.target)).toEqual([target]);
    });
  }
});

describe("a provider's key may be", () => {
  test("none", async () => {
    await call("none");
    expect(received[0]!.headers.has("authorization")).toBe(false);
  });

  test("in a custom header", async () => {
    await call("header of its own");
    const { headers } = received[0]!;
    expect(headers.get("api-key")).toBe("secret-of-azure");
    expect(headers.get("x-team")).toBe("studio");
    expect(headers.has("authorization")).toBe(false);
  });

  test("overridden by a header", async () => {
    await call("two headers that differ");
    const { headers } = received[0]!;
    expect(headers.get("x-api-key")).toBe("sk-ant-other");
    expect(headers.get("anthropic-beta")).toBe("a-beta");
    expect(headers.get("anthropic-version")).toBe("2023-06-01");
  });
});

describe("of two providers of one model name, the first", () => {
  for (const name of Object.keys(shared).filter((name) => name.endsWith("then serves"))) {
    test(`${name}: the second answers`, async () => {
      const { status, json } = await call(name);
      expect(status).toBe(200);
      expect(json.choices[0]!.message.content).toBe("served");
      expect(received.at(-1)!.model).toBe("echo");
    });
  }

  test("rejects the request: the second is not called, and the caller sees why", async () => {
    const { status, json } = await call("refuses the request");
    expect(status).toBe(400);
    expect(json.error.message).toStartWith("no 400");
    expect(received.map(({ model }) => model)).toEqual(["400"]);
  });

  test("fails as the second does: the call fails without either's address or query", async () => {
    const { status, text } = await call("fails twice");
    expect(status).toBe(500);
    expect(received.map(({ model }) => model)).toEqual(["503", "500"]);
    expect(text).not.toContain(host);
  });

  test("does not reveal its address in its errors", async () => {
    const { text } = await call("refuses the request");
    expect(text).not.toContain(host);
    expect(text).not.toContain("secret-in-a-query");
  });
});

describe("an endpoint that a provider lacks", () => {
  const call = (path: string, model: string) =>
    ask(`${gateway.url}${path}`, {
      method: "POST",
      token: account.apiToken,
      body: JSON.stringify({ model, input: "hello" }),
    });
  const respond = (model: string) => call("/v1/responses", model);

  test("is bridged through one that it has", async () => {
    for (let i = 0; i < 2; i++) {
      received.length = 0;
      const { status, json } = await respond("anything");
      expect(status).toBe(200);
      expect(json).toMatchObject({ object: "response", model: "anything", status: "completed" });
      // The first call finds out that the path is missing.
      const paths = received.map(({ target }) => target.split("/").at(-1)!);
      expect(paths).toEqual(i === 0 ? ["responses", "completions"] : ["completions"]);
    }
  });

  test("is rejected in the provider's words, without a penalty for the node", async () => {
    const { status, json } = await call("/v1/embeddings", "anything");
    expect(status).toBe(404);
    expect(json.error.message).toBe("404 page not found");
    const penalties = (await listNodes(gateway)).flatMap(({ penalties }) => penalties);
    expect(penalties.map(({ model }) => model)).not.toContain("anything");
    expect(penalties.map(({ model }) => model)).not.toContain(null);
  });

  test("is not offered if the owner's configuration excludes it, per model or for all", async () => {
    for (const [model, offered] of Object.entries(named)) {
      const { status, json } = await respond(model);
      expect(status).toBe(404);
      expect(json.error.code).toBe("endpoint_not_offered");
      expect(json.error.message).toEndWith(`it can be called at ${offered}`);
    }
  });
});

const named = {
  "as its provider says": "/v1/chat/completions, /v1/completions",
  "as itself says": "/v1/embeddings",
};

test("every model is listed once, even if two providers serve it", async () => {
  const { json } = await ask<{ data: { id: string }[] }>(`${gateway.url}/v1/models`, {
    token: account.apiToken,
  });
  const names = [
    "anything",
    ...Object.keys(named),
    ...addresses.map(({ name }) => name),
    ...Object.keys(keys),
    ...Object.keys(shared),
  ];
  expect(json.data.map(({ id }) => id).toSorted()).toEqual(names.toSorted());
});
