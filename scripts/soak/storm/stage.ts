/** A gateway, a node that streams and a crowd of thousands that is there to be many: what a reconnect storm needs. */

import { join } from "node:path";
import { type Account, createAccount } from "../../../tests/harness/account.ts";
import { endAfterTests } from "../../../tests/harness/cleanup.ts";
import { type Gateway, startGateway } from "../../../tests/harness/gateway.ts";
import { type RunningNode, startNode } from "../../../tests/harness/node.ts";
import { RELAYED_MODEL } from "../../bench/chat.ts";
import { connectedNodes } from "../../bench/gateway.ts";
import { startUpstream, type Upstream } from "../../bench/stage.ts";
import { startWorker } from "../../bench/worker.ts";
import { freePort } from "../../free_port.ts";
import { withAllDescriptors } from "../descriptors.ts";
import { type Gaps, PacedStreams, wholeOnly } from "../streams.ts";
import type { CrowdOrder } from "./node_crowd.ts";

const CROWDS = 2;
export const STREAMS = 50;

/** All must be back so soon after the gateway listens again. */
const BACK_WITHIN_MS = 90_000;

/** Between one node of the crowd and the next that is switched on. */
const START_EVERY_MS = 1;
const STARTED_WITHIN_MS = 180_000;

export interface Restart {
  /** From the moment that the gateway listened again. */
  backMs: number;
  /** Of the streams that ran until everybody was back. */
  gaps: Gaps;
}

/** Ends with the tests or the campaign that started it. */
export class StormStage {
  #nodes = 0;

  private constructor(
    private gateway: Gateway,
    private steady: RunningNode,
    private readonly owner: Account,
    private readonly upstream: Upstream,
    private readonly env: Record<string, string>,
    private readonly progress: (state: string) => void,
  ) {}

  static async start(progress: (state: string) => void = () => {}): Promise<StormStage> {
    const env = { PORT: String(freePort()), COLINK_DRAIN_SECONDS: "1" };
    const gateway = await startGateway({ env, through: withAllDescriptors });
    const upstream = await startUpstream();
    endAfterTests(() => upstream.stop());
    const owner = await createAccount(gateway);
    const steady = await startSteadyNode(gateway, owner, upstream);
    return new StormStage(gateway, steady, owner, upstream, env, progress);
  }

  /** Resolves with the milliseconds that they took once all are connected. */
  async startCrowd(nodes: number): Promise<number> {
    const startedMs = performance.now();
    this.#nodes = nodes;
    for (let i = 0; i < CROWDS; i++) {
      const crowd = startWorker(join(import.meta.dir, "node_crowd.ts"));
      endAfterTests(() => crowd.stop());
      const order: CrowdOrder = {
        wsUrl: this.gateway.wsUrl,
        token: this.owner.clientToken,
        model: "crowd",
        count: Math.floor(nodes / CROWDS) + (i < nodes % CROWDS ? 1 : 0),
        startWithinMs: nodes * START_EVERY_MS,
      };
      crowd.send(order);
    }
    await this.#allConnected(STARTED_WITHIN_MS);
    return performance.now() - startedMs;
  }

  /** Restarts the gateway, and reads streams of the steady node until everybody is back. */
  async restart(signal: "SIGTERM" | "SIGKILL"): Promise<Restart> {
    await this.steady.kill();
    if (signal === "SIGTERM") await this.gateway.stop();
    else await this.gateway.kill();
    const { dataDir } = this.gateway;
    this.gateway = await startGateway({ env: this.env, dataDir, through: withAllDescriptors });
    const listeningMs = performance.now();
    this.steady = await startSteadyNode(this.gateway, this.owner, this.upstream);
    const streams = await this.#beginStreams();
    await this.#allConnected(BACK_WITHIN_MS);
    const backMs = performance.now() - listeningMs;
    return { backMs, gaps: wholeOnly(await streams.end()) };
  }

  /** What the streams are like while nothing happens. */
  async streamsFor(ms: number): Promise<Gaps> {
    const streams = await this.#beginStreams();
    await Bun.sleep(ms);
    return wholeOnly(await streams.end());
  }

  #beginStreams(): Promise<PacedStreams> {
    const target = { port: Number(new URL(this.gateway.url).port), token: this.owner.apiToken };
    return PacedStreams.begin(target, "steady", STREAMS);
  }

  /** Resolves once the gateway counts the crowd and the steady node. */
  async #allConnected(withinMs: number): Promise<void> {
    const wanted = this.#nodes + 1;
    const untilMs = performance.now() + withinMs;
    for (;;) {
      const nodes = await connectedNodes(this.gateway.url);
      if (nodes === wanted) return;
      this.progress(`${nodes} of ${wanted} nodes are connected`);
      if (performance.now() > untilMs) {
        throw new Error(`${nodes} of ${wanted} nodes were connected after ${withinMs / 1000} s`);
      }
      await Bun.sleep(100);
    }
  }
}

/** Another machine's node, which is not part of the storm and streams through it. */
function startSteadyNode(
  gateway: Gateway,
  { clientToken }: Account,
  { port }: Upstream,
): Promise<RunningNode> {
  return startNode({
    gateway,
    name: "steady",
    clientToken,
    maxParallel: 2 * STREAMS,
    providers: [{
      type: "openai",
      api_key: "sk-upstream",
      base_url: `http://127.0.0.1:${port}/v1`,
      models: [{ local: RELAYED_MODEL, server_mapping: "steady" }],
    }],
  });
}
