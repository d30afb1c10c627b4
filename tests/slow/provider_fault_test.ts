/** Providers that lack what their node offers, answer a request's own fault as theirs, or end connections at bad moments: callers get answers, and no node is penalised. */

import { beforeAll, describe, expect, test } from "bun:test";
import type { ErrorView } from "../../api/mod.ts";
import { startClosingServer } from "../../client/testing/closing_server.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { ask, chat, hello, stream } from "../harness/api.ts";
import { endAfterTests } from "../harness/cleanup.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { ledgerRows } from "../harness/ledger.ts";
import { listNodes, startNode } from "../harness/node.ts";
import {
  type Behaviour,
  recite,
  refuse,
  say,
  startUpstream,
  type Upstream,
} from "../harness/upstream.ts";
import { until } from "../harness/wait.ts";

const encoder = new TextEncoder();

const CALLS = 12;

let gateway: Gateway;
let owner: Account;
let models = 0;

beforeAll(async () => {
  gateway = await startGateway();
  owner = await createAccount(gateway);
}, 180_000);

const newModel = () => `lacking-${models++}`;

function providerAt(url: string, model: string) {
  return {
    type: "openai" as const,
    api_key: "sk-upstream",
    base_url: url,
    models: [{ local: model, server_mapping: model }],
  };
}

function join(name: string, model: string, ...upstreams: Pick<Upstream, "url">[]) {
  const providers = upstreams.map(({ url }) => providerAt(url, model));
  return startNode({
    gateway,
    clientToken: owner.clientToken,
    name,
    maxParallel: 4,
    providers,
  });
}

/** The statuses of calls made one after another. */
async function statusesOf(model: string, count = CALLS): Promise<number[]> {
  const statuses = [];
  for (let i = 0; i < count; i++) {
    statuses.push((await chat(gateway, owner.apiToken, hello(model))).status);
  }
  return statuses;
}

const allServed = Array.from({ length: CALLS }, () => 200);

async function nodeOf(name: string) {
  return (await listNodes(gateway)).find((node) => node.name === name)!;
}

const lost = (model: string) => refuse(404, `model "${model}" not found, try pulling it first`);

test(
  "a provider that has lost the model is passed over for the next one of the same node",
  async () => {
    const model = newModel();
    const empty = startUpstream({ [model]: lost(model) });
    const full = startUpstream();
    await join(model, model, empty, full);
    expect(await statusesOf(model)).toEqual(allServed);
    // The first call, and the node's own request.
    expect(empty.calls).toHaveLength(2);
    expect(full.calls).toHaveLength(CALLS);
    expect(await nodeOf(model)).toMatchObject({ penalized: false, penalties: [] });
  },
  180_000,
);

test("a node whose only provider has lost the model swallows no calls of another's", async () => {
  const model = newModel();
  const empty = startUpstream({ [model]: lost(model) });
  await join(`${model}-a`, model, empty);
  await join(`${model}-b`, model, startUpstream());
  expect(await statusesOf(model)).toEqual(allServed);
  await until("the empty one was asked", async () => {
    if (empty.calls.length === 0) await statusesOf(model, 1);
    return empty.calls.length > 0;
  });
  expect(empty.calls.length).toBeLessThanOrEqual(2);
  const node = await until("the list shows the withdrawal", async () => {
    const found = await nodeOf(`${model}-a`);
    return found.supported_models.length === 0 && found;
  });
  expect(node).toMatchObject({ supported_models: [], penalized: false, penalties: [] });
}, 180_000);

test("a model that its only node has lost is an error of its own, and then nobody's", async () => {
  const model = newModel();
  await join(model, model, startUpstream({ [model]: lost(model) }));
  const { status, json } = await chat(gateway, owner.apiToken, hello(model));
  expect([status, json.error.code]).toEqual([404, "upstream_404"]);
  expect((await chat(gateway, owner.apiToken, hello(model))).status).toBeGreaterThanOrEqual(404);
  expect((await nodeOf(model)).penalties).toEqual([]);
}, 180_000);

test("a path that a server has not got is withdrawn, and its chats go on", async () => {
  const model = newModel();
  const chatsOnly: Behaviour = (call) =>
    call.path === "/v1/chat/completions"
      ? say("hi")(call)
      : new Response("404 page not found", { status: 404 });
  const upstream = startUpstream({ [model]: chatsOnly });
  await join(model, model, upstream);
  const embed = () =>
    ask<ErrorView>(`${gateway.url}/v1/embeddings`, {
      method: "POST",
      token: owner.apiToken,
      body: JSON.stringify({ model, input: "hello" }),
    });
  expect((await embed()).json.error.message).toBe("404 page not found");
  const { calls } = upstream;
  const asked = calls.length;
  expect((await embed()).json.error.code).toBe("no_node_online");
  expect(calls).toHaveLength(asked);
  expect(await statusesOf(model)).toEqual(allServed);
  expect((await nodeOf(model)).penalties).toEqual([]);
}, 180_000);

test("a 404 that one caller's request has earned costs another caller nothing", async () => {
  const model = newModel();
  const upstream = startUpstream({
    [model]: (call) => call.text.includes("no such file") ? lost(model)(call) : say("hi")(call),
  });
  await join(model, model, upstream);
  const poison = {
    ...hello(model),
    messages: [{ role: "user", content: "no such file" }],
  };
  const statuses = [];
  for (let i = 0; i < CALLS; i++) {
    statuses.push((await chat(gateway, owner.apiToken, poison)).status);
    statuses.push(...await statusesOf(model, 1));
  }
  expect(statuses.filter((_, i) => i % 2 === 1)).toEqual(allServed);
  expect(new Set(statuses.filter((_, i) => i % 2 === 0))).toEqual(new Set([404]));
  expect(await nodeOf(model)).toMatchObject({ supported_models: [model], penalties: [] });
}, 180_000);

test(
  "a stream whose choices have ended ends well, though its connection goes on with heartbeats",
  async () => {
    const model = newModel();
    const upstream = startUpstream({
      [model]: ({ signal }) => {
        const chunk = (delta: object, reason: string | null) => {
          const choices = [{ index: 0, delta, finish_reason: reason }];
          const data = { id: "1", object: "chat.completion.chunk", created: 1, model, choices };
          return encoder.encode(`data: ${JSON.stringify(data)}\n\n`);
        };
        const events = async function* () {
          yield chunk({ role: "assistant", content: "hi" }, null);
          yield chunk({}, "stop");
          while (!signal.aborted) {
            await Bun.sleep(20);
            yield encoder.encode(": still here\n\n");
          }
        };
        return new Response(events(), { headers: { "content-type": "text/event-stream" } });
      },
    });
    await join(model, model, upstream);
    const { events } = await stream(gateway, owner.apiToken, hello(model));
    const got = await Array.fromAsync(events);
    expect(got.at(-1)).toBe("[DONE]");
    const [row] = await ledgerRows(gateway, model);
    expect(row).toMatchObject({ outcome: "ok", status: 200 });
    expect((await nodeOf(model)).penalties).toEqual([]);
  },
  180_000,
);

test(
  "connections that a model server closes as they are used again are unseen by callers",
  async () => {
    const model = newModel();
    const answer = {
      id: "1",
      object: "chat.completion",
      created: 1,
      model,
      choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
    };
    const server = await startClosingServer(JSON.stringify(answer));
    endAfterTests(server.stop);
    await join(model, model, { url: `${server.url}/v1` });
    expect(await statusesOf(model)).toEqual(allServed);
    expect(server.requests).toContain(2);
    const rows = await ledgerRows(gateway, model, CALLS);
    expect(rows.map(({ attempts }) => attempts)).toEqual(rows.map(() => 1));
    expect((await nodeOf(model)).penalties).toEqual([]);
  },
  180_000,
);

/** An `error` event after the beginning of a stream. */
const afterOnePiece = (error: object, event = "") =>
  recite(
    `data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"he"},"finish_reason":null}]}\n\n` +
      `${event}data: ${JSON.stringify(error)}\n\n`,
  );
const failedResponse = (error: object) =>
  recite(
    `event: response.created\ndata: ${
      JSON.stringify({
        type: "response.created",
        response: { id: "resp_1", status: "in_progress" },
      })
    }\n\nevent: response.failed\ndata: ${
      JSON.stringify({
        type: "response.failed",
        response: { id: "resp_1", status: "failed", error },
      })
    }\n\n`,
  );
const asJson =
  (status: number, error: unknown, headers: Record<string, string> = {}): Behaviour => () =>
    Response.json({ error }, { status, headers });

/** What model servers answer to a request that they cannot or will not do, and where they are asked. */
const poisons: [what: string, behaviour: Behaviour, more?: { path?: string; stream?: true }][] = [
  [
    "501 and JSON",
    asJson(501, { code: 501, message: "no embeddings", type: "not_supported_error" }),
  ],
  ["500 and JSON", asJson(500, { code: 500, message: "image input is not supported" })],
  ["500 and text", () => new Response("Internal Server Error", { status: 500 })],
  ["503 with retry-after", asJson(503, { message: "slow down" }, { "retry-after": "1" })],
  [
    "429 for its size",
    asJson(429, { code: "rate_limit_exceeded", message: "Request too large for model: reduce it" }),
  ],
  ["200 and an error", asJson(200, { type: "invalid_request_error", message: "too long" })],
  [
    "an error event of a request's type",
    afterOnePiece({ error: { type: "invalid_request_error", message: "no" } }),
    { stream: true },
  ],
  [
    "an error event of a request's code",
    afterOnePiece({ error: { code: "context_length_exceeded", message: "no" } }),
    { stream: true },
  ],
  [
    "a flat error event",
    afterOnePiece({ object: "error", code: 400, type: "BadRequestError", message: "no" }),
    { stream: true },
  ],
  [
    "a named error event with a code in words",
    afterOnePiece({ error: { code: "400", message: "no" } }, "event: error\n"),
    { stream: true },
  ],
  [
    "an error event with a status",
    afterOnePiece({ error: { status: "INVALID_ARGUMENT", message: "no" } }),
    { stream: true },
  ],
  [
    "a response that failed",
    failedResponse({ code: "invalid_prompt", message: "no" }),
    { path: "/v1/responses", stream: true },
  ],
];

describe("a request that its only node's provider answers with", () => {
  const odd = "the odd request";
  let bystander: Account;

  beforeAll(async () => {
    bystander = await createAccount(gateway);
    const upstream = startUpstream(
      Object.fromEntries(poisons.map(([what, behaviour]) => [
        what,
        (call) => call.text.includes(odd) ? behaviour(call) : say("hi")(call),
      ])),
    );
    const models = poisons.map(([what]) => ({ local: what, server_mapping: what }));
    const providers = [{ ...providerAt(upstream.url, ""), models }];
    await startNode({ gateway, clientToken: owner.clientToken, name: "poisoned", providers });
  }, 180_000);

  for (const [model, , { path = "/v1/chat/completions", stream } = {}] of poisons) {
    test(`${model} costs another account's calls nothing`, async () => {
      const content = path === "/v1/responses"
        ? { input: odd }
        : { messages: [{ role: "user", content: odd }] };
      const body = JSON.stringify({ model, ...content, ...(stream && { stream }) });
      const seen: unknown[] = [];
      for (let i = 0; i < 6; i++) {
        const { text } = await ask(`${gateway.url}${path}`, {
          method: "POST",
          token: owner.apiToken,
          body,
        });
        // Its caller learns that it failed, and never that it is done.
        expect(text).not.toContain("[DONE]");
        expect(text).toContain("error");
        const other = await chat(gateway, bystander.apiToken, hello(model));
        seen.push(other.status === 200 ? 200 : other.text);
      }
      expect(seen).toEqual(Array.from({ length: 6 }, () => 200));
      expect((await nodeOf("poisoned")).penalties).toEqual([]);
    }, 180_000);
  }
});

test(
  "a stream whose choices have ended ends well, though its connection stays open and silent",
  async () => {
    const model = newModel();
    const ended = JSON.stringify({
      id: "1",
      object: "chat.completion.chunk",
      created: 1,
      model,
      choices: [{ index: 0, delta: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
    });
    const upstream = startUpstream({
      [model]: ({ signal }) => {
        const events = async function* () {
          yield encoder.encode(`data: ${ended}\n\n`);
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
        };
        return new Response(events(), { headers: { "content-type": "text/event-stream" } });
      },
    });
    await join(model, model, upstream);
    const { events } = await stream(gateway, owner.apiToken, hello(model));
    expect((await Array.fromAsync(events)).at(-1)).toBe("[DONE]");
    expect(await ledgerRows(gateway, model)).toMatchObject([{ outcome: "ok", status: 200 }]);
    expect(await nodeOf(model)).toMatchObject({ penalties: [] });
  },
  180_000,
);

test("a call that cannot be translated is its caller's fault", async () => {
  const model = newModel();
  const upstream = startUpstream({
    [model]: () =>
      Response.json({
        id: "msg_1",
        type: "message",
        role: "assistant",
        model,
        content: [{ type: "text", text: "hi" }],
        stop_reason: "end_turn",
        usage: { input_tokens: 1, output_tokens: 1 },
      }),
  });
  await startNode({
    gateway,
    clientToken: owner.clientToken,
    name: model,
    providers: [{
      type: "claude",
      api_key: "sk-upstream",
      base_url: upstream.url.replace("/v1", ""),
      models: [{ local: model, server_mapping: model }],
    }],
  });
  const call = (args: unknown) => ({
    role: "assistant",
    tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: args } }],
  });
  for (const args of [{ a: 1 }, 7, null, ["x"], "no JSON"]) {
    const messages = [
      { role: "user", content: "hello" },
      call(args),
      { role: "tool", tool_call_id: "1", content: "done" },
    ];
    const { status } = await chat(gateway, owner.apiToken, { model, messages });
    expect([200, 400]).toContain(status);
    expect((await chat(gateway, owner.apiToken, hello(model))).status).toBe(200);
  }
  expect(await nodeOf(model)).toMatchObject({ penalties: [] });
}, 180_000);
