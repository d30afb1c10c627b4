/** Gateways that are replaced one after the other while streams run, unnoticed by callers. */

import { expect, test } from "bun:test";
import OpenAI from "openai";
import { createAccount } from "../harness/account.ts";
import { ask, chat, hello, stream } from "../harness/api.ts";
import { startBalancer } from "../harness/balancer.ts";
import { startCuttingRelay } from "../harness/cutting_relay.ts";
import { type ClusterGateway, linked, listedBy, startCluster } from "../harness/cluster.ts";
import { connectScriptedNode } from "../harness/scripted_node.ts";
import { listNodes, startNode } from "../harness/node.ts";
import { pieces, stall, startUpstream } from "../harness/upstream.ts";
import { until, within } from "../harness/wait.ts";

const EXIT_OK = 0;
const CALLERS = 8;

/** How often all gateways are replaced, one by one. The soak test does more rounds. */
const ROUNDS = Number(process.env.COLINK_TEST_ROLLING_ROUNDS ?? 3);
const ROUND_WITHIN_MS = 60_000;

/** A stream of about half a second, much shorter than the drain time. */
const TEXTS = Array.from({ length: 20 }, (_, i) => `${i} `);
const PAUSE_MS = 25;

test(
  "three rolling restarts of three gateways under load: every call is answered, whole",
  async () => {
    const cluster = await startCluster(3, { env: { COLINK_DRAIN_SECONDS: "20" } });
    const gateways = [...cluster.gateways];
    const account = await createAccount(gateways[0]!);
    const upstream = startUpstream({ local: pieces(TEXTS, PAUSE_MS) });
    const balancer = await startBalancer(gateways.map(({ url }) => url));
    const direct = gateways.map(({ wsUrl }) => wsUrl);
    const dialled = [direct, direct.toReversed(), [balancer.wsUrl]];
    const names = ["node-a", "node-b", "node-c"];
    await Promise.all(names.map((name, i) =>
      startNode({
        gateway: { url: gateways[i]!.url, wsUrl: dialled[i]![0]! },
        serverUrls: dialled[i]!,
        clientToken: account.clientToken,
        maxParallel: 3,
        name,
        providers: [{
          type: "openai",
          api_key: "sk-upstream",
          base_url: upstream.url,
          models: [{ local: "local", server_mapping: "shared" }],
        }],
      })
    ));
    for (const name of names) await listedBy(gateways, name);
    const client = new OpenAI({
      baseURL: `${balancer.url}/v1`,
      apiKey: account.apiToken,
      // Retries of the SDK would hide failures.
      maxRetries: 0,
    });

    let answered = 0;
    let isOver = false;
    const failures: unknown[] = [];
    const callers = Array.from({ length: CALLERS }, async () => {
      while (!isOver) {
        try {
          expect(await said(client)).toBe(TEXTS.join(""));
          answered++;
        } catch (error) {
          failures.push(error);
        }
      }
    });
    for (let n = 0; n < ROUNDS * gateways.length; n++) {
      const before = answered;
      await until("calls are answered", () => answered > before + CALLERS);
      const i = n % gateways.length;
      gateways[i] = await replaced(cluster, gateways, i);
    }
    isOver = true;
    await within("the last calls", Promise.all(callers));
    expect(failures).toEqual([]);
    expect(upstream.mostActive).toBeLessThanOrEqual(3 * names.length);
  },
  ROUNDS * ROUND_WITHIN_MS + 60_000,
);

async function said(client: OpenAI): Promise<string> {
  const answer = await client.chat.completions.create({
    model: "shared",
    messages: [{ role: "user", content: "count" }],
    stream: true,
  });
  let text = "";
  for await (const { choices } of answer) text += choices[0]?.delta.content ?? "";
  return text;
}

/** Stops the gateway as a deployment does, and starts another in its place. */
async function replaced(
  cluster: Awaited<ReturnType<typeof startCluster>>,
  gateways: readonly ClusterGateway[],
  i: number,
): Promise<ClusterGateway> {
  const old = gateways[i]!;
  old.program.signal("SIGTERM");
  // A gateway without streams ends before /readyz could be seen to answer 503.
  expect(await within("its end", old.program.ended)).toBe(EXIT_OK);
  const next = await cluster.add({ env: { PORT: new URL(old.url).port } });
  await linked(gateways.map((one, k) => k === i ? next : one));
  return next;
}

test("a gateway that leaves ends its peers' calls on its nodes before it goes", async () => {
  const { gateways: [near, far] } = await startCluster(2, { env: { COLINK_DRAIN_SECONDS: "20" } });
  const account = await createAccount(near!);
  const node = await connectScriptedNode({
    wire: 2,
    gateway: far!,
    clientToken: account.clientToken,
    models: ["m"],
  });
  await listedBy([near!], node.name);
  const answering = stream(near!, account.apiToken, hello("m"));
  const { id } = await node.next();
  node.piece(id, "before");
  const { events } = await answering;
  expect((await events.next()).value).toContain("before");
  far!.program.signal("SIGTERM");
  await until("it takes no calls", async () => (await ask(`${far!.url}/readyz`)).status === 503);
  await until(
    "its nodes are offered no more",
    async () => (await listNodes(near!)).length === 0,
  );
  expect((await chat(near!, account.apiToken, hello("m"))).json.error.code).toBe("no_node_online");
  node.piece(id, "after");
  node.finish(id);
  const rest = await Array.fromAsync(events);
  expect(rest[0]).toContain("after");
  expect(rest.at(-1)).toBe("[DONE]");
  expect(await within("its end", far!.program.ended)).toBe(EXIT_OK);
}, 180_000);

test(
  "a node whose link is cut twice while its gateway leaves finishes its answer there, directly and through another",
  async () => {
    const { gateways } = await startCluster(2, { env: { COLINK_DRAIN_SECONDS: "60" } });
    const [leaving, other] = gateways as [ClusterGateway, ClusterGateway];
    const account = await createAccount(leaving);
    const words = ["before ", "directly ", "through another"];
    const gates = words.map(() => Promise.withResolvers<void>());
    const upstream = startUpstream({ cut: () => gated(words, gates), endless: stall(1) });
    const relay = await startCuttingRelay(Number(new URL(leaving.url).port));
    const models = ["cut", "endless"].map((local) => ({ local }));
    await startNode({
      gateway: { url: leaving.url, wsUrl: relay.url },
      clientToken: account.clientToken,
      providers: [{ type: "openai", api_key: "sk-upstream", base_url: upstream.url, models }],
    });
    const keyed = async (gateway: ClusterGateway, model: string) => {
      const headers = { "idempotency-key": `the-call-of-${model}` };
      return await stream(gateway, account.apiToken, hello(model), undefined, headers);
    };
    gates[0]!.resolve();
    const [{ events }, unfinished] = await Promise.all([
      keyed(leaving, "cut"),
      keyed(leaving, "endless"),
    ]);
    const next = async () => (await within("the next event", events.next())).value;
    expect(await next()).toContain("before");
    await unfinished.events.next();

    leaving.program.signal("SIGTERM");
    await until(
      "it takes no calls",
      async () => (await ask(`${leaving.url}/readyz`)).status === 503,
    );
    relay.cut();
    gates[1]!.resolve();
    expect(await next()).toContain("directly");
    relay.redirect(Number(new URL(other.url).port));
    relay.cut();
    gates[2]!.resolve();
    expect(await next()).toContain("through another");
    expect((await Array.fromAsync(events)).at(-1)).toBe("[DONE]");

    // The second time: the call that still runs is cut off.
    leaving.program.signal("SIGTERM");
    const [end] = await Array.fromAsync(unfinished.events);
    expect(JSON.parse(end!).error.code).toBe("shutting_down");
    await within("its end", leaving.program.ended);
    await linked([other]);
    const { response } = await keyed(other, "endless");
    expect([response.status, await response.text()]).toEqual([
      410,
      expect.stringContaining("ended (interrupted) with"),
    ]);
    expect(upstream.calls).toHaveLength(2);
  },
  180_000,
);

/** A stream of these words, each sent when its gate opens. */
function gated(words: readonly string[], gates: readonly PromiseWithResolvers<void>[]): Response {
  const encoder = new TextEncoder();
  const eventOf = (choice: object) =>
    encoder.encode(`data: ${JSON.stringify({ choices: [{ index: 0, ...choice }] })}\n\n`);
  const events = async function* () {
    for (const [i, content] of words.entries()) {
      await gates[i]!.promise;
      yield eventOf({ delta: { content } });
    }
    yield eventOf({ delta: {}, finish_reason: "stop" });
    yield encoder.encode("data: [DONE]\n\n");
  };
  return new Response(events(), { headers: { "content-type": "text/event-stream" } });
}
