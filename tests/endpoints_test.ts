/** Every endpoint between a caller and a v2 node: requests, answers and errors. */

import { beforeAll, describe, expect, test } from "bun:test";
import { Endpoint, endpointSpecs } from "../protocol/mod.ts";
import { at } from "../scripts/root.ts";
import { type Account, createAccount } from "./harness/account.ts";
import { type Answer, ask } from "./harness/api.ts";
import { type Gateway, startGateway } from "./harness/gateway.ts";
import { ledgerRows } from "./harness/ledger.ts";
import { joinRawNodeV2, type RawNodeV2 } from "./harness/raw_node_v2.ts";
import { until } from "./harness/wait.ts";

let gateway: Gateway;
let account: Account;
let models = 0;

beforeAll(async () => {
  gateway = await startGateway();
  account = await createAccount(gateway);
}, 180_000);

/** A node with its own model, served at these endpoints. */
async function join(...endpoints: string[]): Promise<{ node: RawNodeV2; model: string }> {
  const model = `model-${models++}`;
  const node = await joinRawNodeV2({
    gateway,
    owner: account,
    models: [model],
    maxParallel: 4,
    capabilities: { endpoints },
  });
  return { node, model };
}

interface OpenAiError {
  error: { message: string; type: string; param: string | null; code: string | null };
}

interface AnthropicError {
  type: "error";
  error: { type: string; message: string };
  request_id: string;
}

function post<T = OpenAiError>(
  path: string,
  body: object | string,
  headers: Record<string, string> = {},
): Promise<Answer<T>> {
  return ask<T>(`${gateway.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
    token: account.apiToken,
  });
}

const turns = [{ role: "user", content: "Hi" }];

interface Dialect {
  /** The smallest valid body, without its model. */
  body: Record<string, unknown>;
  whole: string;
  /** Events in the node's framing. */
  events: string;
  /** The last event of a truncated stream, without the message. */
  broken: RegExp;
}

const chatEvents = `data: {"choices":[{"index":0,"delta":{"content":"Grüß"}}]}\n\n` +
  `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n`;

const dialects: Readonly<Record<Endpoint, Dialect>> = {
  [Endpoint.chat]: {
    body: { messages: turns },
    whole: `{ "object":"chat.completion", "seed":9223372036854775807 }`,
    events: chatEvents,
    broken:
      /data: {"error":{"message":"[^"]+","type":"server_error","param":null,"code":"upstream_error"}}\n\n$/,
  },
  [Endpoint.completions]: {
    body: { prompt: "Hi" },
    whole: `{ "object":"text_completion" }`,
    events: `data: {"choices":[{"index":0,"text":"x","finish_reason":"stop"}]}\n\n`,
    broken:
      /data: {"error":{"message":"[^"]+","type":"server_error","param":null,"code":"upstream_error"}}\n\n$/,
  },
  [Endpoint.embeddings]: {
    body: { input: ["a", "b"], encoding_format: "base64" },
    whole: `{ "object":"list", "data":[{"embedding":"AAAA"}] }`,
    events: "",
    broken: /^$/,
  },
  [Endpoint.responses]: {
    body: { input: "Hi" },
    whole: `{ "object":"response","id":"resp_1" }`,
    events:
      `event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":7,"delta":"x"}\n\n` +
      `event: response.completed\ndata: {"type":"response.completed","sequence_number":8}\n\n`,
    broken:
      /event: error\ndata: {"type":"error","code":"upstream_error","message":"[^"]+","param":null,"sequence_number":8,"error":\{"type":"server_error","code":"upstream_error","message":"[^"]+","param":null\}\}\n\n$/,
  },
  [Endpoint.messages]: {
    body: { max_tokens: 9, messages: turns },
    whole: `{ "type":"message","id":"msg_1" }`,
    events:
      `event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"x"}}\n\n` +
      `event: message_stop\ndata: {"type":"message_stop"}\n\n`,
    broken:
      /event: error\ndata: {"type":"error","error":{"type":"api_error","message":"[^"]+"},"request_id":"req-[0-9a-f]+"}\n\n$/,
  },
  [Endpoint.count_tokens]: {
    body: { messages: turns },
    whole: `{ "input_tokens": 12 }`,
    events: "",
    broken: /^$/,
  },
  [Endpoint.rerank]: {
    body: { query: "fruit", documents: ["apple", { text: "car" }], top_n: 1 },
    whole: `{ "results":[{"index":0,"relevance_score":0.98e0}] }`,
    events: "",
    broken: /^$/,
  },
  [Endpoint.moderations]: {
    body: { input: ["a", "b"] },
    whole: `{ "id":"modr-1", "results":[{"flagged":false}] }`,
    events: "",
    broken: /^$/,
  },
};

for (const [endpoint, dialect] of Object.entries(dialects) as [Endpoint, Dialect][]) {
  const stream = endpointSpecs[endpoint].stream;

  describe(endpoint, () => {
    test("relays the body and the whole answer unchanged", async () => {
      const { node, model } = await join(endpoint);
      const sent = JSON.stringify({ ...dialect.body, x: null, model }).replace("{", "{ \n");
      const answer = post(endpoint, sent);
      const call = await node.nextCall();
      expect(call).toMatchObject({ head: { endpoint, model, stream: false, hide_usage: false } });
      expect(call.body).toBe(sent);
      node.head(call.stream);
      node.data(call.stream, dialect.whole);
      node.finish(call.stream);
      const { status, text, headers } = await answer;
      expect({ status, text }).toEqual({ status: 200, text: dialect.whole });
      expect(headers.get("content-type")).toBe("application/json");
      const [row] = await ledgerRows(gateway, model);
      expect(row).toMatchObject({
        endpoint,
        outcome: "ok",
        prompt_tokens: 5,
        completion_tokens: 2,
      });
    });

    test("relays an upstream's error response unchanged, with the request's id where its API has one", async () => {
      const { node, model } = await join(endpoint);
      const answer = post(endpoint, { ...dialect.body, model });
      const { stream } = await node.nextCall();
      node.head(stream, 422, { "x-ratelimit-remaining-tokens": "7", "request-id": "req_upstream" });
      const error = `"error": { "message": "no", "details": [1.0] }`;
      node.data(stream, `{ ${error} }`);
      node.finish(stream);
      const { status, text, headers } = await answer;
      const id = `"request_id":"${headers.get("x-request-id")}",`;
      expect({ status, text }).toEqual({
        status: 422,
        text: endpointSpecs[endpoint].api === "anthropic" ? `{${id} ${error} }` : `{ ${error} }`,
      });
      expect(headers.get("x-ratelimit-remaining-tokens")).toBe("7");
      expect(headers.get("x-upstream-request-id")).toBe("req_upstream");
      expect(headers.get("x-request-id")).toMatch(/^req-/);
    });

    if (stream === null) {
      test("rejects stream: true", async () => {
        const { model } = await join(endpoint);
        const answer = await post(endpoint, { ...dialect.body, model, stream: true });
        expect(answer.status).toBe(400);
        expect(answer.json.error.message).toContain("answers in one piece");
      });
      return;
    }

    test("relays the node's events unchanged, and ends as its dialect does", async () => {
      const { node, model } = await join(endpoint);
      const answer = post(endpoint, { ...dialect.body, model, stream: true });
      const { stream: id, head } = await node.nextCall();
      expect(head.hide_usage).toBe(stream.isUsageOptional);
      node.head(id);
      node.data(id, dialect.events.slice(0, 20));
      node.data(id, dialect.events.slice(20));
      node.finish(id);
      const { text, headers } = await answer;
      expect(text).toBe(dialect.events + (stream.endsWithDone ? "data: [DONE]\n\n" : ""));
      expect(headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
      expect((await ledgerRows(gateway, model))[0]).toMatchObject({ endpoint, stream: 1 });
    });

    test("reports a truncated stream in its own dialect", async () => {
      const { node, model } = await join(endpoint);
      const answer = post(endpoint, { ...dialect.body, model, stream: true });
      const { stream: id } = await node.nextCall();
      node.head(id);
      node.data(id, dialect.events.slice(0, dialect.events.indexOf("\n\n") + 2));
      node.fail(id, { code: 502, message: "it broke off" });
      const { status, text } = await answer;
      expect(status).toBe(200);
      expect(text).toMatch(dialect.broken);
      expect(text).not.toContain("[DONE]");
    });

    test("reports it as a separate event, even if the node is lost in the middle of one", async () => {
      const { node, model } = await join(endpoint);
      const answer = post(endpoint, { ...dialect.body, model, stream: true });
      const { stream: id } = await node.nextCall();
      const firstEnd = dialect.events.indexOf("\n\n") + 2;
      node.head(id);
      node.data(id, dialect.events.slice(0, firstEnd + 20));
      node.socket.close();
      const { text } = await answer;
      expect(text.slice(0, firstEnd)).toBe(dialect.events.slice(0, firstEnd));
      expect(text.slice(firstEnd)).toMatch(/^(event: error\n)?data: \{.*node.*\}\n\n$/);
    });
  });
}

test("an endpoint that takes and returns JSON is one row in each end's table", async () => {
  const sources = new Bun.Glob("{protocol,server,client}/**/*.ts").scan({ cwd: at(".") });
  const found: string[] = [];
  for await (const path of sources) {
    if (path.endsWith("_test.ts")) continue;
    const lines = (await Bun.file(at(path)).text()).split("\n");
    const rows = lines.filter((line) => /\bEndpoint\.rerank\b|^ *rerank:|^ *"rerank",$/.test(line));
    if (rows.length > 0) found.push(`${path}: ${rows.length}`);
  }
  expect(found.toSorted()).toEqual([
    // The servers' type of such models in their lists, which is optional.
    "client/adapter/upstream/model_listing.ts: 2",
    // Its path, its API and its name in configurations.
    "protocol/endpoint.ts: 1",
    "server/http/endpoints.ts: 1",
  ]);
});

describe("a model that is not offered at an endpoint", () => {
  test("is a 404 that names the model's endpoints", async () => {
    const { model } = await join(Endpoint.chat, Endpoint.responses);
    const answer = await post(Endpoint.embeddings, { model, input: "x" });
    expect(answer.status).toBe(404);
    expect(answer.json.error).toEqual({
      message: `Cannot serve "${model}" at /v1/embeddings: no node offers it there; ` +
        "it can be called at /v1/chat/completions, /v1/responses",
      type: "invalid_request_error",
      param: "model",
      code: "endpoint_not_offered",
    });
  });

  test("is served by another node that offers it there", async () => {
    const { model } = await join(Endpoint.chat);
    const other = await joinRawNodeV2({
      gateway,
      owner: account,
      models: [model],
      capabilities: { endpoints: [Endpoint.embeddings] },
    });
    const answer = post(Endpoint.embeddings, { model, input: "x" });
    const { stream } = await other.nextCall();
    other.head(stream);
    other.data(stream, "{}");
    other.finish(stream);
    expect((await answer).status).toBe(200);
  });
});

describe("an invalid body", () => {
  const wrong: [endpoint: Endpoint, body: object, param: string, says: string][] = [
    [Endpoint.chat, { input: "x" }, "messages", `"input" belongs to /v1/responses`],
    [Endpoint.chat, { prompt: "x" }, "messages", `"prompt" belongs to /v1/completions`],
    [Endpoint.chat, { messages: [] }, "messages", "must be a list of at least one message"],
    [Endpoint.chat, { messages: turns, stream_options: 1 }, "stream_options", "must be an object"],
    [Endpoint.completions, {}, "prompt", "must be text, or a list"],
    [Endpoint.completions, { prompt: [] }, "prompt", "a list that is not empty"],
    [Endpoint.completions, { messages: turns }, "prompt", `belongs to /v1/chat/completions`],
    [Endpoint.embeddings, { input: [] }, "input", "a list that is not empty"],
    [Endpoint.embeddings, { input: { a: 1 } }, "input", "must be text, or a list"],
    [Endpoint.embeddings, { prompt: "x" }, "input", `belongs to /v1/completions`],
    [Endpoint.rerank, { documents: ["a"] }, "query", "must be text"],
    [Endpoint.rerank, { query: "a", documents: [] }, "documents", "a list that is not empty"],
    [Endpoint.rerank, { messages: turns }, "query", "belongs to /v1/chat/completions"],
    [Endpoint.moderations, {}, "input", "must be text, or a list"],
    [Endpoint.responses, { messages: turns }, "input", `belongs to /v1/chat/completions`],
    [Endpoint.responses, { input: 7 }, "input", "must be text or a list"],
    [
      Endpoint.responses,
      { input: "x", background: true, store: false },
      "background",
      "must be stored",
    ],
    [Endpoint.responses, { input: "x", previous_response_id: 1 }, "previous_response_id", "text"],
  ];
  for (const [endpoint, body, param, says] of wrong) {
    test(`at ${endpoint} is a 400 that names ${param}: ${JSON.stringify(body)}`, async () => {
      const answer = await post(endpoint, { model: "nobody", ...body });
      expect(answer.status).toBe(400);
      expect(answer.json.error).toMatchObject({ type: "invalid_request_error", param });
      expect(answer.json.error.message).toContain(says);
    });
  }

  for (const body of [{ max_tokens: 9 }, { messages: turns }, { max_tokens: 9, messages: [] }]) {
    test(`at /v1/messages is a 400 in Anthropic's shape: ${JSON.stringify(body)}`, async () => {
      const answer = await post<AnthropicError>(Endpoint.messages, { model: "nobody", ...body });
      const id = answer.headers.get("x-request-id")!;
      expect(answer.status).toBe(400);
      expect(answer.json).toEqual({
        type: "error",
        error: { type: "invalid_request_error", message: expect.stringContaining("must be a") },
        request_id: id,
      });
      expect(answer.headers.get("request-id")).toBe(id);
    });
  }
});

describe("/v1/messages", () => {
  test("accepts the key as x-api-key, and relays the version headers only", async () => {
    const { node, model } = await join(Endpoint.messages);
    const answer = ask(`${gateway.url}/v1/messages`, {
      method: "POST",
      headers: {
        "x-api-key": account.apiToken,
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "a-1,b-2",
        "anthropic-dangerous-direct-browser-access": "true",
      },
      body: JSON.stringify({ model, max_tokens: 9, messages: turns }),
    });
    const { stream, head } = await node.nextCall();
    expect(head.headers).toEqual({
      "anthropic-version": "2023-06-01",
      "anthropic-beta": "a-1,b-2",
    });
    node.head(stream);
    node.data(stream, "{}");
    node.finish(stream);
    const { headers } = await answer;
    expect(headers.get("request-id")).toBe(headers.get("x-request-id"));
  });

  const told: [what: string, ask: () => Promise<Answer<AnthropicError>>, number, string][] = [
    ["no key", () => ask(`${gateway.url}/v1/messages`, { method: "POST" }), 401, "authentication"],
    [
      "a model that nobody has",
      () => {
        return post(Endpoint.messages, { model: "nobody's", max_tokens: 1, messages: turns });
      },
      404,
      "not_found",
    ],
    ["GET", () => ask(`${gateway.url}/v1/messages`), 405, "invalid_request"],
  ];
  for (const [what, asked, status, type] of told) {
    test(`reports ${what} in Anthropic's shape`, async () => {
      const answer = await asked();
      expect(answer.status).toBe(status);
      expect(answer.json).toEqual({
        type: "error",
        error: { type: `${type}_error`, message: expect.any(String) },
        request_id: answer.headers.get("request-id")!,
      });
    });
  }

  test("reports a node's own error in Anthropic's shape", async () => {
    const { node, model } = await join(Endpoint.messages);
    const answer = post<AnthropicError>(Endpoint.messages, {
      model,
      max_tokens: 1,
      messages: turns,
    });
    const { stream } = await node.nextCall();
    node.fail(stream, { code: 400, message: "no images here" });
    expect((await answer).json).toMatchObject({
      type: "error",
      error: { type: "invalid_request_error", message: "no images here" },
    });
  });
});

test("a failed node's headers are dropped", async () => {
  const { node, model } = await join(Endpoint.chat);
  const answer = post(Endpoint.chat, { model, messages: turns });
  const { stream } = await node.nextCall();
  const other = await joinRawNodeV2({ gateway, owner: account, models: [model] });
  node.head(stream, 200, { "x-ratelimit-remaining-tokens": "1", "openai-processing-ms": "9" });
  node.fail(stream, { code: 502, message: "it broke off" });
  const second = await other.nextCall();
  other.head(second.stream, 200, { "x-request-id": "second" });
  other.data(second.stream, "{}");
  other.finish(second.stream);
  const { status, headers } = await answer;
  expect(status).toBe(200);
  expect(headers.get("x-ratelimit-remaining-tokens")).toBeNull();
  expect(headers.get("x-upstream-request-id")).toBe("second");
  expect(headers.get("x-colink-node")).toBe((await other.view())!.id);
});

test("a call that failed everywhere shows no node and none of its headers", async () => {
  const { node, model } = await join(Endpoint.chat);
  const answer = post(Endpoint.chat, { model, messages: turns });
  const { stream } = await node.nextCall();
  node.head(stream, 200, { "x-ratelimit-remaining-tokens": "1" });
  node.fail(stream, { code: 502, message: "it broke off" });
  const { status, headers } = await answer;
  expect(status).toBe(502);
  expect(headers.get("x-ratelimit-remaining-tokens")).toBeNull();
  expect(headers.get("x-colink-node")).toBeNull();
});

describe("a stored response", () => {
  const tally = {
    prompt_tokens: 1,
    completion_tokens: 1,
    estimated: false,
    finish_reason: "completed",
    first_byte_ms: 1,
    total_ms: 1,
  };

  async function respond(node: RawNodeV2, responseId?: string): Promise<string> {
    const { stream, body } = await node.nextCall();
    node.head(stream);
    node.data(stream, "{}");
    node.finish(stream, { ...tally, ...(responseId && { response_id: responseId }) });
    return body;
  }

  function goOn(model: string, id: string, token = account.apiToken): Promise<Answer<OpenAiError>> {
    return ask(`${gateway.url}${Endpoint.responses}`, {
      method: "POST",
      body: JSON.stringify({ model, input: "and?", previous_response_id: id }),
      token,
    });
  }

  /** A node that has stored a response, and another one with less load. */
  async function stored() {
    const { node, model } = await join(Endpoint.responses);
    const id = `resp_${model}`;
    const first = post(Endpoint.responses, { model, input: "x" });
    await respond(node, id);
    expect((await first).status).toBe(200);
    const idle = await joinRawNodeV2({
      gateway,
      owner: account,
      models: [model],
      capabilities: { endpoints: [Endpoint.responses] },
      maxParallel: 1000,
    });
    return { node, idle, model, id };
  }

  test("is continued at its node, and at no other", async () => {
    const { node, idle, model, id } = await stored();
    for (let turn = 0; turn < 3; turn++) {
      const answer = goOn(model, id);
      expect(await respond(node)).toContain(id);
      expect((await answer).status).toBe(200);
    }
    expect(idle.frames.filter(({ type }) => type === "call")).toEqual([]);
  });

  test("belongs to its account only", async () => {
    const { model, id } = await stored();
    const stranger = await createAccount(gateway);
    const answer = await goOn(model, id, stranger.apiToken);
    expect(answer.status).toBe(400);
    expect(answer.json.error).toMatchObject({
      param: "previous_response_id",
      code: "previous_response_not_found",
      message: expect.stringContaining("send the whole conversation"),
    });
  });

  test("cannot be continued while its node is offline", async () => {
    const { node, idle, model, id } = await stored();
    node.socket.close();
    await until("the node has left", async () => (await node.view()) === undefined);
    const answer = await goOn(model, id);
    expect(answer.status).toBe(400);
    expect(answer.json.error.message).toContain("is away");
    expect(idle.frames.filter(({ type }) => type === "call")).toEqual([]);
  });

  test("is not retried on another node when its own fails", async () => {
    const { node, idle, model, id } = await stored();
    const answer = goOn(model, id);
    const { stream } = await node.nextCall();
    node.fail(stream, { code: 500, message: "it failed" });
    expect((await answer).status).toBe(502);
    expect(idle.frames.filter(({ type }) => type === "call")).toEqual([]);
  });

  test("unknown to the gateway is a 400 that names the field, and is not found", async () => {
    const { model } = await join(Endpoint.responses);
    const kept = await post(Endpoint.responses, { model, input: "x", conversation: "conv_1" });
    expect(kept.status).toBe(400);
    expect(kept.json.error).toMatchObject({
      param: "conversation",
      code: "previous_response_not_found",
    });
    expect((await goOn(model, "resp_never")).status).toBe(400);
    for (const path of ["resp_1", "resp_1/input_items"]) {
      const answer = await ask(`${gateway.url}/v1/responses/${path}`, { token: account.apiToken });
      expect(answer.status).toBe(404);
      expect(answer.json.error.code).toBe("not_found");
    }
  });
});
