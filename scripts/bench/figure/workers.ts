/** What a second worker process brings: calls that come in at one worker, nodes that are at any. */

import { join } from "node:path";
import { startPostgres } from "../../testing/postgres.ts";
import { startRedis } from "../../testing/redis.ts";
import { reaches } from "../cluster/measure.ts";
import { type Cores, pinTree } from "../cores.ts";
import { Crowd } from "../crowd.ts";
import { type Gateway, startGateway } from "../gateway.ts";
import { interleaved, over } from "../rounds.ts";
import { atLeast, type Row } from "../row.ts";
import type { Bench } from "../stage.ts";
import { cpuPerCall, gatewaySample } from "../wrk_sample.ts";
import type { StagedFigure } from "./figure.ts";

const CONNECTIONS = 50;
const MODEL = "bench-workers";
/** The system deals their connections out among the workers, as it does those of callers. */
const NODES = 100;
const SECRET = "0123456789abcdef".repeat(4);

export const workersFigure: StagedFigure = {
  name: "workers",
  about: "one and two worker processes",
  measure: ({ bench }) => measure(bench),
};

async function measure(bench: Bench): Promise<Row[]> {
  const { size, cores } = bench;
  const one = await Workers.start(bench, 1);
  const two = await Workers.start(bench, 2);
  const { measured } = cores;
  for (const workers of [one, two]) await workers.warmUp(measured, size.warmUpCalls);
  const everywhere = `${cores.rest},${measured}`;
  const on = (cores: string) =>
    interleaved({ one: () => one.sample(cores), two: () => two.sample(cores) }, size);
  const pinned = await on(measured);
  const free = await on(everywhere);
  await one.stop();
  await two.stop();
  const of = (count: string) => `${count}, ${NODES} nodes, ${CONNECTIONS} connections`;
  return [
    {
      figure: `CPU per request of ${of("1 worker")}`,
      unit: "µs",
      gateway: over(pinned, (r) => cpuPerCall(r.one, "gateway")),
      conditions: pinned.conditions,
    },
    {
      figure: `CPU per request of ${of("2 workers")}, both together`,
      unit: "µs",
      gateway: over(pinned, (r) => cpuPerCall(r.two, "gateway")),
      compared: over(
        pinned,
        (r) => 2 * cpuPerCall(r.one, "gateway") / cpuPerCall(r.two, "gateway"),
      ),
      goal: atLeast(1.8, "× 1 worker, with a core each"),
      conditions: pinned.conditions,
      note: "What two workers serve with a core each follows from their CPU for a request: the " +
        "machine may have no core to spare for load, nodes, Redis and PostgreSQL, whose CPU is not counted.",
    },
    {
      figure: `Requests per second of ${of("1 worker")}, all on the same cores`,
      unit: "1/s",
      gateway: over(free, (r) => r.one.perSecond),
      conditions: free.conditions,
    },
    {
      figure: `Requests per second of ${of("2 workers")}, all on the same cores`,
      unit: "1/s",
      gateway: over(free, (r) => r.two.perSecond),
      conditions: free.conditions,
    },
  ];
}

class Workers {
  private constructor(
    private readonly bench: Bench,
    private readonly count: number,
    private readonly gateway: Gateway,
    private readonly crowd: Crowd,
    private readonly stores: { stop(): Promise<void> }[],
  ) {}

  static async start(bench: Bench, workers: number): Promise<Workers> {
    const folder = join(bench.folder, `workers-${workers}`);
    const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    const env = { DATABASE_URL: postgres.url, REDIS_URL: redis.url, JWT_SECRET: SECRET };
    const cores = bench.cores.measured;
    const gateway = await startGateway({ folder, cores, env, workers });
    await reaches(gateway.url, workers);
    const crowd = new Crowd(gateway);
    await crowd.grow(MODEL, NODES);
    return new Workers(bench, workers, gateway, crowd, [postgres, redis]);
  }

  /** `calls`: of each worker. */
  async warmUp(cores: Cores["measured"], calls: number): Promise<void> {
    for (let left = calls * this.count; left > 0;) left -= (await this.sample(cores)).requests;
  }

  async sample(cores: Cores["measured"]) {
    await pinTree(this.gateway.process.pid, cores);
    return await gatewaySample(this.bench, this.gateway, MODEL, CONNECTIONS);
  }

  async stop(): Promise<void> {
    await this.crowd.stop();
    await this.gateway.process.stop();
    for (const store of this.stores) await store.stop();
  }
}
