/** Somebody who can write to the gateways' Redis, and has not their secret. */

import { beforeAll, describe, expect, test } from "bun:test";
import { Redis } from "ioredis";
import { freePort } from "../../scripts/free_port.ts";
import { startRedis } from "../../scripts/testing/redis.ts";
import { type Account, createAccount } from "../harness/account.ts";
import { chat, hello } from "../harness/api.ts";
import { joinBystander, whileWatched } from "../harness/bystander.ts";
import { endAfterTests } from "../harness/cleanup.ts";
import { type ClusterGateway, gauges, linked, listedBy, startCluster } from "../harness/cluster.ts";
import type { JoinedNode } from "../harness/joined_node.ts";
import { listNodes } from "../harness/node.ts";
import { until } from "../harness/wait.ts";

const YEAR_MS = 365 * 86_400_000;
/** An id before all others, in their order. */
const FORGED = "gw-!";
const ROUNDS = 60;
const PAUSE_MS = 50;

let gateways: [ClusterGateway, ClusterGateway];
let owner: Account;
/** Connected to the second gateway; the bystander calls the first. */
let node: JoinedNode;
let redis: Redis;
/** Connections to the address that the attacker gives out as a gateway's. */
let caught = 0;
let trap: string;

beforeAll(async () => {
  const service = await startRedis(freePort());
  endAfterTests(() => service.stop());
  const cluster = await startCluster(0, { redisUrl: service.url });
  // Their addresses are not of this machine alone, as far as it has others: the frames are sealed.
  const env = { COLINK_HOST: "0.0.0.0", COLINK_ADVERTISE_URL: "" };
  gateways = [await cluster.add({ env }), await cluster.add({ env })];
  await linked(gateways);
  owner = await createAccount(gateways[0]);
  node = await joinBystander(gateways[1], owner);
  await listedBy(gateways, node.nodeId);
  redis = new Redis(service.url);
  endAfterTests(() => redis.disconnect());
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { open: () => void caught++, data() {} },
  });
  endAfterTests(() => server.stop(true));
  trap = `http://127.0.0.1:${server.port}`;
}, 180_000);

async function key(name: string): Promise<string> {
  return await until(`Redis has ${name}`, async () => {
    return (await redis.keys(`colink:*:${name}`))[0] ?? false;
  });
}

/** Runs the attack again and again; the bystander must not notice. */
async function unnoticed(attack: () => Promise<unknown>): Promise<void> {
  const seen = await whileWatched(gateways[0], owner, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      await attack();
      await Bun.sleep(PAUSE_MS);
    }
  });
  expect(seen.failures).toEqual([]);
  expect(seen.served).toBeGreaterThan(5);
  expect(seen.grownMiB).toBeLessThan(160);
  for (const gateway of gateways) {
    expect(await listNodes(gateway)).toMatchObject([{ name: node.nodeId, penalties: [] }]);
  }
}

describe("somebody who writes to Redis without the secret", () => {
  test("cannot have a gateway dialled at another address", async () => {
    const presences = await key("gateways");
    await unnoticed(async () => {
      const { [FORGED]: _, ...all } = await redis.hgetall(presences);
      for (const [id, signed] of Object.entries(all)) {
        const moved = signed.replace(/"url":"[^"]+"/, `"url":"${trap}"`);
        await redis.hset(presences, id, moved);
        // Ids decide who dials: both gateways dial this one.
        await redis.hset(presences, FORGED, moved.replaceAll(id, FORGED));
      }
    });
    expect(caught).toBe(0);
    await redis.del(presences);
    await linked(gateways);
  }, 180_000);

  test("cannot keep a node out with a penalty of a year", async () => {
    const identity = await theNodeKey();
    const field = JSON.stringify([identity, null]);
    const penalties = `${(await key("gateways")).replace(/gateways$/, "penalties")}`;
    const channel = penalties.replace(/penalties$/, "changes");
    await unnoticed(async () => {
      const until = Date.now() + YEAR_MS;
      const penalty = {
        ...{ identity, model: null, code: "upstream_error", reason: "no", faults: 9 },
        ...{ until, at: Date.now() },
      };
      await redis.hset(penalties, field, `signed ${JSON.stringify(penalty)}`);
      const message = { is: "penalty", from: "gw-x", penalty };
      await redis.publish(channel, JSON.stringify(message));
      const stamped = JSON.stringify({ at: Date.now(), n: 1e12, value: message });
      await redis.publish(channel, `signed ${stamped}`);
    });
  }, 180_000);

  test("cannot bring back what was: every message and record, again and again", async () => {
    const spy = redis.duplicate();
    const heard: string[] = [];
    const presences = await key("gateways");
    await spy.subscribe(presences.replace(/gateways$/, "changes"));
    spy.on("message", (_channel, text) => void heard.push(text));
    const nodesKey = await until("the node's record", async () => {
      for (const one of await redis.keys("colink:*:nodes")) {
        if ((await redis.hlen(one)) > 2) return one;
      }
      return false;
    });
    const before = await redis.hgetall(nodesKey);
    // A node that comes and goes: afterwards its record and its messages are of the past.
    const passing = await joinBystander(gateways[1], owner, "passing-model");
    await listedBy(gateways, passing.nodeId);
    const during = await redis.hgetall(nodesKey);
    passing.raw.socket.close();
    await until("it is gone", async () => (await listNodes(gateways[0])).length === 1);
    const presence = await redis.hgetall(presences);
    await unnoticed(async () => {
      for (const text of heard.slice(0, 20)) {
        await redis.publish(presences.replace(/gateways$/, "changes"), text);
      }
      await redis.hset(nodesKey, { ...during, ...before });
      await redis.hset(presences, presence);
    });
    const { status } = await chat(gateways[0], owner.apiToken, hello("passing-model"));
    expect(status).toBe(503);
    spy.disconnect();
    await redis.del(presences);
    await linked(gateways);
    await until("one node is known to be at the other gateway", async () => {
      return (await gauges(gateways[0])).colink_cluster_nodes_away === 1;
    });
  }, 180_000);
});

/** As the gateways write it to Redis, which is no secret from somebody who reads there. */
async function theNodeKey(): Promise<string> {
  return await until("the node's record", async () => {
    for (const one of await redis.keys("colink:*:nodes")) {
      for (const text of Object.values(await redis.hgetall(one))) {
        const found = /"identity":"([^"]+)"/.exec(text);
        if (found) return found[1]!;
      }
    }
    return false;
  });
}
