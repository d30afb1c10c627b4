/** Providers that lack what their node offers, or end connections at bad moments: callers get answers, and no node is penalised. */

import { beforeAll, expect, test } from "bun:test";
import type { ErrorView } from "../../api/mod.ts";
import { startClosingServer } from "../../client/testing/closing_server.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { ask, chat, hello, stream } from "../harness/api.ts";
import { endAfterTests } from "../harness/cleanup.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { ledgerRows } from "../harness/ledger.ts";
import { listNodes, startNode } from "../harness/node.ts";
import { type Behaviour, refuse, say, startUpstream, type Upstream } from "../harness/upstream.ts";
import { until } from "../harness/wait.ts";

const encoder = new TextEncoder();

const CALLS = 12;

let gateway: Gateway;
let owner: Account;
let models = 0;

beforeAll(async () => {
  gateway = await startGateway();
  owner = await createAccount(gateway);
}, 60_000);

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
  return startNode({ gateway, clientToken: owner.clientToken, name, maxParallel: 4, providers });
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
  60_000,
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
}, 60_000);

test("a model that its only node has lost is an error of its own, and then nobody's", async () => {
  const model = newModel();
  await join(model, model, startUpstream({ [model]: lost(model) }));
  const { status, json } = await chat(gateway, owner.apiToken, hello(model));
  expect([status, json.error.code]).toEqual([404, "upstream_404"]);
  expect((await chat(gateway, owner.apiToken, hello(model))).status).toBeGreaterThanOrEqual(404);
  expect((await nodeOf(model)).penalties).toEqual([]);
}, 60_000);

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
}, 60_000);

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
}, 60_000);

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
  60_000,
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
  60_000,
);
