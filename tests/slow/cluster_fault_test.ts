/** Failures in a network of gateways: Redis, PostgreSQL, a gateway, the network between two, all at once. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { freePort } from "../../scripts/free_port.ts";
import { startRedis } from "../../scripts/testing/redis.ts";
import type { Service } from "../../scripts/testing/service.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { ask, chat, hello, stream } from "../harness/api.ts";
import { endAfterTests } from "../harness/cleanup.ts";
import {
  type ClusterGateway,
  type ClusterOfGateways,
  gauges,
  linked,
  listedBy,
  startCluster,
} from "../harness/cluster.ts";
import { createDatabase } from "../harness/database.ts";
import { type Network, networkTo } from "../harness/network.ts";
import { listNodes, startNode } from "../harness/node.ts";
import { connectScriptedNode, type ScriptedNode } from "../harness/scripted_node.ts";
import { startUpstream } from "../harness/upstream.ts";
import { until, within } from "../harness/wait.ts";

/** Three times as long as promised from the end of the failure, for a machine that is busy with others. */
const HEALED_WITHIN_MS = 15_000;
const NODES_BACK_WITHIN_MS = 30_000;

interface World {
  cluster: ClusterOfGateways;
  gateways: readonly [ClusterGateway, ClusterGateway];
  account: Account;
  redis: () => Service;
  /** The network between the gateways and their database. */
  database: Network;
  /** One node at each gateway, with a model of its own and a shared one. */
  nodes: readonly [ScriptedNode, ScriptedNode];
  restartRedis: () => Promise<void>;
}

let world: World;

async function startWorld(env: Record<string, string> = {}): Promise<World> {
  const port = freePort();
  let redis = await startRedis(port);
  endAfterTests(() => redis.stop());
  const database = await networkTo(await createDatabase());
  const cluster = await startCluster(2, { redisUrl: redis.url, databaseUrl: database.url, env });
  const [one, other] = cluster.gateways;
  const gateways = [one!, other!] as const;
  const account = await createAccount(one!);
  const join = (gateway: ClusterGateway, own: string) =>
    connectScriptedNode({
      wire: 2,
      gateway,
      clientToken: account.clientToken,
      models: [own, "shared"],
      maxParallel: 2,
      nodeId: own,
    });
  const nodes = [await join(one!, "near"), await join(other!, "far")] as const;
  for (const node of nodes) {
    node.onCall = ({ id, stream }) => !stream && node.whole(id, `from ${node.name}`);
    await listedBy(gateways, node.name);
  }
  const restartRedis = async () => {
    redis = await startRedis(port);
  };
  return { cluster, gateways, account, redis: () => redis, database, nodes, restartRedis };
}

function call(model: string, gateway = world.gateways[0]) {
  return chat(gateway, world.account.apiToken, hello(model));
}

async function serves(model: string, gateway = world.gateways[0]): Promise<void> {
  await until(`${model} is served`, async () => {
    const answer = await call(model, gateway);
    if (answer.status === 200) return true;
    throw new Error(answer.text);
  }, HEALED_WITHIN_MS);
}

/** A stream of the first gateway, after its first piece. */
async function streaming(node: ScriptedNode, model: string) {
  node.calls.length = 0;
  const answering = stream(world.gateways[0], world.account.apiToken, hello(model));
  const { id } = await node.next();
  node.piece(id, "one");
  const { events } = await answering;
  expect((await events.next()).value).toContain("one");
  return { id, events };
}

async function readiness(gateway = world.gateways[0]) {
  const { status, json } = await ask<{ status: string; checks: Record<string, string> }>(
    `${gateway.url}/readyz`,
  );
  return { code: status, ...json };
}

async function isOk(): Promise<void> {
  await until("both gateways are ok", async () => {
    for (const gateway of world.gateways) {
      const found = await readiness(gateway);
      if (found.status !== "ok") throw new Error(JSON.stringify(found));
    }
    return true;
  }, HEALED_WITHIN_MS);
}

beforeAll(async () => world = await startWorld(), 180_000);

describe("Redis", () => {
  const outages = {
    "that hangs": {
      begin: () => Promise.resolve(world.redis().program.signal("SIGSTOP")),
      end: () => Promise.resolve(world.redis().program.signal("SIGCONT")),
    },
    "that dies and comes back empty": {
      begin: () => world.redis().program.kill(),
      end: () => world.restartRedis(),
    },
  };
  for (const [what, { begin, end }] of Object.entries(outages)) {
    test(
      `${what}: calls go on, also to nodes of the other gateway; the outage is reported, and everything recovers`,
      async () => {
        const { nodes: [near, far], gateways } = world;
        const running = await streaming(far, "far");
        await begin();
        await until("it is reported", async () => {
          // The limiter notices the outage when a call uses it.
          expect((await call("near")).status).toBe(200);
          const { status, checks, code } = await readiness();
          expect(code).toBe(200);
          return status === "degraded" && /redis/.test(checks.cluster ?? "") &&
            /redis/.test(checks.limiter ?? "");
        });
        expect((await gauges(gateways[0])).colink_cluster_redis_up).toBe(0);
        expect((await call("near")).text).toContain("from near");
        expect((await call("far")).text).toContain("from far");
        far.piece(running.id, "two");
        far.finish(running.id);
        expect((await Array.fromAsync(running.events)).at(-1)).toBe("[DONE]");

        // A node that connects now is known to its own gateway, and to the other once Redis is back.
        const late = await connectScriptedNode({
          wire: 2,
          gateway: gateways[1],
          clientToken: world.account.clientToken,
          models: [`late ${what}`],
        });
        late.onCall = ({ id }) => late.whole(id, "late");
        expect((await call(`late ${what}`, gateways[1])).status).toBe(200);
        expect((await call(`late ${what}`)).status).toBe(404);
        await end();
        await serves(`late ${what}`);
        await isOk();
        expect((await call("far")).text).toContain("from far");
        expect(near.calls.length).toBeGreaterThan(0);
        late.terminate();
      },
      180_000,
    );
  }

  test(
    "that hangs for less than a lease: penalties of one gateway reach the other afterwards",
    async () => {
      const node = await failingAt(world.gateways[0], "short outage");
      world.redis().program.signal("SIGSTOP");
      await until(
        "it is reported",
        async () => /redis/.test((await readiness()).checks.cluster ?? ""),
      );
      await call("short outage");
      world.redis().program.signal("SIGCONT");
      await isPenalized(node, world.gateways[1]);
      node.terminate();
    },
    180_000,
  );

  test(
    "whose messages to one gateway get lost, on an open connection: the gateway subscribes again",
    async () => {
      const way = await networkTo(world.redis().url);
      const deaf = await world.cluster.add({ env: { REDIS_URL: way.url } });
      const all = [...world.gateways, deaf];
      try {
        await linked(all);
        const node = await failingAt(world.gateways[0], "told to all");
        await listedBy(all, node.name);
        way.freezeThose("subscribe");
        await call("told to all");
        await isPenalized(node, deaf);
        node.terminate();
      } finally {
        await deaf.stop();
      }
      await linked(world.gateways);
    },
    180_000,
  );
});

/** Connects a node whose provider rejects its key: no request can be at fault. */
async function failingAt(gateway: ClusterGateway, model: string): Promise<ScriptedNode> {
  const node = await connectScriptedNode({
    wire: 2,
    gateway,
    clientToken: world.account.clientToken,
    models: [model],
  });
  node.onCall = ({ id }) => node.fail(id, 401);
  await listedBy(world.gateways, node.name);
  return node;
}

async function isPenalized({ name }: ScriptedNode, gateway: ClusterGateway): Promise<void> {
  await until(`${gateway.url} keeps calls from ${name}`, async () => {
    return (await listNodes(gateway)).find((node) => node.name === name)?.penalized;
  }, HEALED_WITHIN_MS);
}

describe("PostgreSQL", () => {
  test("that hangs: calls of known keys are served by nodes of every gateway", async () => {
    await call("far");
    world.database.freeze();
    expect((await call("far")).status).toBe(200);
    expect((await call("near")).status).toBe(200);
    await until("it is reported", async () => (await readiness()).status === "degraded");
    world.database.mend();
    await isOk();
  }, 180_000);
});

describe("the network between two gateways", () => {
  for (const how of ["cut", "freeze"] as const) {
    test(
      `that is ${
        how === "cut" ? "cut" : "silent"
      }: each gateway serves calls with its own nodes, no call hangs, none runs twice`,
      async () => {
        const { gateways, nodes: [near, far] } = world;
        const running = await streaming(far, "far");
        far.calls.length = near.calls.length = 0;
        for (const { network } of gateways) network[how]();
        const rest = await within("the stream's end", Array.fromAsync(running.events));
        expect(rest.at(-1)).toContain("gateway_lost");
        expect(rest).not.toContain("[DONE]");
        await within("the cancel at the node", far.cancelOf(running.id));
        far.fail(running.id, 499);
        await until("it is reported", async () => {
          return /1 of 2 gateways cannot be reached/.test((await readiness()).checks.cluster ?? "");
        });
        const refused = await call("far");
        expect(refused.status).toBe(503);
        expect(refused.json.error.code).toBe("no_node_online");
        const answers = await Promise.all(Array.from({ length: 10 }, () => call("shared")));
        expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
        expect(near.calls).toHaveLength(10);
        expect(far.calls).toHaveLength(0);
        for (const { network } of gateways) network.mend();
        await linked(gateways);
        await serves("far");
        expect((await listNodes(gateways[0])).map(({ penalized }) => penalized)).toEqual([
          false,
          false,
        ]);
      },
      180_000,
    );
  }
});

describe("a gateway that is killed", () => {
  test(
    "its callers' streams end without [DONE], and its nodes are back at another gateway within 10 s",
    async () => {
      const { cluster, gateways: [survivor], account } = world;
      const victim = await cluster.add();
      await linked([...world.gateways, victim]);
      const upstream = startUpstream();
      const node = await startNode({
        gateway: victim,
        serverUrls: [survivor.wsUrl],
        clientToken: account.clientToken,
        name: "refugee",
        providers: [{
          type: "openai",
          api_key: "sk",
          base_url: upstream.url,
          models: [{ local: "local", server_mapping: "refugee" }],
        }],
      });
      await listedBy([survivor], "refugee");
      expect((await call("refugee")).status).toBe(200);
      const { nodes: [, far] } = world;
      far.calls.length = 0;
      const answering = stream(victim, account.apiToken, hello("far"));
      const { id } = await far.next();
      far.piece(id, "one");
      const { events } = await answering;
      expect((await events.next()).value).toContain("one");
      await victim.kill();
      // No SDK takes a closed connection for the end of an answer.
      const rest = await within(
        "the stream's end",
        Array.fromAsync(events).catch(() => ["cut off"]),
      );
      expect(rest).not.toContain("[DONE]");
      await within("the cancel at the node", far.cancelOf(id));
      far.fail(id, 499);
      await until(
        "the node is back",
        async () => (await call("refugee")).status === 200,
        NODES_BACK_WITHIN_MS,
      );
      await linked(world.gateways);
      await node.stop();
    },
    180_000,
  );
});

describe("Redis, PostgreSQL and a gateway, all failing at once", () => {
  test(
    "the remaining gateway serves calls with its own nodes, and everything recovers by itself",
    async () => {
      const { cluster, gateways: [survivor], nodes: [near] } = world;
      const victim = await cluster.add();
      await linked([...world.gateways, victim]);
      await world.redis().program.kill();
      world.database.cut();
      await victim.kill();
      expect((await call("near")).text).toContain("from near");
      expect(near.calls.length).toBeGreaterThan(0);
      world.database.mend();
      await world.restartRedis();
      await linked(world.gateways);
      await serves("far", survivor);
      await isOk();
      const { colink_ledger_pending } = await gauges(survivor);
      expect(colink_ledger_pending).toBeLessThan(10);
    },
    180_000,
  );
});

afterAll(() => world?.redis().stop(), 180_000);
