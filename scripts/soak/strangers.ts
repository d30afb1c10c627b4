/** Every attack of a stranger at once, on three gateways that serve others: the others must not notice. */

import { join } from "node:path";
import { createAccount } from "../../tests/harness/account.ts";
import { endAfterTests } from "../../tests/harness/cleanup.ts";
import { type ClusterGateway, startCluster } from "../../tests/harness/cluster.ts";
import { runGateway } from "../../tests/harness/gateway.ts";
import { startWorker } from "../bench/worker.ts";
import { startRedis } from "../testing/redis.ts";
import type { Campaign, CampaignOptions } from "./campaign.ts";
import { withPostgres } from "./postgres.ts";
import type { AttackersOrder, AttackersReport } from "./strangers/attackers.ts";
import { HonestLoad, type Service, shownService } from "./strangers/honest_load.ts";
import { GatewayWatch, shownWatch, type WatchResult } from "./strangers/gateway_watch.ts";

const MINUTES = 10;
const GATEWAYS = 3;

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
  run: (options) => withPostgres(() => besiege(options)),
};

async function besiege({ minutes = MINUTES, progress }: CampaignOptions): Promise<string> {
  const { gateways, databaseUrl, redisUrl } = await startNetwork();
  const [gateway] = gateways as [ClusterGateway];
  const honest = await createAccount(gateway);
  const provider = await createAccount(gateway);
  await lift(gateway, databaseUrl, honest.email);
  const load = await HonestLoad.start(gateways, { caller: honest, provider });
  const attackers = hire(gateways, { victim: honest.email, redisUrl });

  const restMs = minutes * 60_000 * REST_SHARE;
  progress(`${GATEWAYS} gateways at rest`);
  const before = await load.serveFor(restMs);
  await attackers.begin();
  const watches = gateways.map((one) => GatewayWatch.begin(one));
  const siege = await load.serveFor(minutes * 60_000, progress);
  const watched = await Promise.all(watches.map((watch) => watch.end()));
  const attacks = await attackers.end();
  const after = await load.serveFor(restMs);
  // Whatever else the machine does changes meanwhile.
  const rest = before.p99Ms > after.p99Ms ? before : after;
  const lost = await load.rowsLost(databaseUrl);

  const faults = faultsOf({ rest, siege, watched, lost, attacks });
  const result = [
    `${attacks.kinds} kinds of attack, ${attacks.rounds} rounds`,
    `honest calls: ${shownService(siege)}`,
    `at rest: ${shownService(before)}; afterwards ${shownService(after)}`,
    `${lost} rows lost`,
    ...watched.map(shownWatch),
  ].join("\n    ");
  if (faults.length > 0) throw new Error(`${faults.join("; ")}:\n    ${result}`);
  return result;
}

async function startNetwork() {
  const redis = await startRedis();
  endAfterTests(() => redis.stop());
  return {
    ...await startCluster(GATEWAYS, { redisUrl: redis.url, env: LIMITS }),
    redisUrl: redis.url,
  };
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
function hire(
  gateways: readonly ClusterGateway[],
  target: Pick<AttackersOrder, "victim" | "redisUrl">,
) {
  const worker = startWorker<AttackersReport>(join(import.meta.dir, "strangers/attackers.ts"));
  endAfterTests(() => worker.stop());
  const places = gateways.map(({ url, wsUrl }) => ({ url, wsUrl }));
  const said = async () => {
    const report = await worker.next();
    if (report.problem !== undefined) throw new Error(`An attack failed: ${report.problem}`);
    return report;
  };
  return {
    async begin() {
      worker.send({ gateways: places, ...target } satisfies AttackersOrder);
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
