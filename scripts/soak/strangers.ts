/** Every attack of a stranger at once, on three gateways that serve others: the others must not notice. */

import { join } from "node:path";
import { createAccount } from "../../tests/harness/account.ts";
import { endAfterTests } from "../../tests/harness/cleanup.ts";
import { type ClusterGateway, startCluster } from "../../tests/harness/cluster.ts";
import { runGateway } from "../../tests/harness/gateway.ts";
import { startWorker } from "../bench/worker.ts";
import { startRedis } from "../testing/redis.ts";
import { type Campaign, type CampaignOptions, Skipped } from "./campaign.ts";
import { withPostgres } from "./postgres.ts";
import type { AttackersOrder, AttackersReport } from "./strangers/attackers.ts";
import { type Kind, KINDS } from "./strangers/kinds.ts";
import {
  beyond,
  type Parts,
  partsOf,
  shownSpent,
  Spending,
  type Spent,
} from "./strangers/spending.ts";
import { HonestLoad, type Service, shownService } from "./strangers/honest_load.ts";
import { GatewayWatch, shownWatch, type WatchResult } from "./strangers/gateway_watch.ts";

const MINUTES = 10;
const GATEWAYS = 3;

const kinds = Object.keys(KINDS) as Kind[];

/** An extra: each kind alone, for so long, and what it costs. */
const COSTS = "costs";
const WEIGHING_MINUTES = 1 / 6;
const SETTLE_MS = 1500;

/** So much of the attacks' time is spent without them before, and again afterwards, to compare with. */
const REST_SHARE = 0.15;

/** As operators get them, in place of the harness's, which are none. */
const LIMITS = {
  COLINK_TRUSTED_PROXIES: "127.0.0.1",
  COLINK_DEFAULT_RPM: "60",
  COLINK_SIGN_INS_PER_MINUTE: "30",
  COLINK_ACCOUNTS_PER_HOUR: "30",
  COLINK_REFUSED_PER_MINUTE: "60",
};

const GOALS = {
  okShare: 0.999,
  /** Times the p99 at rest. */
  slowdown: 2,
  grownMiB: 64,
  longestBlockMs: 100,
};

export const strangers: Campaign = {
  name: "strangers",
  about: "ten minutes (--minutes N, --seconds N) of every attack at once, on three gateways",
  extras: [COSTS],
  kinds,
  run: (options) => withPostgres(() => run(options)),
};

interface Network {
  gateways: readonly ClusterGateway[];
  databaseUrl: string;
  redisUrl: string;
  /** Null where processor time cannot be told apart. */
  parts: Parts | null;
  load: HonestLoad;
  /** The e-mail address of the account that calls. */
  victim: string;
}

async function run(options: CampaignOptions): Promise<string> {
  const network = await startNetwork();
  return await (options.extras.has(COSTS) ? weigh : besiege)(network, options);
}

/** All kinds at once, beside honest load. */
async function besiege(network: Network, options: CampaignOptions): Promise<string> {
  const { gateways, databaseUrl, parts, load } = network;
  const { minutes = MINUTES, progress } = options;
  const attackers = hire(network);
  const restMs = minutes * 60_000 * REST_SHARE;
  progress(`${GATEWAYS} gateways at rest`);
  const before = await spentDuring(parts, () => load.serveFor(restMs));
  await attackers.begin(chosen(options));
  const watches = gateways.map((one) => GatewayWatch.begin(one));
  const siege = await spentDuring(parts, () => load.serveFor(minutes * 60_000, progress));
  const watched = await Promise.all(watches.map((watch) => watch.end()));
  const attacks = await attackers.end();
  const after = await spentDuring(parts, () => load.serveFor(restMs));
  // Whatever else the machine does changes meanwhile.
  const rest = before.result.p99Ms > after.result.p99Ms ? before.result : after.result;
  const lost = await load.rowsLost(databaseUrl);

  const faults = faultsOf({ rest, siege: siege.result, watched, lost, attacks });
  const result = [
    `${attacks.kinds} kinds of attack, ${attacks.rounds} rounds`,
    `honest calls: ${shownPhase(siege)}`,
    `at rest: ${shownPhase(before)}`,
    `afterwards: ${shownPhase(after)}`,
    `${lost} rows lost`,
    ...watched.map(shownWatch),
  ].join("\n    ");
  if (faults.length > 0) throw new Error(`${faults.join("; ")}:\n    ${result}`);
  return result;
}

/** Each kind alone, without honest load: what it costs beyond a network at rest. */
async function weigh(network: Network, options: CampaignOptions): Promise<string> {
  const { gateways, parts } = network;
  const { minutes = WEIGHING_MINUTES, progress } = options;
  if (parts === null) throw new Skipped("needs Linux, which tells whose processor time is whose");
  const forMs = minutes * 60_000;
  const rest = await spentDuring(parts, () => Bun.sleep(forMs));
  const lines = [`at rest: ${shownSpent(rest.spent!)}`];
  for (const kind of chosen(options)) {
    progress(kind);
    const attackers = hire(network);
    await attackers.begin([kind]);
    const watches = gateways.map((one) => GatewayWatch.begin(one));
    const { spent } = await spentDuring(parts, () => Bun.sleep(forMs));
    const watched = await Promise.all(watches.map((watch) => watch.end()));
    const { rounds } = await attackers.end();
    await attackers.leave();
    const longestBlockMs = Math.max(...watched.map(({ longestBlockMs }) => longestBlockMs));
    lines.push(
      `${kind}: ${shownSpent(beyond(spent!, rest.spent!))}; ${rounds} rounds, ` +
        `loop blocked for ${longestBlockMs} ms or less`,
    );
    // What it left behind is not the next one's.
    await Bun.sleep(SETTLE_MS);
  }
  return lines.join("\n    ");
}

function chosen({ only }: CampaignOptions): Kind[] {
  return kinds.filter((kind) => only.size === 0 || only.has(kind));
}

interface Phase<T> {
  result: T;
  spent: Spent | null;
}

async function spentDuring<T>(parts: Parts | null, work: () => Promise<T>): Promise<Phase<T>> {
  const spending = parts === null ? null : Spending.begin(parts);
  const result = await work();
  return { result, spent: spending?.end() ?? null };
}

function shownPhase({ result, spent }: Phase<Service>): string {
  return shownService(result) + (spent === null ? "" : `;\n      ${shownSpent(spent)}`);
}

async function startNetwork(): Promise<Network> {
  const redis = await startRedis();
  endAfterTests(() => redis.stop());
  const cluster = await startCluster(GATEWAYS, { redisUrl: redis.url, env: LIMITS });
  const { gateways, databaseUrl } = cluster;
  const parts = process.platform === "linux"
    ? await partsOf(gateways, { databaseUrl, redis: redis.program.pid })
    : null;
  const [gateway] = gateways as [ClusterGateway];
  const honest = await createAccount(gateway);
  const provider = await createAccount(gateway);
  await lift(gateway, databaseUrl, honest.email);
  const load = await HonestLoad.start(gateways, { caller: honest, provider });
  return { gateways, databaseUrl, redisUrl: redis.url, parts, load, victim: honest.email };
}

/** Lets the account make as many calls as it likes. */
async function lift({ dataDir }: ClusterGateway, databaseUrl: string, email: string) {
  const { code, output } = await runGateway(
    ["admin", "limits", "--email", email, "--rpm", "1000000"],
    {
      dataDir,
      env: { DATABASE_URL: databaseUrl, JWT_SECRET: crypto.randomUUID() + crypto.randomUUID() },
    },
  );
  if (code !== 0) throw new Error(`Cannot lift the limit: ${output}`);
}

/** The attackers in a process of their own, which leaves the processor to all others: theirs are other machines. */
function hire({ gateways, victim, redisUrl }: Network) {
  const worker = startWorker<AttackersReport>(join(import.meta.dir, "strangers/attackers.ts"));
  const leave = () => worker.stop();
  endAfterTests(leave);
  const places = gateways.map(({ url, wsUrl }) => ({ url, wsUrl }));
  const said = async () => {
    const report = await worker.next();
    if (report.problem !== undefined) throw new Error(`An attack failed: ${report.problem}`);
    return report;
  };
  return {
    leave,
    async begin(kinds: readonly Kind[]) {
      worker.send({ kinds, gateways: places, victim, redisUrl } satisfies AttackersOrder);
      await said();
    },
    end() {
      worker.send("end");
      return said();
    },
  };
}

function faultsOf(
  { rest, siege, watched, lost, attacks }: {
    rest: Service;
    siege: Service;
    watched: readonly WatchResult[];
    lost: number;
    attacks: AttackersReport;
  },
): string[] {
  const most = (of: (one: WatchResult) => number) => Math.max(...watched.map(of));
  const checks: [isWrong: boolean, what: string][] = [
    [siege.okShare < GOALS.okShare, "too many honest calls failed"],
    [siege.p99Ms >= GOALS.slowdown * rest.p99Ms, "honest calls waited"],
    [lost > 0, "rows were lost"],
    [most(({ grownMiB }) => grownMiB) > GOALS.grownMiB, "memory grew"],
    [
      most(({ longestBlockMs }) => longestBlockMs) > GOALS.longestBlockMs,
      "an event loop was blocked",
    ],
    [attacks.idle.length > 0, `these attacks did nothing: ${attacks.idle.join(", ")}`],
  ];
  return checks.filter(([isWrong]) => isWrong).map(([, what]) => what);
}
