/** Three gateways as one network: the same calls on a node of the caller's own gateway, and of another. */

import { beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { Endpoint } from "../../protocol/mod.ts";
import { startRedisCluster } from "../../server/cluster/testing/redis.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { ask, chat, hello, stream } from "../harness/api.ts";
import { endAfterTests } from "../harness/cleanup.ts";
import { type ClusterGateway, gauges, listedBy, startCluster } from "../harness/cluster.ts";
import { type CuttingRelay, startCuttingRelay } from "../harness/cutting_relay.ts";
import { listNodes, type RunningNode, startNode } from "../harness/node.ts";
import { joinRawNodeV2 } from "../harness/raw_node_v2.ts";
import { dial, wholeCall } from "../harness/raw_http.ts";
import { connectScriptedNode, type ScriptedNode, type Wire } from "../harness/scripted_node.ts";
import { pieces, say, startUpstream, type Upstream } from "../harness/upstream.ts";
import { until, within } from "../harness/wait.ts";

let gateways: readonly ClusterGateway[];
let account: Account;
let models = 0;

beforeAll(async () => {
  gateways = (await startCluster(3)).gateways;
  account = await createAccount(gateways[0]!);
}, 180_000);

/** Connects a node with a model of its own to the gateway. */
async function joinAt(
  gateway: ClusterGateway,
  wire: Wire,
  options: { models?: string[]; maxParallel?: number } = {},
) {
  const model = options.models?.[0] ?? `model-${models++}`;
  const node = await connectScriptedNode({
    wire,
    gateway,
    clientToken: account.clientToken,
    models: [model],
    ...options,
  });
  await listedBy(gateways, node.name);
  return { node, model };
}

async function isIdle(node: ScriptedNode): Promise<void> {
  for (const { url } of gateways) {
    await until("no slot of the node is in use", async () => {
      return (await listNodes({ url })).find(({ name }) => name === node.name)?.active_tasks === 0;
    });
  }
}

/** Text in which loss, repetition and disorder can be seen. */
function numbered(pieces: number): string[] {
  return Array.from({ length: pieces }, (_, i) => `${i} ${"ä".repeat(i % 50)} `);
}

const places = [
  { place: "its caller's gateway", of: () => gateways[0]! },
  { place: "another gateway", of: () => gateways[1]! },
];

for (const { place, of } of places) {
  test(`a batch of embeddings far larger than a frame passes from a node at ${place}`, async () => {
    const model = `model-${models++}`;
    const data = Array.from({ length: 1000 }, (_, index) => ({
      object: "embedding",
      index,
      embedding: Buffer.alloc(1536 * 4, index).toString("base64"),
    }));
    const answer = { object: "list", data, model: "local", usage: { prompt_tokens: 3000 } };
    const upstream = startUpstream({ local: () => Response.json(answer) });
    await startNode({
      gateway: of(),
      clientToken: account.clientToken,
      name: model,
      providers: [{
        type: "openai",
        base_url: upstream.url,
        models: [{ local: "local", server_mapping: model }],
      }],
    });
    await listedBy(gateways, model);
    const { status, text } = await ask(`${gateways[0]!.url}/v1/embeddings`, {
      method: "POST",
      token: account.apiToken,
      body: JSON.stringify({ model, input: "x", encoding_format: "base64" }),
    });
    expect(status).toBe(200);
    expect(text === JSON.stringify({ ...answer, model })).toBe(true);
  });
}

for (const { place, of } of places) {
  for (const wire of [1, 2] as const) {
    describe(`a node of wire v${wire} at ${place}`, () => {
      test("streams every byte, in order, to an official SDK", async () => {
        const { node, model } = await joinAt(of(), wire);
        const texts = numbered(700);
        node.onCall = ({ id }) => {
          for (const text of texts) node.piece(id, text);
          node.finish(id, { prompt_tokens: 3, completion_tokens: 700 });
        };
        const client = new OpenAI({ baseURL: `${gateways[0]!.url}/v1`, apiKey: account.apiToken });
        const answer = await client.chat.completions.create({
          ...hello(model),
          messages: [{ role: "user", content: "hello" }],
          stream: true,
        });
        let text = "";
        for await (const { choices } of answer) text += choices[0]?.delta.content ?? "";
        expect(text === texts.join("")).toBe(true);
        await isIdle(node);
      });

      test("answers in one piece", async () => {
        const { node, model } = await joinAt(of(), wire);
        // Scripted nodes ignore credit. A whole answer of wire v1 may be larger than a frame between gateways.
        const content = "ü".repeat(wire === 1 ? 800_000 : 100_000);
        node.onCall = ({ id }) => node.whole(id, content);
        const answer = await chat<{ choices: { message: { content: string } }[] }>(
          gateways[0]!,
          account.apiToken,
          hello(model),
        );
        expect(answer.status).toBe(200);
        expect(answer.json.choices[0]?.message.content === content).toBe(true);
        expect(answer.headers.get("x-colink-node")).toBeTruthy();
        await isIdle(node);
      });

      test("gets the caller's body unchanged, also in many frames", async () => {
        const { node, model } = await joinAt(of(), wire);
        node.onCall = ({ id }) => node.whole(id, "got it");
        const body = hello(model, { padding: "y".repeat(3 * 1024 * 1024) });
        expect((await chat(gateways[0]!, account.apiToken, body)).status).toBe(200);
      });

      test("relays its upstream's rejection of a request, and gets no penalty", async () => {
        const { node, model } = await joinAt(of(), wire);
        node.onCall = ({ id }) => node.fail(id, 400);
        const answer = await chat(gateways[0]!, account.apiToken, hello(model));
        expect(answer.status).toBe(400);
        node.onCall = ({ id }) => node.whole(id, "fine");
        expect((await chat(gateways[0]!, account.apiToken, hello(model))).status).toBe(200);
      });

      test("that fails is replaced by another, and gets no calls from any gateway", async () => {
        const { node: bad, model } = await joinAt(of(), wire);
        bad.onCall = ({ id }) => bad.fail(id, 500);
        const { node: good } = await joinAt(gateways[2]!, wire, { models: [model] });
        good.onCall = ({ id }) => good.whole(id, "from the good one");
        await until("the failing node was tried", async () => {
          const answer = await chat(gateways[0]!, account.apiToken, hello(model));
          expect(answer.text).toContain("from the good one");
          return bad.calls.length > 0;
        });
        for (const { url } of gateways) {
          await until(`${url} knows of the penalty`, async () => {
            return (await listNodes({ url })).find(({ name }) => name === bad.name)?.penalized;
          });
        }
      });

      test("is notified when the caller leaves, and its slot is free again everywhere", async () => {
        const { node, model } = await joinAt(of(), wire);
        const caller = new AbortController();
        const { events } = await withFirstPiece(node, model, caller.signal);
        const [call] = node.calls;
        caller.abort();
        await within("the cancel", node.cancelOf(call!.id));
        node.fail(call!.id, 499);
        await isIdle(node);
        await Array.fromAsync(events).catch(() => {});
      });

      test("that is lost in the middle of a stream ends it with an error, never with [DONE]", async () => {
        const { node, model } = await joinAt(of(), wire);
        const { events } = await withFirstPiece(node, model);
        node.terminate();
        const rest = await within("the end of the stream", Array.fromAsync(events));
        expect(rest.at(-1)).toContain(`"code":"node_lost"`);
        expect(rest).not.toContain("[DONE]");
      });

      test("serves others while one of its callers reads nothing", async () => {
        const { node, model } = await joinAt(of(), wire, { maxParallel: 2 });
        const caller = await dial(gateways[0]!);
        caller.write(wholeCall(account.apiToken, hello(model, { stream: true })));
        const slow = await node.next();
        caller.pause();
        for (let i = 0; i < 60; i++) node.piece(slow.id, "z".repeat(4_000));
        node.onCall = ({ id }) => {
          for (let i = 0; i < 500; i++) node.piece(id, `${i} `);
          node.finish(id);
        };
        const { events } = await stream(gateways[0]!, account.apiToken, hello(model));
        const rest = await within("the other caller's answer", Array.fromAsync(events));
        expect(rest).toHaveLength(501);
        expect(rest.at(-1)).toBe("[DONE]");
        caller.hangUp();
        await node.cancelOf(slow.id);
      });
    });
  }
}

async function withFirstPiece(node: ScriptedNode, model: string, signal?: AbortSignal) {
  const started = stream(gateways[0]!, account.apiToken, hello(model), signal);
  await until("the node is called", () => node.calls.length > 0);
  node.piece(node.calls[0]!.id, "one");
  const { events } = await started;
  expect((await events.next()).value).toContain("one");
  return { events };
}

describe("an endpoint of a node at another gateway", () => {
  test("gets the caller's headers, and its rejection is relayed unchanged", async () => {
    const model = `model-${models++}`;
    const node = await joinRawNodeV2({
      gateway: gateways[1]!,
      owner: account,
      models: [model],
      capabilities: { endpoints: [Endpoint.messages] },
    });
    await listedBy(gateways, node.nodeId);
    const body = JSON.stringify({
      model,
      max_tokens: 1,
      messages: [{ role: "user", content: "x" }],
    });
    const post = (path: string) =>
      ask(gateways[0]!.url + path, {
        method: "POST",
        headers: { "anthropic-version": "2023-06-01" },
        token: account.apiToken,
        body,
      });
    const answer = post(Endpoint.messages);
    const { stream, head } = await node.nextCall();
    expect(head).toMatchObject({
      endpoint: Endpoint.messages,
      headers: { "anthropic-version": "2023-06-01" },
    });
    const refusal =
      `{ "type": "error", "error": { "type": "invalid_request_error" }, "request_id": "req_up" }`;
    node.head(stream, 400, { "request-id": "req_upstream" });
    node.data(stream, refusal);
    node.finish(stream);
    const { status, text, headers } = await answer;
    expect({ status, text }).toEqual({ status: 400, text: refusal });
    expect(headers.get("x-upstream-request-id")).toBe("req_upstream");
    const elsewhere = await post(Endpoint.chat);
    expect(elsewhere.json.error.code).toBe("endpoint_not_offered");
  });
});

describe("a node program and its model server, at another gateway", () => {
  const big = numbered(20_000);
  const paced = numbered(100);
  const models = { big: "big-far", huge: "huge-far", paced: "paced-far" };
  let node: RunningNode;
  let upstream: Upstream;
  let relay: CuttingRelay;

  beforeAll(async () => {
    relay = await startCuttingRelay(Number(new URL(gateways[1]!.url).port));
    upstream = startUpstream({
      big: pieces(big),
      paced: pieces(paced, 10),
      huge: say("h".repeat(5 * 1024 * 1024)),
    });
    node = await startNode({
      gateway: { url: gateways[1]!.url, wsUrl: relay.url },
      clientToken: account.clientToken,
      name: "far",
      providers: [{
        type: "openai",
        api_key: "sk-upstream",
        base_url: upstream.url,
        models: Object.entries(models).map(([local, server_mapping]) => ({
          local,
          server_mapping,
        })),
      }],
    });
    await listedBy(gateways, "far");
  }, 180_000);

  test("streams megabytes on credit, every byte of them", async () => {
    const client = new OpenAI({ baseURL: `${gateways[0]!.url}/v1`, apiKey: account.apiToken });
    const answer = await client.chat.completions.create({
      messages: [{ role: "user", content: "hello" }],
      model: models.big,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let tokens = 0;
    for await (const { choices, usage } of answer) {
      text += choices[0]?.delta.content ?? "";
      tokens = usage?.completion_tokens ?? tokens;
    }
    expect(text === big.join("")).toBe(true);
    expect(tokens).toBe(big.length);
    expect(node.program.isRunning).toBe(true);
  });

  test("goes on with a stream whose node's link is cut, every byte of it once", async () => {
    const client = new OpenAI({
      baseURL: `${gateways[0]!.url}/v1`,
      apiKey: account.apiToken,
      maxRetries: 0,
    });
    const { dials } = relay;
    const answer = await client.chat.completions.create({
      messages: [{ role: "user", content: "hello" }],
      model: models.paced,
      stream: true,
    });
    let text = "";
    for await (const { choices } of answer) {
      const content = choices[0]?.delta.content ?? "";
      text += content;
      if (content === paced[20]) relay.cut();
    }
    expect(text).toBe(paced.join(""));
    expect(relay.dials - dials).toBe(1);
    expect(upstream.calls.filter(({ body }) => body.model === "paced")).toHaveLength(1);
  });

  /** A whole answer to a caller at the gateway. */
  const textOf = async (gateway: ClusterGateway) => {
    const answer = await new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: account.apiToken })
      .chat.completions.create({
        messages: [{ role: "user", content: "hello" }],
        model: models.paced,
        stream: true,
      });
    let text = "";
    for await (const { choices } of answer) text += choices[0]?.delta.content ?? "";
    return text;
  };

  test("goes on with a stream whose node comes back at other gateways, and serves new calls at once", async () => {
    const { dials } = relay;
    const before = upstream.calls.length;
    const cuts = new Map([[20, gateways[2]!], [50, gateways[0]!]]);
    const others: Promise<string>[] = [];
    const answer = await new OpenAI({
      baseURL: `${gateways[0]!.url}/v1`,
      apiKey: account.apiToken,
      maxRetries: 0,
    }).chat.completions.create({
      messages: [{ role: "user", content: "hello" }],
      model: models.paced,
      stream: true,
    });
    let text = "";
    let pieces = 0;
    for await (const { choices } of answer) {
      text += choices[0]?.delta.content ?? "";
      const gateway = cuts.get(pieces++);
      if (gateway === undefined) continue;
      relay.redirect(Number(new URL(gateway.url).port));
      relay.cut();
      others.push(textOf(gateway));
    }
    expect(text).toBe(paced.join(""));
    expect(await Promise.all(others)).toEqual([paced.join(""), paced.join("")]);
    expect(relay.dials - dials).toBeGreaterThanOrEqual(2);
    expect(upstream.calls.length - before).toBe(3);
    // Its session was at the gateway that it had left: it is asked to reconnect, and loses nothing by that.
    await until("the node is at the gateway that it has come to", async () => {
      const nodes = await listNodes(gateways[0]!);
      return relay.dials - dials > 2 &&
        nodes.filter(({ name, state }) => name === "far" && state === "ready").length === 1;
    });
    expect(await textOf(gateways[1]!)).toBe(paced.join(""));
  });

  test("answers in one piece of megabytes", async () => {
    const answer = await chat<{ choices: { message: { content: string } }[] }>(
      gateways[0]!,
      account.apiToken,
      hello(models.huge),
    );
    expect(answer.json.choices[0]?.message.content.length).toBe(5 * 1024 * 1024);
  });
});

test("gateways on a Redis Cluster of three servers are one network", async () => {
  const redis = await startRedisCluster();
  endAfterTests(redis.stop);
  const { gateways: [one, other] } = await startCluster(2, { redisUrl: redis.url });
  const account = await createAccount(one!);
  const node = await connectScriptedNode({
    wire: 2,
    gateway: other!,
    clientToken: account.clientToken,
    models: ["m"],
  });
  node.onCall = ({ id }) => node.whole(id, "through the cluster");
  await listedBy([one!], node.name);
  const answer = await chat(one!, account.apiToken, hello("m"));
  expect(answer.text).toContain("through the cluster");
  expect(Number(answer.headers.get("x-ratelimit-remaining-requests"))).toBeGreaterThan(0);
  expect((await ask<{ status: string }>(`${one!.url}/readyz`)).json.status).toBe("ok");
}, 180_000);

describe("/cluster", () => {
  test("answers 404 to every client that is not a gateway of the network", async () => {
    const url = `${gateways[0]!.url}/cluster`;
    const proofs = [undefined, "", "gw-1 gw-2 1 x", `${"a ".repeat(5_000)}`];
    for (const proof of proofs) {
      const headers: Record<string, string> = proof === undefined
        ? {}
        : { "colink-gateway": proof };
      const { status, json } = await ask(url, {
        headers: {
          ...headers,
          connection: "upgrade",
          upgrade: "websocket",
          "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
          "sec-websocket-version": "13",
        },
      });
      expect(status).toBe(404);
      expect(json.error.code).toBe("not_found");
    }
    expect((await gauges(gateways[0]!)).colink_cluster_gateways_reachable).toBe(3);
  });
});
