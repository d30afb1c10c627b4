/** Thousands of nodes lose their gateway at once, and come back while others stream. */

import { join } from "node:path";
import { type Account, createAccount } from "../../tests/harness/account.ts";
import { endAfterTests } from "../../tests/harness/cleanup.ts";
import { type Gateway, startGateway } from "../../tests/harness/gateway.ts";
import { type RunningNode, startNode } from "../../tests/harness/node.ts";
import { RELAYED_MODEL } from "../bench/chat.ts";
import { connectedNodes } from "../bench/gateway.ts";
import { startUpstream, type Upstream } from "../bench/stage.ts";
import { startWorker } from "../bench/worker.ts";
import { freePort } from "../free_port.ts";
import type { Campaign, CampaignOptions } from "./campaign.ts";
import { needDescriptors, withAllDescriptors } from "./descriptors.ts";
import type { CrowdOrder } from "./storm/node_crowd.ts";
import { type Gaps, PacedStreams, shownGaps, wholeOnly } from "./streams.ts";

const NODES = 10_000;
const CROWDS = 2;
const STREAMS = 50;

/** All must be back so soon after the gateway listens again. */
const BACK_WITHIN_MS = 90_000;

/** From the first to the last node of a crowd that is switched on. */
const START_WITHIN_MS = 10_000;
const STARTED_WITHIN_MS = 180_000;

/** How long the streams are read while nothing happens, to compare with. */
const QUIET_MS = 6_000;

/** Database, log, callers, and the like. */
const OTHER_DESCRIPTORS = 500;

export const storm: Campaign = {
  name: "storm",
  about:
    "10,000 nodes (--runs N: N nodes) come back to a gateway that was restarted, among streams",
  run: (options) => whirl(options),
};

interface Stage {
  gateway: Gateway;
  owner: Account;
  upstream: Upstream;
  env: Record<string, string>;
}

async function whirl({ runs: nodes = NODES, progress }: CampaignOptions): Promise<string> {
  needDescriptors(nodes + OTHER_DESCRIPTORS);
  const stage = await setStage();
  const steady = await startSteadyNode(stage);
  const started = await startCrowds(stage, nodes, progress);
  const quiet = wholeOnly(await streamsFor(stage, QUIET_MS));
  const soft = await restart(stage, nodes, steady, "SIGTERM", progress);
  const hard = await restart(stage, nodes, soft.steady, "SIGKILL", progress);
  return `${nodes} nodes connected within ${seconds(started)}; ` +
    `back within ${seconds(soft.backMs)} after SIGTERM, ${seconds(hard.backMs)} after SIGKILL; ` +
    `gaps of ${STREAMS} streams at 50 ms: quiet ${shownGaps(quiet)}; ` +
    `after SIGTERM ${shownGaps(soft.gaps)}; after SIGKILL ${shownGaps(hard.gaps)}`;
}

async function setStage(): Promise<Stage> {
  const env = { PORT: String(freePort()), COLINK_DRAIN_SECONDS: "1" };
  const gateway = await startGateway({ env, through: withAllDescriptors });
  const upstream = await startUpstream();
  endAfterTests(() => upstream.stop());
  return { gateway, owner: await createAccount(gateway), upstream, env };
}

/** Another machine's node, which is not part of the storm and streams through it. */
async function startSteadyNode({ gateway, owner, upstream }: Stage): Promise<RunningNode> {
  return await startNode({
    gateway,
    name: "steady",
    clientToken: owner.clientToken,
    maxParallel: 2 * STREAMS,
    providers: [{
      type: "openai",
      api_key: "sk-upstream",
      base_url: `http://127.0.0.1:${upstream.port}/v1`,
      models: [{ local: RELAYED_MODEL, server_mapping: "steady" }],
    }],
  });
}

/** Resolves with the milliseconds that they took once all are connected. */
async function startCrowds(
  { gateway, owner }: Stage,
  nodes: number,
  progress: CampaignOptions["progress"],
): Promise<number> {
  const startedMs = performance.now();
  for (let i = 0; i < CROWDS; i++) {
    const crowd = startWorker(join(import.meta.dir, "storm", "node_crowd.ts"));
    endAfterTests(() => crowd.stop());
    const order: CrowdOrder = {
      wsUrl: gateway.wsUrl,
      token: owner.clientToken,
      model: "crowd",
      count: Math.floor(nodes / CROWDS) + (i < nodes % CROWDS ? 1 : 0),
      startWithinMs: START_WITHIN_MS,
    };
    crowd.send(order);
  }
  await connected(gateway, nodes + 1, STARTED_WITHIN_MS, progress);
  return performance.now() - startedMs;
}

interface Restart {
  /** From the moment that the gateway listened again. */
  backMs: number;
  gaps: Gaps;
  steady: RunningNode;
}

/** Restarts the gateway, and reads streams of the steady node until everybody is back. */
async function restart(
  stage: Stage,
  nodes: number,
  before: RunningNode,
  signal: "SIGTERM" | "SIGKILL",
  progress: CampaignOptions["progress"],
): Promise<Restart> {
  await before.kill();
  if (signal === "SIGTERM") await stage.gateway.stop();
  else await stage.gateway.kill();
  const { dataDir } = stage.gateway;
  stage.gateway = await startGateway({ env: stage.env, dataDir, through: withAllDescriptors });
  const listeningMs = performance.now();
  const steady = await startSteadyNode(stage);
  const streams = await beginStreams(stage);
  await connected(stage.gateway, nodes + 1, BACK_WITHIN_MS, progress);
  const backMs = performance.now() - listeningMs;
  return { backMs, gaps: wholeOnly(await streams.end()), steady };
}

/** Resolves once the gateway counts so many nodes. */
async function connected(
  { url }: Gateway,
  wanted: number,
  withinMs: number,
  progress: CampaignOptions["progress"],
): Promise<void> {
  const untilMs = performance.now() + withinMs;
  for (;;) {
    const nodes = await connectedNodes(url);
    if (nodes === wanted) return;
    progress(`${nodes} of ${wanted} nodes are connected`);
    if (performance.now() > untilMs) {
      throw new Error(`${nodes} of ${wanted} nodes were connected after ${seconds(withinMs)}`);
    }
    await Bun.sleep(100);
  }
}

function beginStreams({ gateway, owner }: Stage): Promise<PacedStreams> {
  const target = { port: Number(new URL(gateway.url).port), token: owner.apiToken };
  return PacedStreams.begin(target, "steady", STREAMS);
}

async function streamsFor(stage: Stage, ms: number): Promise<Gaps> {
  const streams = await beginStreams(stage);
  await Bun.sleep(ms);
  return await streams.end();
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
