/** The API over HTTP: which bytes reach the upstream, and which bytes and headers come back. */

import { beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import type { ErrorView } from "../api/mod.ts";
import { type Account, createAccount } from "./harness/account.ts";
import { type Answer, ask, chat, hello } from "./harness/api.ts";
import { ending, piece } from "./harness/chunks.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { ledgerOf, type LedgerRow } from "./harness/ledger.ts";
import { listNodes, startNode } from "./harness/node.ts";
import { echo, recite, refuse, startUpstream, type Upstream } from "./harness/upstream.ts";
import { until } from "./harness/wait.ts";

let gateway: Gateway;
let account: Account;
let upstream: Upstream;

const MODELS = ["model", "meta-llama/Llama-3.1:8b", "100%/a b"];

beforeAll(async () => {
  gateway = await startGateway();
  account = await createAccount(gateway);
  upstream = startUpstream();
  await startNode({
    gateway,
    clientToken: account.clientToken,
    providers: [{
      type: "openai",
      api_key: "sk-upstream",
      base_url: upstream.url,
      models: MODELS.map((name) => ({ local: `local ${name}`, server_mapping: name })),
    }],
  });
}, 180_000);

function call(body: unknown, init: RequestInit = {}): Promise<Answer<ErrorView>> {
  return chat(gateway, account.apiToken, body, init);
}

/** The ledger's row of the call with these answer headers. */
function rowOf(headers: Headers): Promise<LedgerRow> {
  const id = headers.get("x-request-id");
  return until("the call is in the ledger", () => {
    return ledgerOf(gateway, "model").find((row) => row.id === id);
  });
}

/** The newest body that reached the upstream, byte for byte. */
function arrived(): string {
  return upstream.calls.at(-1)!.text;
}

const sse = (...payloads: unknown[]) =>
  payloads.map((one) => `data: ${typeof one === "string" ? one : JSON.stringify(one)}\n\n`).join(
    "",
  );

describe("a body", () => {
  /** Text that parsing and printing would change. */
  const odd = `{ "messages" : [ {"role":"user","content":"\\u00e9 \\/ 👩‍👩‍👧", "x":null} ],
    "seed":9223372036854775807, "temperature":1.0, "top_p":1e-1, "logit_bias":{"50256":-100},
    "min_p":0.05,"chat_template_kwargs":{"enable_thinking":false},"grammar":null,
    "stop":null, "n" : null, "metadata":{"b":"1","a":"2"},
    "model" : "model" `;
  const local = (text: string) => text.replace(`"model" : "model"`, `"model" : "local model"`);

  test("reaches the upstream byte for byte but for the model's name", async () => {
    const body = `${odd}, "stream":false, "stream_options":null}`;
    expect((await call(body)).status).toBe(200);
    expect(arrived()).toBe(local(body));
  });

  test("that requests usage does so when it streams, too", async () => {
    const body = `${odd}, "stream":true, "stream_options":{"include_usage":true,"x":1}}`;
    expect((await call(body)).status).toBe(200);
    expect(arrived()).toBe(local(body));
  });

  test("that streams without requesting usage is changed only there", async () => {
    for (const options of ["", `, "stream_options":null`, `, "stream_options":{"x":1e1}`]) {
      expect((await call(`${odd}, "stream":true${options}}`)).status).toBe(200);
      const asked = /"stream_options" ?: ?(\{[^}]*\})/.exec(arrived())?.[1] ?? "";
      const x = options.includes("x") ? { x: 10 } : {};
      expect(JSON.parse(asked)).toEqual({ ...x, include_usage: true });
      // All other members, unchanged.
      expect(arrived()).toContain(`${local(odd).slice(1)}, "stream":true`);
    }
  });

  for (const encoding of ["gzip", "zstd"] as const) {
    test(`may come in ${encoding}`, async () => {
      const body = JSON.stringify(hello("model", { packed: encoding }));
      const packed = new Blob([
        encoding === "gzip" ? Bun.gzipSync(body) : new Uint8Array(Bun.zstdCompressSync(body)),
      ]);
      const answer = await call("", { body: packed, headers: { "content-encoding": encoding } });
      expect(answer.status).toBe(200);
      expect(arrived()).toBe(body.replace(`"model":"model"`, `"model":"local model"`));
    });
  }

  test("travels without the caller's headers, above all without its key", async () => {
    await call(hello("model"), {
      headers: {
        "content-type": "application/json",
        cookie: "session=caller",
        "x-api-key": "caller",
        "openai-organization": "org-caller",
        "x-forwarded-for": "203.0.113.7",
      },
    });
    const { headers } = upstream.calls.at(-1)!;
    expect(headers.get("authorization")).toBe("Bearer sk-upstream");
    const all = JSON.stringify([...headers]);
    expect(all).not.toMatch(/caller|203\.0\.113\.7|sk-colink/);
  });
});

describe("an answer", () => {
  test("that is whole is returned byte for byte", async () => {
    const body = `{ "id":"x" , "created":1.0, "choices":[{"index":0,"message":{"role":"assistant",
      "content":"\\u00e9"},"logprobs":null,"finish_reason":"stop"}], "seed":9223372036854775807,
      "timings":{"t":1e2}, "usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3} }`;
    upstream.behave("local model", () => {
      return new Response(body, { headers: { "content-type": "application/json" } });
    });
    expect((await call(hello("model"))).text).toBe(body);
    upstream.behave("local model", echo());
  });

  test("that streams is returned event by event, however its bytes were cut", async () => {
    const odd =
      `{"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":"\\u00e9"},` +
      `"finish_reason":null}],"seed":9223372036854775807,"n":1.0}`;
    const spoken = sse(odd, piece("grüße 👩‍👩‍👧"), ending(), "[DONE]");
    for (const pieceBytes of [1, 2, 3, 7, Infinity]) {
      upstream.behave("local model", recite(spoken, pieceBytes));
      expect((await call(hello("model", { stream: true }))).text).toBe(spoken);
    }
    upstream.behave("local model", echo());
  });

  test("has the headers of its kind, and no compression", async () => {
    const headers = { "content-type": "application/json", "accept-encoding": "gzip, br, zstd" };
    const stream = await call(hello("model", { stream: true }), { headers });
    expect(stream.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(stream.headers.get("cache-control")).toBe("no-cache");
    expect(stream.headers.get("x-accel-buffering")).toBe("no");
    expect(stream.headers.get("content-encoding")).toBeNull();
    expect(stream.text).toEndWith("data: [DONE]\n\n");
    expect(stream.text.match(/^(?!data: |$).*$/gm)).toBeNull();
    const whole = await call(hello("model"), { headers });
    expect(whole.headers.get("content-type")).toBe("application/json");
    expect(whole.headers.get("content-encoding")).toBeNull();
  });

  test("has headers for its request, its node, its duration and the key's remaining calls", async () => {
    const [node] = await listNodes(gateway);
    for (const stream of [true, false]) {
      const { headers } = await call(hello("model", { stream }));
      expect(headers.get("x-request-id")).toMatch(/^req-[0-9a-f]{32}$/);
      expect(headers.get("x-colink-node")).toBe(node!.id);
      expect(headers.get("openai-processing-ms")).toMatch(/^\d+$/);
      expect(headers.get("openai-version")).toBe("2020-10-01");
      expect(headers.get("x-ratelimit-limit-requests")).toMatch(/^\d+$/);
      expect(headers.get("x-ratelimit-remaining-requests")).toMatch(/^\d+$/);
      expect(headers.get("x-ratelimit-reset-requests")).toMatch(/^((\d+m)?\d+s|\d+ms)$/);
    }
  });

  test("has only those headers of the upstream that are for callers", async () => {
    upstream.behave("local model", async (given) => {
      const response = await echo()(given);
      response.headers.set("set-cookie", "a=upstream");
      response.headers.set("openai-organization", "org-upstream");
      response.headers.set("server", "upstream");
      response.headers.set("x-internal-host", "upstream");
      response.headers.set("access-control-allow-origin", "https://upstream.example");
      return response;
    });
    for (const stream of [true, false]) {
      const { headers, status } = await call(hello("model", { stream }));
      expect(status).toBe(200);
      expect(JSON.stringify([...headers])).not.toContain("upstream");
    }
    upstream.behave("local model", echo());
  });

  test("has the limits of the caller's key, not those of the node's provider", async () => {
    upstream.behave("local model", async (given) => {
      const response = await echo()(given);
      response.headers.set("x-ratelimit-limit-requests", "7");
      response.headers.set("x-ratelimit-remaining-requests", "6");
      return response;
    });
    for (const stream of [true, false]) {
      const { headers } = await call(hello("model", { stream }));
      expect(headers.get("x-ratelimit-limit-requests")).toBe("1000000");
      expect(Number(headers.get("x-ratelimit-remaining-requests"))).toBeGreaterThan(7);
    }
    upstream.behave("local model", echo());
  });

  test("that is an error is JSON, also for a call that would have streamed", async () => {
    upstream.behave("local model", refuse(400, "no such parameter"));
    for (const stream of [true, false]) {
      const answer = await call(hello("model", { stream }));
      expect(answer.status).toBe(400);
      expect(answer.headers.get("content-type")).toStartWith("application/json");
      expect(answer.json.error).toEqual({
        message: "no such parameter",
        type: "upstream_error",
        param: null,
        code: "upstream_400",
      });
    }
    upstream.behave("local model", echo());
  });
});

describe("usage", () => {
  const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
  const spoken = sse(
    { ...piece("one"), usage: null },
    { ...ending(), usage: null },
    { ...ending(), choices: [], usage },
    "[DONE]",
  );

  test("is hidden from a caller who did not request it, and counted all the same", async () => {
    upstream.behave("local model", recite(spoken));
    const { text, headers } = await call(hello("model", { stream: true }));
    expect(text).toBe(sse(piece("one"), ending(), "[DONE]"));
    const row = await rowOf(headers);
    expect(row).toMatchObject({ outcome: "ok", completion_tokens: 2, estimated: 0 });
    upstream.behave("local model", echo());
  });

  test("is returned unchanged to a caller who did", async () => {
    upstream.behave("local model", recite(spoken));
    const asking = { stream: true, stream_options: { include_usage: true } };
    expect((await call(hello("model", asking))).text).toBe(spoken);
    upstream.behave("local model", echo());
  });

  test("that an upstream never reports is estimated from what it sent", async () => {
    upstream.behave("local model", recite(sse(piece("a"), piece("b"), ending(), "[DONE]")));
    const { headers } = await call(hello("model", { stream: true }));
    const row = await rowOf(headers);
    expect(row).toMatchObject({ completion_tokens: 2, estimated: 1 });
    upstream.behave("local model", echo());
  });
});

describe("a base URL", () => {
  const sdk = (baseURL: string) =>
    new OpenAI({ baseURL: gateway.url + baseURL, apiKey: account.apiToken, maxRetries: 0 });
  const asks: [what: string, ask: (sdk: OpenAI) => PromiseLike<unknown>][] = [
    ["the list of models", (sdk) => sdk.models.list()],
    ["one model", (sdk) => sdk.models.retrieve("meta/llama")],
    ["a chat", (sdk) => sdk.chat.completions.create({ model: "model", messages: [] })],
    ["an embedding", (sdk) => sdk.embeddings.create({ model: "model", input: "x" })],
    ["a stored response", (sdk) => sdk.responses.retrieve("resp_1")],
  ];
  for (const [what, ask] of asks) {
    test(`without /v1 is an error that says so, when requesting ${what}`, async () => {
      const error = await Promise.resolve(ask(sdk(""))).then(() => null, (error) => error);
      expect(error).toBeInstanceOf(OpenAI.NotFoundError);
      expect(error.message).toContain("add /v1 to the base URL");
    });
  }

  test("with too much in it is one, too", async () => {
    const error = await sdk("/openai/v1").models.list().then(() => null, (error) => error);
    expect(error).toBeInstanceOf(OpenAI.NotFoundError);
    expect(error.message).toContain("did you mean /v1/models? Then correct the base URL");
  });

  test("with /v1 twice is understood", async () => {
    const { models, chat } = sdk("/v1/v1");
    const messages = [{ role: "user" as const, content: "hi" }];
    expect((await models.list()).data.map(({ id }) => id)).toContain("model");
    expect((await models.retrieve("model")).id).toBe("model");
    expect((await chat.completions.create({ model: "model", messages })).choices).toHaveLength(1);
    const misused = await ask(`${gateway.url}/v1/v1/messages`);
    expect(misused.status).toBe(405);
  });
});

describe("a browser on another site", () => {
  const ORIGIN = "https://chat.example";
  const ASKED = "authorization,content-type,x-stainless-os,x-stainless-retry-count";
  const paths = ["/v1/chat/completions", "/v1/models", "/v1/models/a/b", "/v1/nothing"];

  for (const path of paths) {
    test(`may send a preflight without a key: OPTIONS ${path}`, async () => {
      const answer = await ask(gateway.url + path, {
        method: "OPTIONS",
        headers: {
          origin: ORIGIN,
          "access-control-request-method": "POST",
          "access-control-request-headers": ASKED,
        },
      });
      expect(answer.status).toBe(204);
      expect(answer.headers.get("access-control-allow-origin")).toBe("*");
      expect(answer.headers.get("access-control-allow-headers")).toBe(ASKED);
      expect(answer.headers.get("access-control-allow-methods")).toContain("POST");
      expect(Number(answer.headers.get("access-control-max-age"))).toBeGreaterThan(0);
      expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
    });
  }

  test("may read every answer: whole, streamed, refused and not found", async () => {
    const init = { headers: { origin: ORIGIN, "content-type": "application/json" } };
    const answers = [
      await call(hello("model"), init),
      await call(hello("model", { stream: true }), init),
      await call(hello("nobody"), init),
      await call("{", init),
      await chat(gateway, "sk-nonsense", hello("model"), init),
      await chat(gateway, undefined, hello("model"), init),
      await ask(`${gateway.url}/v1/nothing`, init),
      await ask(`${gateway.url}/v1/models`, { ...init, token: account.apiToken }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 404, 400, 401, 401, 404, 200]);
    for (const { headers } of answers) {
      expect(headers.get("access-control-allow-origin")).toBe("*");
      const exposed = headers.get("access-control-expose-headers")?.split(", ");
      expect(exposed).toEqual(expect.arrayContaining([
        "x-request-id",
        "retry-after",
        "retry-after-ms",
        "x-should-retry",
        "x-ratelimit-remaining-requests",
        "openai-processing-ms",
        "x-ratelimit-remaining-tokens",
        "anthropic-ratelimit-requests-reset",
        "x-upstream-request-id",
        "request-id",
      ]));
    }
    const { headers } = await call(hello("model"));
    expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  });

  test("may read nothing of /api", async () => {
    for (const path of ["/api/nodes", "/api/user/me"]) {
      const { headers } = await ask(gateway.url + path, { headers: { origin: ORIGIN } });
      expect(headers.get("access-control-allow-origin")).toBeNull();
    }
  });
});

describe("GET /v1/models", () => {
  const get = <T>(path: string) => ask<T>(gateway.url + path, { token: account.apiToken });

  test("lists what is served, in OpenAI's format", async () => {
    const { json } = await get<{ object: string; data: object[] }>("/v1/models");
    expect(json.object).toBe("list");
    expect(json.data).toEqual(
      MODELS.toSorted().map((id) => ({
        id,
        object: "model",
        created: expect.any(Number),
        owned_by: expect.any(String),
        endpoints: expect.arrayContaining(["/v1/chat/completions"]),
      })),
    );
  });

  const spellings: [path: string, id: string][] = [
    ["/v1/models/model", "model"],
    ["/v1/models/meta-llama/Llama-3.1:8b", "meta-llama/Llama-3.1:8b"],
    ["/v1/models/meta-llama%2FLlama-3.1%3A8b", "meta-llama/Llama-3.1:8b"],
    ["/v1/models/meta-llama%2fLlama-3.1:8b?x=1", "meta-llama/Llama-3.1:8b"],
    ["/v1/models/100%25%2Fa%20b", "100%/a b"],
    ["/v1/models/100%25/a%20b", "100%/a b"],
  ];
  for (const [path, id] of spellings) {
    test(`finds ${id} at ${path}`, async () => {
      const { status, json } = await get<{ id: string }>(path);
      expect(status).toBe(200);
      expect(json.id).toBe(id);
    });
  }

  test("accepts a key in any of the headers that clients use", async () => {
    for (
      const headers of [
        { authorization: `bearer ${account.apiToken}` },
        { "x-api-key": account.apiToken },
        { "api-key": account.apiToken },
      ] as Record<string, string>[]
    ) {
      expect((await ask(`${gateway.url}/v1/models`, { headers })).status).toBe(200);
    }
  });
});
