/** Callers of every kind lose their connections again and again, at three gateways: each has all of its answer, which ran once. */

import { type Account, createAccount } from "../../tests/harness/account.ts";
import {
  type ClusterGateway,
  type ClusterOfGateways,
  startCluster,
} from "../../tests/harness/cluster.ts";
import {
  cutAtRandom,
  type CuttingNetwork,
  cuttingNetworkTo,
} from "../../tests/harness/cutting_network.ts";
import { type CuttingRelay, startCuttingRelay } from "../../tests/harness/cutting_relay.ts";
import { startNode } from "../../tests/harness/node.ts";
import { findPython } from "../../tests/harness/python.ts";
import { pythonReturn } from "../../tests/harness/python_caller.ts";
import { type Return, returns } from "../../tests/harness/returning_caller.ts";
import { pieces, startUpstream } from "../../tests/harness/upstream.ts";
import { until } from "../../tests/harness/wait.ts";
import { startPostgres } from "../testing/postgres.ts";
import { startRedis } from "../testing/redis.ts";
import { type Campaign, type CampaignOptions, Skipped } from "./campaign.ts";
import { Dice } from "./random.ts";

const CUTS = 1_000;
const AT_A_TIME = 10;
/** About what one stream takes on the wire, head included. */
const STREAM_BYTES = 9_000;
const MODEL = "cut-model";
const WORDS = Array.from({ length: 30 }, (_, i) => `word ${i} é `);
const RPM = { COLINK_DEFAULT_RPM: "1000000" };

/** How often the node's link is cut, with its caller's or by itself. */
const LINK_CUTS_MS = { from: 200, to: 2_000 };
const CUT_TOGETHER = 0.1;
/** How long each gateway serves before it is replaced by a new one. */
const SERVES_MS = 8_000;

type Urls = { databaseUrl: string; redisUrl: string };

export const callers: Campaign = {
  name: "callers",
  about:
    "1,000 cuts (--runs N: N cuts) of callers' connections at three gateways: nothing is lost, nothing runs twice; " +
    "--with links: the node's link is cut, too, and comes back at any gateway; --with restarts: gateways are " +
    "replaced one after the other; --with python: Python's SDK calls as well",
  extras: ["links", "restarts", "python"],
  async run(options) {
    const python = await pythonFor(options);
    const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    try {
      const campaign = new CutCallers(options, { databaseUrl: postgres.url, redisUrl: redis.url });
      return await campaign.run(python);
    } finally {
      await Promise.all([postgres.stop(), redis.stop()]);
    }
  },
};

/** Null: Python does not call. */
async function pythonFor({ extras }: CampaignOptions): Promise<string | null> {
  if (!extras.has("python")) return null;
  const { python, missing } = await findPython("openai");
  if (missing === null) return python;
  throw new Skipped(`${missing}; COLINK_TEST_PYTHON names another one`);
}

/** A gateway, and the network that cuts its callers. */
interface Place {
  gateway: ClusterGateway;
  callers: CuttingNetwork;
}

class CutCallers {
  readonly #dice: Dice;
  readonly #upstream = startUpstream({ m: pieces(WORDS, 5) });
  /** Where callers may go, and nodes. */
  #places: Place[] = [];
  /** Cuts at places that are gone. */
  #pastCuts = 0;
  #relay: CuttingRelay | null = null;
  #linkCuts = 0;
  #restarts = 0;
  #isReplacing = false;
  #calls = 0;
  /** Answers that were lost with their gateway, as reported to their callers. */
  #gone = 0;
  #isOver = false;

  constructor(private readonly options: CampaignOptions, private readonly urls: Urls) {
    this.#dice = new Dice(options.seed);
  }

  async run(python: string | null): Promise<string> {
    const { extras } = this.options;
    const cluster = await startCluster(3, { ...this.urls, env: RPM });
    for (const gateway of cluster.gateways) await this.#open(gateway);
    const owner = await createAccount(cluster.gateways[0]!);
    await this.#startNode(owner);
    const kinds = [...Object.values(returns), ...(python === null ? [] : [pythonReturn(python)])];
    const all = Promise.all(
      Array.from({ length: AT_A_TIME }, () => this.#follow(owner, kinds as [Return, ...Return[]])),
    ).finally(() => this.#isOver = true);
    await Promise.all([
      all,
      extras.has("links") ? this.#cutLinks() : null,
      extras.has("restarts") ? this.#replaceGateways(cluster) : null,
    ]);
    await this.#expectOnce();
    return this.#found();
  }

  get #cuts(): number {
    return this.#places.reduce((sum, { callers }) => sum + callers.cuts, this.#pastCuts);
  }

  /** Lets callers go to the gateway. */
  async #open(gateway: ClusterGateway): Promise<void> {
    const cut = cutAtRandom(() => this.#dice.next(), 1.5 * STREAM_BYTES);
    const callers = await cuttingNetworkTo(gateway.url, (bytes, connection) => {
      const at = cut(bytes, connection);
      if (at !== null && this.options.extras.has("links") && this.#dice.next() < CUT_TOGETHER) {
        this.#cutLink();
      }
      return at;
    });
    this.#places.push({ gateway, callers });
  }

  async #startNode(owner: Account): Promise<void> {
    const [{ gateway }] = this.#places as [Place];
    this.#relay = await startCuttingRelay(portOf(gateway));
    await startNode({
      gateway: { url: gateway.url, wsUrl: this.#relay.url },
      clientToken: owner.clientToken,
      maxParallel: 2 * AT_A_TIME,
      providers: [{
        type: "openai",
        api_key: "none",
        base_url: this.#upstream.url,
        models: [{ local: "m", server_mapping: MODEL }],
      }],
    });
    await until("each gateway offers the model", async () => {
      const headers = { authorization: `Bearer ${owner.apiToken}` };
      const lists = await Promise.all(
        this.#places.map(async ({ gateway: { url } }) =>
          (await fetch(`${url}/v1/models`, { headers })).text()
        ),
      );
      return lists.every((list) => list.includes(MODEL));
    });
  }

  async #follow({ apiToken }: Account, kinds: [Return, ...Return[]]): Promise<void> {
    const { seed, runs: cuts = CUTS, progress } = this.options;
    const address = () => this.#dice.oneOf(this.#places as [Place]).callers.url;
    while (this.#cuts < cuts) {
      const key = `soak-${seed}-${this.#calls++}`;
      const question = { token: apiToken, model: MODEL, content: key, key };
      const read = await this.#dice.oneOf(kinds)(question, address).catch((error) => {
        if (!this.#mayBeGone(error)) throw error;
        this.#gone++;
        return WORDS.join("");
      });
      if (read !== WORDS.join("")) throw new Error(`${key}: got ${JSON.stringify(read)}`);
      progress(this.#found());
    }
  }

  /** An answer is kept by its gateway alone, and goes with it: 410, whose words may be cut off as well. */
  #mayBeGone(error: unknown): boolean {
    return this.options.extras.has("restarts") && /\b410\b/.test(String(error));
  }

  #cutLink(): void {
    // A node that was asked to leave a gateway does not come back to what it still runs there.
    if (this.#isReplacing) return;
    this.#relay?.redirect(portOf(this.#dice.oneOf(this.#places as [Place]).gateway));
    this.#relay?.cut();
    this.#linkCuts++;
  }

  async #cutLinks(): Promise<void> {
    while (!this.#isOver) {
      await Bun.sleep(this.#dice.between(LINK_CUTS_MS.from, LINK_CUTS_MS.to));
      this.#cutLink();
    }
  }

  /** Replaces one gateway after the other, as a balancer sees it. */
  async #replaceGateways(cluster: ClusterOfGateways): Promise<void> {
    while (!this.#isOver) {
      await Bun.sleep(SERVES_MS);
      await this.#open(await cluster.add());
      const [oldest] = this.#places.splice(0, 1);
      const { gateway, callers } = oldest!;
      this.#relay?.redirect(portOf(this.#dice.oneOf(this.#places as [Place]).gateway));
      this.#isReplacing = true;
      await gateway.stop();
      this.#isReplacing = false;
      this.#pastCuts += callers.cuts;
      this.#restarts++;
    }
  }

  /** One upstream request and one row for each call. */
  async #expectOnce(): Promise<void> {
    const calls = this.#calls;
    const ran = this.#upstream.calls.length;
    if (ran !== calls) throw new Error(`${calls} calls ran ${ran} times`);
    const sql = new Bun.SQL(this.urls.databaseUrl);
    const rows = async () =>
      Number((await sql`select count(*) as rows from ledger where model = ${MODEL}`)[0].rows);
    await until("each call has its row", async () => await rows() >= calls);
    if (await rows() !== calls) throw new Error(`${calls} calls have ${await rows()} rows`);
    await sql.close();
  }

  #found(): string {
    const { extras } = this.options;
    const more = [
      ...(extras.has("links") ? [`the node's link was cut ${this.#linkCuts} times`] : []),
      ...(extras.has("restarts")
        ? [`${this.#restarts} gateways were replaced, ${this.#gone} answers went with theirs`]
        : []),
    ];
    const about = [`${this.#cuts} cuts of ${this.#calls} calls`, ...more].join(", ");
    return `${about}: each answer whole, one upstream request and one row each`;
  }
}

function portOf({ url }: { url: string }): number {
  return Number(new URL(url).port);
}
