import { afterEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { type AddressInfo, createServer } from "node:net";
import type { Adapter } from "./adapter/adapter.ts";
import type { ModelConfig, NodeConfig } from "./config/config.ts";
import { createNode, type Node, type NodeOptions } from "./node.ts";
import { BUSY_LOOK_MS } from "../protocol/mod.ts";
import { FakeMachine } from "./policy/testing/fake_machine.ts";
import { FakeWorld } from "./testing/fake_world.ts";
import { StubGateway } from "./testing/stub_gateway.ts";
import { endlessStream, eventStream, sse, StubUpstream } from "./testing/stub_upstream.ts";
import { realWorld, silentLog } from "./world.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const hello = { messages: [{ role: "user", content: "hi" }] };
const said = (content: string, finish: string | null = null) => ({
  id: "c1",
  object: "chat.completion.chunk",
  created: 1,
  model: "m",
  choices: [{ index: 0, delta: { role: "assistant", content }, finish_reason: finish }],
});

function gatewayStub(): StubGateway {
  const gateway = new StubGateway();
  cleanups.push(() => gateway.stop());
  return gateway;
}

function upstreamStub(answer: ConstructorParameters<typeof StubUpstream>[0]): StubUpstream {
  const upstream = new StubUpstream(answer);
  cleanups.push(() => upstream.stop());
  return upstream;
}

const models: ModelConfig[] = [{ local: "local-1", server_mapping: "pro" }];

function startNode(
  gateway: StubGateway,
  upstreams: string[],
  config: Partial<NodeConfig> = {},
  options: NodeOptions = {},
): Node {
  const node = createNode({
    client_token: "client-secret-1",
    server_url: gateway.url,
    max_parallel: 2,
    name: "studio",
    providers: upstreams.map((url) => ({
      type: "openai",
      api_key: "sk-provider",
      base_url: url,
      models,
    })),
    ...config,
  }, { nodeId: "node-1", random: () => 0, ...options });
  node.start();
  cleanups.push(() => node.stop({ graceMs: 0 }));
  return node;
}

const unused = "http://127.0.0.1:9";

test("a node shows its token, and registers its names, its capacity and who it is", async () => {
  const gateway = gatewayStub();
  const node = startNode(gateway, [unused]);
  expect(await gateway.registered()).toEqual({
    max_parallel: 2,
    models: ["pro"],
    node_id: "node-1",
    name: "studio",
    agent: "co-link/dev",
  });
  expect(gateway.tokens).toEqual(["client-secret-1"]);
  expect(node.status.state).toBe("connected");
});

test("a node that is given several gateways dials the next when one fails", async () => {
  const [first, second] = [gatewayStub(), gatewayStub()];
  first.refuseWith = 503;
  const servers = { server_urls: [second.url, first.url] };
  const node = startNode(first, [unused], servers);
  await second.registered();
  expect(first.tokens).toEqual(["client-secret-1"]);
  first.refuseWith = null;
  second.stop();
  await first.registered();
  expect(node.status.state).toBe("connected");
});

test("a call reaches the upstream under the model's local name, and its answer comes back", async () => {
  const gateway = gatewayStub();
  const chunks = [said("Hel"), said("lo", "stop")];
  const upstream = upstreamStub(() => eventStream([sse(...chunks, "[DONE]")]));
  startNode(gateway, [upstream.url + "/v1/"]);
  await gateway.registered();
  const body = '{ "seed": 9007199254740993, "model": "pro", "stream": true, "messages": [] }';
  const { pieces, error } = await gateway.call("pro", body).ended;
  expect(error).toBeNull();
  expect(pieces).toEqual(chunks.map((chunk) => JSON.stringify(chunk)));
  expect(upstream.seen[0]).toMatchObject({
    path: "/v1/chat/completions",
    body: body.replace('"pro"', '"local-1"'),
  });
  expect(upstream.seen[0]!.headers.get("authorization")).toBe("Bearer sk-provider");
});

test("a node whose slots are full answers BUSY, whatever the gateway thinks", async () => {
  const gateway = gatewayStub();
  const upstream = upstreamStub(() => endlessStream(sse(said("a"))));
  const node = startNode(gateway, [upstream.url], { max_parallel: 1 });
  await gateway.registered();
  const first = gateway.call("pro", { ...hello, stream: true });
  const second = await gateway.call("pro", hello).ended;
  expect(second.error).toMatchObject({ code: 503, message: "BUSY: all 1 slots are in use" });
  expect(node.status.active).toBe(1);
  gateway.cancel(first.id);
  await first.ended;
});

test("a caller who leaves stops the upstream, and the node confirms it", async () => {
  const gateway = gatewayStub();
  const upstream = upstreamStub(() => endlessStream(sse(said("a"))));
  const node = startNode(gateway, [upstream.url]);
  await gateway.registered();
  const { promise: spoke, resolve } = Promise.withResolvers<string>();
  const call = gateway.call("pro", { ...hello, stream: true }, resolve);
  await spoke;
  const { promise: hungUp, resolve: note } = Promise.withResolvers<void>();
  upstream.seen[0]!.signal.addEventListener("abort", () => note());
  gateway.cancel(call.id);
  await hungUp;
  expect((await call.ended).error?.code).toBe(499);
  expect(node.status.active).toBe(0);
});

test("a caller who leaves before the upstream's first byte stops it too", async () => {
  const gateway = gatewayStub();
  const { promise: asked, resolve } = Promise.withResolvers<AbortSignal>();
  const upstream = upstreamStub((seen) => {
    resolve(seen.signal);
    return new Promise<Response>(() => {});
  });
  startNode(gateway, [upstream.url]);
  await gateway.registered();
  const call = gateway.call("pro", hello);
  const signal = await asked;
  const { promise: hungUp, resolve: note } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => note());
  gateway.cancel(call.id);
  await hungUp;
  expect((await call.ended).error?.code).toBe(499);
});

test("a model that the node does not serve is a 404", async () => {
  const gateway = gatewayStub();
  startNode(gateway, [unused]);
  await gateway.registered();
  expect((await gateway.call("other", hello).ended).error?.code).toBe(404);
});

test("the second provider of a name takes over when the first cannot be reached", async () => {
  const gateway = gatewayStub();
  const answer = { id: "c", object: "chat.completion", choices: [] };
  const upstream = upstreamStub(() => Response.json(answer));
  startNode(gateway, [unused, upstream.url]);
  await gateway.registered();
  const { pieces, error } = await gateway.call("pro", hello).ended;
  expect(error).toBeNull();
  expect(pieces).toEqual([JSON.stringify(answer)]);
});

test("a request that is itself wrong is not tried at the second provider", async () => {
  const gateway = gatewayStub();
  const refuse = () => Response.json({ error: { message: "bad top_p" } }, { status: 400 });
  const [first, second] = [upstreamStub(refuse), upstreamStub(refuse)];
  startNode(gateway, [first.url, second.url]);
  await gateway.registered();
  expect((await gateway.call("pro", hello).ended).error).toMatchObject({
    code: 400,
    message: "bad top_p",
  });
  expect(second.seen).toHaveLength(0);
});

test("an answer that broke off is not continued by the second provider", async () => {
  const gateway = gatewayStub();
  const first = upstreamStub(() => eventStream([sse(said("half"))]));
  const second = upstreamStub(() => eventStream([sse(said("other", "stop"))]));
  startNode(gateway, [first.url, second.url]);
  await gateway.registered();
  const { pieces, error } = await gateway.call("pro", { ...hello, stream: true }).ended;
  expect(pieces).toHaveLength(1);
  expect(error).toMatchObject({ code: 502, error: { code: "upstream_disconnected" } });
  expect(second.seen).toHaveLength(0);
});

test("neither the key nor the address of a provider comes back in its errors", async () => {
  const gateway = gatewayStub();
  const leak = (status: number) => (seen: { headers: Headers }) =>
    Response.json({
      error: {
        message: `key ${seen.headers.get("authorization")} at ${seen.headers.get("host")}`,
        code: seen.headers.get("authorization"),
      },
    }, { status });
  for (const status of [400, 401, 403, 429, 500]) {
    const upstream = upstreamStub(leak(status));
    const node = startNode(gateway, [upstream.url]);
    await gateway.registered(gateway.registers.length + 1);
    expect((await gateway.call("pro", hello).ended).error?.code).toBe(status);
    await node.stop();
    expect(gateway.transcript).not.toContain(upstream.url.slice(7));
  }
  expect(gateway.transcript).not.toContain("sk-provider");
});

test("a node dials again when its link is lost, and serves as before", async () => {
  const gateway = gatewayStub();
  const upstream = upstreamStub(() => Response.json({ choices: [] }));
  const node = startNode(gateway, [upstream.url]);
  await gateway.registered();
  gateway.hangUp(1012, "restart");
  await gateway.registered(2);
  expect((await gateway.call("pro", hello).ended).error).toBeNull();
  expect(node.status.lastProblem).toBe("disconnected: the gateway is restarting (restart)");
});

test("losing the link stops the upstreams of the calls on it", async () => {
  const gateway = gatewayStub();
  const upstream = upstreamStub(() => endlessStream(sse(said("a"))));
  startNode(gateway, [upstream.url]);
  await gateway.registered();
  const { promise: spoke, resolve } = Promise.withResolvers<string>();
  gateway.call("pro", { ...hello, stream: true }, resolve);
  await spoke;
  const { promise: hungUp, resolve: note } = Promise.withResolvers<void>();
  upstream.seen[0]!.signal.addEventListener("abort", () => note());
  gateway.hangUp(1012, "restart");
  await hungUp;
});

test("a refused token is said in one line, and dialling goes on", async () => {
  const gateway = gatewayStub();
  gateway.refuseWith = 401;
  const node = startNode(gateway, [unused]);
  await gateway.until(() => gateway.tokens.length >= 3);
  expect(node.status.lastProblem).toContain("refused the node token (401)");
  gateway.refuseWith = null;
  await gateway.registered();
});

test("a node that drains refuses new calls, finishes what runs, and says goodbye", async () => {
  const gateway = gatewayStub();
  const { promise: release, resolve: finish } = Promise.withResolvers<void>();
  const { promise: asked, resolve: noteAsked } = Promise.withResolvers<void>();
  const upstream = upstreamStub(async () => {
    noteAsked();
    await release;
    return Response.json({ choices: [] });
  });
  const node = startNode(gateway, [upstream.url]);
  await gateway.registered();
  const running = gateway.call("pro", hello);
  await asked;
  const stopped = node.stop();
  const refused = await gateway.call("pro", hello).ended;
  expect(refused.error?.message).toBe("BUSY: this node is draining");
  finish();
  expect((await running.ended).error).toBeNull();
  await stopped;
  await gateway.until(() => gateway.closes.length > 0);
  expect(gateway.closes).toEqual([{ code: 1000, reason: "this node is leaving" }]);
  expect(node.status.state).toBe("stopped");
});

test("a second stop cuts what still runs", async () => {
  const gateway = gatewayStub();
  const upstream = upstreamStub(() => endlessStream(sse(said("a"))));
  const node = startNode(gateway, [upstream.url]);
  await gateway.registered();
  const { promise: spoke, resolve } = Promise.withResolvers<string>();
  const running = gateway.call("pro", { ...hello, stream: true }, resolve);
  await spoke;
  const drained = node.stop();
  await node.stop({ graceMs: 0 });
  await drained;
  // What begins so puts no penalty on a node that its owner stops and starts.
  expect((await running.ended).error).toMatchObject({
    code: 503,
    message: "BUSY: this node stopped in the middle of the call",
  });
});

test("ten malformed frames in a row end the link; a good one between them clears the count", async () => {
  const gateway = gatewayStub();
  startNode(gateway, [unused]);
  await gateway.registered();
  for (let i = 0; i < 9; i++) gateway.send("nonsense");
  await gateway.call("other", hello).ended;
  for (let i = 0; i < 10; i++) gateway.send("nonsense");
  await gateway.until(() => gateway.closes.length > 0);
  expect(gateway.closes[0]!.code).toBe(4003);
  await gateway.registered(2);
});

test("frames of unknown types and notices about the connection are taken calmly", async () => {
  const gateway = gatewayStub();
  startNode(gateway, [unused]);
  await gateway.registered();
  gateway.send('{"type":"WELCOME","data":{}}');
  gateway.send('{"type":"ERROR","data":{"code":400,"message":"hm"}}');
  gateway.cancel("req-of-nobody");
  expect((await gateway.call("other", hello).ended).error?.code).toBe(404);
});

test("an upstream is read no faster than the gateway takes its answer", async () => {
  const gateway = gatewayStub();
  let bufferedBytes = 0;
  let isChoked = false;
  const events = sse(...Array.from({ length: 50 }, () => said("x")), said("", "stop"), "[DONE]");
  const upstream = upstreamStub(() => eventStream([events]));
  const { promise: waited, resolve: noteWait } = Promise.withResolvers<void>();
  const timers: (() => void)[] = [];
  startNode(gateway, [upstream.url], {}, {
    connect: (url, headers) => {
      const socket = new WebSocket(url, { headers } as unknown as string[]);
      Object.defineProperty(socket, "bufferedAmount", { get: () => bufferedBytes });
      return socket as never;
    },
    after: (delayMs, run) => {
      if (delayMs === 20) {
        isChoked = true;
        timers.push(run);
        noteWait();
        return () => {};
      }
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
  });
  await gateway.registered();
  bufferedBytes = 5 << 20;
  const pieces: string[] = [];
  const call = gateway.call("pro", { ...hello, stream: true }, (piece) => pieces.push(piece));
  await waited;
  await gateway.until(() => pieces.length > 0);
  expect(isChoked).toBe(true);
  expect(pieces).toHaveLength(1);
  bufferedBytes = 0;
  timers.shift()!();
  expect((await call.ended).pieces).toHaveLength(51);
});

test("a half-open link, on which pings stay unanswered, is dropped and dialled again", async () => {
  const dials: string[] = [];
  const { promise: again, resolve } = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    // Greets like a WebSocket server of wire v1, and then never says a word.
    socket.once("data", (request) => {
      const key = /sec-websocket-key: (.*)\r/i.exec(request.toString())?.[1] ?? "";
      const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest("base64");
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
          `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      dials.push(/sec-websocket-protocol: (.*)\r/i.exec(request.toString())?.[1] ?? "none");
      if (dials.length === 3) resolve();
    });
    socket.on("error", () => {});
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  cleanups.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  let nowMs = 0;
  const node = startNode(gatewayStub(), [unused], { server_url: `ws://127.0.0.1:${port}/ws` }, {
    nowMs: () => nowMs,
    // The time between two looks passes at once.
    after: (delayMs, run) => {
      if (delayMs !== BUSY_LOOK_MS) return realWorld.after(delayMs, run);
      return realWorld.after(0, () => {
        nowMs += BUSY_LOOK_MS;
        run();
      });
    },
  });
  await again;
  // A server that does not know v2 is dialled at once without asking for it, and once more with it.
  expect(dials).toEqual(["colink.v2", "none", "colink.v2"]);
  expect(node.status.lastProblem).toBe(
    "disconnected: the gateway sent nothing for too long",
  );
});

test("a library's user may serve models with adapters of their own", async () => {
  const gateway = gatewayStub();
  const echo: Adapter = {
    async *answer({ bodyText }) {
      yield* await Promise.resolve([bodyText]);
    },
  };
  startNode(gateway, [], {}, { adapters: { echo } });
  expect((await gateway.registered()).models).toEqual(["echo"]);
  expect((await gateway.call("echo", hello).ended).pieces).toEqual([JSON.stringify(hello)]);
});

test("a node that would offer nothing is not made", () => {
  const nothing = { client_token: "a", server_url: "ws://localhost", providers: [] };
  expect(() => createNode(nothing)).toThrow("providers must name at least one provider");
});

test("a node with a bad configuration is not made", () => {
  const config = { client_token: "", server_url: "ws://localhost", providers: [] };
  expect(() => createNode(config)).toThrow("client_token must not be empty");
});

test("a node that has more models than it may offer says so", () => {
  const warned: [object, string][] = [];
  const adapter: Adapter = { async *answer() {} };
  const adapters = Object.fromEntries(Array.from({ length: 1_003 }, (_, i) => [`m${i}`, adapter]));
  const config = { client_token: "a", server_url: "ws://localhost", providers: [] };
  const warn = (fields: object, message: string) => void warned.push([fields, message]);
  const node = createNode(config, { adapters, log: { ...silentLog, warn } });
  expect(node.status.models).toHaveLength(1_000);
  expect(warned).toEqual([
    [{ left_out: 3 }, "offers more models than a node may; use allow and deny"],
  ]);
  createNode(config, { adapters: { m: adapter }, log: { ...silentLog, warn } });
  expect(warned).toHaveLength(1);
});

test("a node stops describing its machine when its configuration says so, and starts again", async () => {
  const world = new FakeWorld();
  const config: NodeConfig = {
    client_token: "client-secret-1",
    server_url: "ws://gateway.example/ws",
    max_parallel: 2,
    providers: [{ type: "openai", api_key: "sk-provider", base_url: unused, models }],
  };
  const node = createNode(config, { ...partsOf(world), machine: new FakeMachine() });
  node.start();
  cleanups.push(() => node.stop({ graceMs: 0 }));
  await world.pass(0);
  const socket = world.sockets[0]!.openV2();
  await world.pass(0);
  /** The last description that the gateway got. */
  const described = () =>
    socket.data.flatMap((data) =>
      "machine" in (data as object) ? [(data as Described).machine] : []
    )
      .at(-1);
  expect(described()).toMatchObject({
    os: "Ubuntu 24.04.1 LTS",
    gpus: [{ name: "NVIDIA GeForce RTX 4090", memory_bytes: 24 * 2 ** 30 }],
    policy: {},
  });
  await node.reload({ ...config, report_machine: false });
  await world.pass(0);
  expect(described()).toEqual({});
  await node.reload(config);
  await world.pass(0);
  expect(described()).toMatchObject({ os: "Ubuntu 24.04.1 LTS" });
});

test("a node that is stopped while it takes over other providers asks none of them any more", async () => {
  const world = new FakeWorld();
  let asked = 0;
  const fetch = () => {
    asked++;
    return world.fetch();
  };
  const provider = { type: "openai", api_key: "sk-provider", base_url: unused, models } as const;
  const config: NodeConfig = {
    client_token: "client-secret-1",
    server_url: "ws://gateway.example/ws",
    max_parallel: 2,
    providers: [provider],
  };
  const options = { ...partsOf(world), fetch, machine: new FakeMachine() };
  const node = createNode(config, options);
  node.start();
  await world.pass(0);
  const reloading = node.reload({ ...config, providers: [{ ...provider, api_key: "sk-other" }] });
  await Promise.all([node.stop({ graceMs: 0 }), reloading]);
  const before = asked;
  await world.pass(24 * 3_600_000);
  expect([before > 0, asked]).toEqual([true, before]);
});

interface Described {
  machine?: object;
}

/** A world as a node's options take it. */
function partsOf({ nowMs, todayMs, random, fetch, soon, connect, after, log }: FakeWorld) {
  return { nowMs, todayMs, random, fetch, soon, connect, after, log };
}
