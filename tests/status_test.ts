/** The status tables that SDKs depend on, row by row: the class of the error, and whether the SDK retries. */

import { beforeAll, describe, expect, test } from "bun:test";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI, {
  APIError,
  AuthenticationError,
  BadRequestError,
  ConflictError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  UnprocessableEntityError,
} from "openai";
import { Endpoint } from "../protocol/mod.ts";
import { type Account, createAccount } from "./harness/account.ts";
import { ask, hello } from "./harness/api.ts";
import { type Gateway, runGateway, startGateway } from "./harness/gateway.ts";
import { joinRawNodeV2, type RawCall, type RawNodeV2 } from "./harness/raw_node_v2.ts";
import { until } from "./harness/wait.ts";

let gateway: Gateway;
let account: Account;
let models = 0;

beforeAll(async () => {
  // Without penalties, the failures of one test do not affect another.
  gateway = await startGateway({ env: { COLINK_PENALTY_SECONDS: "0" } });
  account = await createAccount(gateway);
}, 180_000);

/** A model whose only node handles each call like this. */
async function modelThat(act: (node: RawNodeV2, call: RawCall) => void): Promise<string> {
  const model = `model-${models++}`;
  const capabilities = { endpoints: Object.values(Endpoint) };
  const node = await joinRawNodeV2({ gateway, owner: account, models: [model], capabilities });
  void (async () => {
    for (;;) act(node, await node.nextCall(60_000));
  })().catch(() => {});
  return model;
}

/** A model whose upstream answers with this status. */
function modelOf(
  status: number,
  headers: Record<string, string> = {},
  param: string | null = null,
): Promise<string> {
  const error = { message: `this is ${status}`, type: "t", param, code: "c" };
  return modelThat((node, { stream }) => {
    node.head(stream, status, headers);
    node.data(stream, JSON.stringify({ error }));
    node.finish(stream);
  });
}

interface SdkRequest {
  model: string;
  apiKey?: string;
  body?: object;
  maxRetries?: number;
}

interface Outcome {
  error: APIError;
  /** Requests that the SDK made. */
  requests: number;
}

/** The error that the SDK throws for a failing call. */
async function failure(
  { model, apiKey = account.apiToken, body, maxRetries = 1 }: SdkRequest,
): Promise<Outcome> {
  let requests = 0;
  const counting = (input: string | URL | Request, init?: RequestInit) => {
    requests++;
    // Keep the test short: the retry delay is not under test.
    return fetch(input, init).then((response) => {
      const headers = new Headers(response.headers);
      if (headers.has("retry-after-ms")) headers.set("retry-after-ms", "1");
      return new Response(response.body, { status: response.status, headers });
    });
  };
  const sdk = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey, maxRetries, fetch: counting });
  const error = await sdk.chat.completions.create({ ...hello(model), ...body } as never).then(
    () => new Error("It did not fail"),
    (error) => error,
  );
  if (!(error instanceof APIError)) throw error;
  return { error, requests };
}

type Class = abstract new (...args: never[]) => APIError;

interface Row {
  what: string;
  asked: () => SdkRequest | Promise<SdkRequest>;
  status: number;
  kind: Class;
  type: string;
  code: string;
  param?: string;
  isRetried: boolean;
}

/** A provider's failure that no other node can answer: its own status and words, worth another try. */
function failureOfProvider(status: number): Row {
  return {
    what: `${status} of the upstream, in its own words, if no other node can answer`,
    asked: async () => ({ model: await modelOf(status) }),
    status,
    kind: status < 500 ? APIError : InternalServerError,
    type: "t",
    code: "c",
    isRetried: true,
  };
}

const rows: readonly Row[] = [
  {
    what: "400: a body without messages",
    asked: () => ({ model: "m", body: { messages: undefined } }),
    status: 400,
    kind: BadRequestError,
    type: "invalid_request_error",
    code: "invalid_request",
    param: "messages",
    isRetried: false,
  },
  {
    what: "400 of the upstream",
    asked: async () => ({ model: await modelOf(400) }),
    status: 400,
    kind: BadRequestError,
    type: "t",
    code: "c",
    isRetried: false,
  },
  {
    what: "401: a key that is none",
    asked: () => ({ model: "m", apiKey: "sk-colink-none" }),
    status: 401,
    kind: AuthenticationError,
    type: "invalid_request_error",
    code: "invalid_api_key",
    isRetried: false,
  },
  {
    what: "403: a model that the key may not use",
    asked: async () => ({ model: "m", apiKey: await keyFor("another") }),
    status: 403,
    kind: PermissionDeniedError,
    type: "invalid_request_error",
    code: "model_not_allowed",
    param: "model",
    isRetried: false,
  },
  {
    what: "404: a model that no node ever offered",
    asked: () => ({ model: "nobody's" }),
    status: 404,
    kind: NotFoundError,
    type: "invalid_request_error",
    code: "model_not_found",
    param: "model",
    isRetried: false,
  },
  {
    what: "502 and not 404 where the provider does not have the model that its node offers",
    asked: async () => ({ model: await modelOf(404) }),
    status: 502,
    kind: InternalServerError,
    type: "server_error",
    code: "upstream_error",
    isRetried: true,
  },
  {
    what: "404 of the upstream for something else that the request names",
    asked: async () => ({ model: await modelOf(404, {}, "file_id") }),
    status: 404,
    kind: NotFoundError,
    type: "t",
    code: "c",
    param: "file_id",
    isRetried: false,
  },
  {
    what: "409 of the upstream, which would be one again",
    asked: async () => ({ model: await modelOf(409) }),
    status: 409,
    kind: ConflictError,
    type: "t",
    code: "c",
    isRetried: false,
  },
  {
    what: "409 of an upstream that says itself that trying again helps",
    asked: async () => ({ model: await modelOf(409, { "x-should-retry": "true" }) }),
    status: 409,
    kind: ConflictError,
    type: "t",
    code: "c",
    isRetried: true,
  },
  {
    what: "413: a body that is too large",
    asked: () => ({ model: "m", body: { padding: "x".repeat(11 * 1024 * 1024) } }),
    status: 413,
    kind: APIError,
    type: "invalid_request_error",
    code: "body_too_large",
    isRetried: false,
  },
  {
    what: "422 of the upstream",
    asked: async () => ({ model: await modelOf(422) }),
    status: 422,
    kind: UnprocessableEntityError,
    type: "t",
    code: "c",
    isRetried: false,
  },
  {
    what: "429 where the node's provider limits it",
    asked: async () => ({ model: await modelOf(429, { "retry-after": "2" }) }),
    status: 429,
    kind: RateLimitError,
    type: "requests",
    code: "upstream_rate_limited",
    isRetried: true,
  },
  ...[401, 402, 403].map((status): Row => ({
    what: `502 and not ${status} where the provider refuses the node's own key`,
    asked: async () => ({ model: await modelOf(status) }),
    status: 502,
    kind: InternalServerError,
    type: "server_error",
    code: "upstream_auth",
    isRetried: false,
  })),
  ...[408, 500, 503, 504, 529].map(failureOfProvider),
  {
    what: "503 where the node of a known model is offline",
    asked: async () => {
      const model = `model-${models++}`;
      const node = await joinRawNodeV2({ gateway, owner: account, models: [model] });
      node.socket.close();
      await until("the node has left", async () => (await node.view()) === undefined);
      return { model };
    },
    status: 503,
    kind: InternalServerError,
    type: "server_error",
    code: "no_node_online",
    isRetried: true,
  },
];

/** A fresh key that may use one model only. */
async function keyFor(model: string): Promise<string> {
  const { email, apiToken } = await createAccount(gateway);
  const command = ["admin", "limits", "--email", email, "--models", model];
  const { code, output } = await runGateway(command, { dataDir: gateway.dataDir });
  if (code !== 0) throw new Error(output);
  return apiToken;
}

describe("the status table of OpenAI's SDKs", () => {
  for (const { what, asked, status, kind, type, code, param = null, isRetried } of rows) {
    test(what, async () => {
      const { error, requests } = await failure(await asked());
      expect(error).toBeInstanceOf(kind);
      expect(error).toMatchObject({ status, type, code, param });
      expect(error.requestID).toMatch(/^req-/);
      expect(requests).toBe(isRetried ? 2 : 1);
      if (!isRetried) return;
      const wait = Number(error.headers?.get("retry-after"));
      if ([429, 503, 529].includes(status)) expect(wait).toBeGreaterThanOrEqual(1);
    });
  }

  const methods: [method: string, path: string, allowed: string][] = [
    ["PUT", Endpoint.chat, "POST"],
    ["GET", Endpoint.responses, "POST"],
    ["POST", "/v1/models", "GET"],
    ["DELETE", "/v1/models/meta/llama", "GET"],
  ];
  for (const [method, path, allowed] of methods) {
    test(`405: a method that the path does not have: ${method} ${path}`, async () => {
      const url = gateway.url + path;
      const { status, json, headers } = await ask(url, { method, token: account.apiToken });
      expect(status).toBe(405);
      expect(json.error).toEqual({
        message: `Cannot ${method} ${path}: use ${allowed}`,
        type: "invalid_request_error",
        param: null,
        code: "method_not_supported",
      });
      expect(headers.get("allow")).toBe(allowed);
      expect(headers.get("x-request-id")).toMatch(/^req-/);
    });
  }

  test("415: a body in an unknown encoding", async () => {
    const { status, json } = await ask(gateway.url + Endpoint.chat, {
      method: "POST",
      token: account.apiToken,
      headers: { "content-encoding": "br" },
      body: "x",
    });
    expect(status).toBe(415);
    expect(json.error).toMatchObject({ type: "invalid_request_error", param: null });
  });

  test("502: a node that is lost before any output", async () => {
    const model = await modelThat((node) => node.socket.terminate());
    const { error } = await failure({ model, maxRetries: 0 });
    expect(error).toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({ status: 502, code: "node_lost", type: "server_error" });
  });

  test("504: a call whose time is up", async () => {
    const model = await modelThat(() => {});
    const sdk = new OpenAI({
      baseURL: `${gateway.url}/v1`,
      apiKey: account.apiToken,
      maxRetries: 0,
      defaultHeaders: { "x-stainless-timeout": "0.2" },
    });
    const error = await sdk.chat.completions.create(hello(model) as never).catch((error) => error);
    expect(error).toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({ status: 504, code: "deadline_exceeded" });
  });
});

interface AnthropicRow {
  what: string;
  asked: () => Promise<SdkRequest> | SdkRequest;
  status: number;
  kind: abstract new (...args: never[]) => InstanceType<typeof Anthropic.APIError>;
  type: string;
}

/** A model whose upstream rejects calls with errors in Anthropic's shape. */
function modelThatRefuses(status: number, type: string): Promise<string> {
  const refusal = { type: "error", error: { type, message: `this is ${status}` } };
  return modelThat((node, { stream }) => {
    node.head(stream, status, { "request-id": "req_upstream" });
    node.data(stream, JSON.stringify(refusal));
    node.finish(stream);
  });
}

const anthropicRows: readonly AnthropicRow[] = [
  {
    what: "400: a body without messages",
    asked: () => ({ model: "m", body: { messages: undefined } }),
    status: 400,
    kind: Anthropic.BadRequestError,
    type: "invalid_request_error",
  },
  {
    what: "400 of the upstream, in its own words",
    asked: async () => ({ model: await modelThatRefuses(400, "invalid_request_error") }),
    status: 400,
    kind: Anthropic.BadRequestError,
    type: "invalid_request_error",
  },
  {
    what: "401: a key that is none",
    asked: () => ({ model: "m", apiKey: "sk-colink-none" }),
    status: 401,
    kind: Anthropic.AuthenticationError,
    type: "authentication_error",
  },
  {
    what: "403: a model that the key may not use",
    asked: async () => ({ model: "m", apiKey: await keyFor("another") }),
    status: 403,
    kind: Anthropic.PermissionDeniedError,
    type: "permission_error",
  },
  {
    what: "404: a model that no node ever offered",
    asked: () => ({ model: "nobody's" }),
    status: 404,
    kind: Anthropic.NotFoundError,
    type: "not_found_error",
  },
  {
    what: "429 where the node's provider limits it",
    asked: async () => ({ model: await modelOf(429) }),
    status: 429,
    kind: Anthropic.RateLimitError,
    type: "rate_limit_error",
  },
  ...[401, 403].map((status): AnthropicRow => ({
    what: `502 and not ${status} where the provider refuses the node's own key`,
    asked: async () => ({ model: await modelThatRefuses(status, "authentication_error") }),
    status: 502,
    kind: Anthropic.InternalServerError,
    type: "api_error",
  })),
  {
    what: "529 of the upstream, in its own words, if no other node can answer",
    asked: async () => ({ model: await modelThatRefuses(529, "overloaded_error") }),
    status: 529,
    kind: Anthropic.InternalServerError,
    type: "overloaded_error",
  },
  {
    what: "504 of the upstream, in its own words, if no other node can answer",
    asked: async () => ({ model: await modelThatRefuses(504, "timeout_error") }),
    status: 504,
    kind: Anthropic.InternalServerError,
    type: "timeout_error",
  },
];

describe("the errors of /v1/messages in Anthropic's SDK", () => {
  const sdkOf = (apiKey = account.apiToken) =>
    new Anthropic({ baseURL: gateway.url, apiKey, maxRetries: 0 });
  const request = (model: string, body: object = {}) => ({
    model,
    max_tokens: 9,
    messages: [{ role: "user" as const, content: "Hi" }],
    ...body,
  });

  for (const { what, asked, status, kind, type } of anthropicRows) {
    test(what, async () => {
      const { model, apiKey, body } = await asked();
      const error = await sdkOf(apiKey).messages.create(request(model, body)).catch((error) =>
        error
      );
      expect(error).toBeInstanceOf(kind);
      expect(error).toMatchObject({ status, type, apiMessage: expect.any(String) });
      expect(error.requestID).toMatch(/^req-/);
    });
  }

  test("a stream that breaks off throws an error after the text that arrived", async () => {
    const events = [
      { type: "message_start", message: { id: "msg_1", type: "message", content: [], usage: {} } },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "half" } },
    ];
    const model = await modelThat((node, { stream }) => {
      node.head(stream);
      for (const one of events) {
        node.data(stream, `event: ${one.type}\ndata: ${JSON.stringify(one)}\n\n`);
      }
      node.fail(stream, { code: 502, message: "it broke off" });
    });
    let said = "";
    const stream = sdkOf().messages.stream(request(model)).on(
      "text",
      (text) => void (said += text),
    );
    const error = await stream.finalMessage().catch((error) => error);
    expect(error).toBeInstanceOf(Anthropic.APIError);
    expect(error).toMatchObject({ type: "api_error" });
    expect(said).toBe("half");
  });
});

test("a stream of /v1/responses that breaks off makes OpenAI's SDK throw", async () => {
  const created = { type: "response.created", sequence_number: 0, response: { id: "resp_1" } };
  const delta = { type: "response.output_text.delta", sequence_number: 1, delta: "Hi" };
  const model = await modelThat((node, { stream }) => {
    node.head(stream);
    for (const event of [created, delta]) {
      node.data(stream, `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    }
    node.fail(stream, { code: 502, message: "it broke off" });
  });
  const sdk = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: account.apiToken, maxRetries: 0 });
  const types: string[] = [];
  const read = async () => {
    for await (const event of await sdk.responses.create({ model, input: "Hi", stream: true })) {
      types.push(event.type);
    }
  };
  const error = await read().catch((error) => error);
  expect(error).toBeInstanceOf(APIError);
  expect(error).toMatchObject({ code: "upstream_error" });
  expect(types).toEqual([created.type, delta.type]);
});
