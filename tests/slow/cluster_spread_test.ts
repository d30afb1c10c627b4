/** Nodes that spread over the gateways again, while calls run and none of them notices. */

import { expect, test } from "bun:test";
import { freePort } from "../../scripts/free_port.ts";
import { createAccount } from "../harness/account.ts";
import { hello, stream } from "../harness/api.ts";
import { type ClusterGateway, gauges, linked, startCluster } from "../harness/cluster.ts";
import { listNodes, startNode } from "../harness/node.ts";
import { pieces, startUpstream } from "../harness/upstream.ts";
import { until, within } from "../harness/wait.ts";

const NODES = 6;
const CALLERS = 2;
const SPREAD_WITHIN_MS = 90_000;
const TEXTS = Array.from({ length: 10 }, (_, i) => `${i} `);
const PAUSE_MS = 25;

/** How many of the nodes each gateway has. */
async function counts(gateways: readonly ClusterGateway[]): Promise<number[]> {
  return await Promise.all(gateways.map(async (gateway) => {
    const { colink_cluster_nodes_away: away = NaN } = await gauges(gateway);
    return (await listNodes(gateway)).length - away;
  }));
}

async function areSpread(gateways: readonly ClusterGateway[]): Promise<void> {
  await until("each gateway has its share", async () => {
    const found = await counts(gateways);
    const most = NODES / gateways.length + 1;
    if (found.every((count) => count > 0 && count <= most)) return true;
    throw new Error(found.join(", "));
  }, SPREAD_WITHIN_MS);
}

test("six nodes at one gateway move to two that join, and back to one that was lost", async () => {
  const ports = [freePort(), freePort(), freePort()];
  const urls = ports.map((port) => `ws://127.0.0.1:${port}/ws`);
  const cluster = await startCluster(0);
  const startAt = (i: number) => cluster.add({ env: { PORT: String(ports[i]) } });
  const one = await startAt(0);
  const account = await createAccount(one);
  const upstream = startUpstream({ local: pieces(TEXTS, PAUSE_MS) });
  const [first = "", second = "", third = ""] = urls;
  await Promise.all(Array.from({ length: NODES }, (_, i) =>
    startNode({
      gateway: { url: one.url, wsUrl: first },
      serverUrls: i % 2 === 0 ? [second, third] : [third, second],
      clientToken: account.clientToken,
      name: `node-${i}`,
      providers: [{
        type: "openai",
        api_key: "sk-upstream",
        base_url: upstream.url,
        models: [{ local: "local", server_mapping: "shared" }],
      }],
    })));

  let isOver = false;
  let answered = 0;
  const failures: unknown[] = [];
  const callers = Array.from({ length: CALLERS }, async () => {
    while (!isOver) {
      try {
        const { events } = await stream(one, account.apiToken, hello("shared"));
        expect((await Array.fromAsync(events)).at(-1)).toBe("[DONE]");
        answered++;
      } catch (error) {
        failures.push(error);
      }
    }
  });
  const gateways = [one, await startAt(1), await startAt(2)];
  await linked(gateways);
  await areSpread(gateways);
  isOver = true;
  await within("the last calls", Promise.all(callers));
  expect(failures).toEqual([]);
  expect(answered).toBeGreaterThan(CALLERS);

  await gateways[2]!.kill();
  const rest = gateways.slice(0, 2);
  await until("its nodes are at the others", async () => {
    return (await counts(rest)).reduce((sum, count) => sum + count) === NODES;
  }, SPREAD_WITHIN_MS);
  gateways[2] = await startAt(2);
  await linked(gateways);
  await areSpread(gateways);
}, 300_000);
