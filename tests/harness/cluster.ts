/** Several gateways as one network: real processes on one database and one Redis. */

import { createDatabase } from "./database.ts";
import { type Gateway, type GatewayOptions, startGateway } from "./gateway.ts";
import { ask } from "./api.ts";
import { type Network, networkTo } from "./network.ts";
import { listNodes } from "./node.ts";
import { freePort } from "../../scripts/free_port.ts";
import { until } from "./wait.ts";

export interface ClusterOptions {
  /** Default: the Redis of the test command. */
  redisUrl?: string;
  databaseUrl?: string;
  /** Settings of every gateway. */
  env?: Record<string, string>;
}

export interface ClusterGateway extends Gateway {
  /** The network between the other gateways and this one. */
  readonly network: Network;
}

export interface ClusterOfGateways {
  readonly databaseUrl: string;
  /** Settings with which a command of the program finds the network's database. */
  readonly env: Record<string, string>;
  readonly gateways: readonly ClusterGateway[];
  /** Starts one more gateway. */
  add(options?: GatewayOptions): Promise<ClusterGateway>;
}

/** Resolves once all gateways can reach each other. */
export async function startCluster(
  count: number,
  options: ClusterOptions = {},
): Promise<ClusterOfGateways> {
  const databaseUrl = options.databaseUrl ?? await createDatabase();
  const redisUrl = options.redisUrl ?? testRedisUrl();
  const secret = crypto.randomUUID() + crypto.randomUUID();
  const add = async (own: GatewayOptions = {}) => {
    const port = Number(own.env?.PORT ?? freePort());
    const network = await networkTo(`http://127.0.0.1:${port}`);
    const gateway = await startGateway({
      ...own,
      env: {
        PORT: String(port),
        DATABASE_URL: databaseUrl,
        REDIS_URL: redisUrl,
        JWT_SECRET: secret,
        COLINK_ADVERTISE_URL: network.url.replace(/\/$/, ""),
        ...options.env,
        ...own.env,
      },
    });
    return { ...gateway, network };
  };
  const gateways = await Promise.all(Array.from({ length: count }, () => add()));
  await linked(gateways);
  return { databaseUrl, env: { DATABASE_URL: databaseUrl, JWT_SECRET: secret }, gateways, add };
}

/** Resolves once each gateway can reach all others, and counts no more members than these. */
export async function linked(gateways: readonly { url: string }[]): Promise<void> {
  for (const gateway of gateways) {
    await until(`${gateway.url} reaches ${gateways.length} gateways`, async () => {
      const seen = await gauges(gateway);
      const { colink_cluster_gateways: live, colink_cluster_gateways_reachable: reachable } = seen;
      if (live === gateways.length && reachable === gateways.length) return true;
      throw new Error(`${live} live, ${reachable} reachable`);
    });
  }
}

/** The metrics of the gateway that have no labels. */
export async function gauges({ url }: { url: string }): Promise<Record<string, number>> {
  const { text } = await ask(`${url}/metrics`);
  const lines = text.split("\n").filter((line) => /^\w+ [-\d.e+]+$/.test(line));
  return Object.fromEntries(lines.map((line) => {
    const [name = "", value] = line.split(" ");
    return [name, Number(value)];
  }));
}

/** Resolves once every gateway lists the node. */
export async function listedBy(gateways: readonly { url: string }[], name: string): Promise<void> {
  for (const { url } of gateways) {
    await until(`${url} lists ${name}`, async () => {
      return (await listNodes({ url })).some((node) => node.name === name);
    });
  }
}

export function testRedisUrl(): string {
  const url = process.env.TEST_REDIS_URL;
  if (url === undefined) {
    throw new Error("Cannot find Redis: TEST_REDIS_URL is not set; use `bun run test FILE`");
  }
  return url;
}
