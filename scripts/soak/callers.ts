/** Callers of every kind lose their connections again and again, at three gateways: each has all of its answer, which ran once. */

import { createAccount } from "../../tests/harness/account.ts";
import { startCluster } from "../../tests/harness/cluster.ts";
import {
  cutAtRandom,
  type CuttingNetwork,
  cuttingNetworkTo,
} from "../../tests/harness/cutting_network.ts";
import { startNode } from "../../tests/harness/node.ts";
import { returns } from "../../tests/harness/returning_caller.ts";
import { pieces, startUpstream } from "../../tests/harness/upstream.ts";
import { until } from "../../tests/harness/wait.ts";
import { startPostgres } from "../testing/postgres.ts";
import { startRedis } from "../testing/redis.ts";
import { type Campaign, type CampaignOptions } from "./campaign.ts";
import { Dice } from "./random.ts";

const CUTS = 1_000;
const AT_A_TIME = 10;
/** About what one stream takes on the wire, head included. */
const STREAM_BYTES = 9_000;
const MODEL = "cut-model";
const WORDS = Array.from({ length: 30 }, (_, i) => `word ${i} é `);

export const callers: Campaign = {
  name: "callers",
  about:
    "1,000 cuts (--runs N: N cuts) of callers' connections at three gateways: nothing is lost, nothing runs twice",
  async run(options) {
    const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    try {
      return await cutAll(options, { databaseUrl: postgres.url, redisUrl: redis.url });
    } finally {
      await Promise.all([postgres.stop(), redis.stop()]);
    }
  },
};

async function cutAll(
  { seed, runs: cuts = CUTS, progress }: CampaignOptions,
  urls: { databaseUrl: string; redisUrl: string },
): Promise<string> {
  const env = { COLINK_DEFAULT_RPM: "1000000" };
  const { gateways } = await startCluster(3, { ...urls, env });
  const owner = await createAccount(gateways[0]!);
  const upstream = startUpstream({ m: pieces(WORDS, 5) });
  await startNode({
    gateway: gateways[0]!,
    clientToken: owner.clientToken,
    maxParallel: 2 * AT_A_TIME,
    providers: [{
      type: "openai",
      api_key: "none",
      base_url: upstream.url,
      models: [{ local: "m", server_mapping: MODEL }],
    }],
  });
  await until("each gateway offers the model", async () => {
    const headers = { authorization: `Bearer ${owner.apiToken}` };
    const lists = await Promise.all(
      gateways.map(async ({ url }) => (await fetch(`${url}/v1/models`, { headers })).text()),
    );
    return lists.every((list) => list.includes(MODEL));
  });
  const dice = new Dice(seed);
  const networks: CuttingNetwork[] = await Promise.all(
    gateways.map(({ url }) =>
      cuttingNetworkTo(url, cutAtRandom(() => dice.next(), 1.5 * STREAM_BYTES))
    ),
  );
  const cutSoFar = () => networks.reduce((sum, network) => sum + network.cuts, 0);
  const kinds = Object.values(returns) as [typeof returns.sdk, ...(typeof returns.sdk)[]];
  const text = WORDS.join("");
  let calls = 0;
  const follow = async () => {
    while (cutSoFar() < cuts) {
      const key = `soak-${seed}-${calls++}`;
      const question = { token: owner.apiToken, model: MODEL, content: key, key };
      const address = () => networks[dice.between(0, networks.length - 1)]!.url;
      const read = await dice.oneOf(kinds)(question, address);
      if (read !== text) throw new Error(`${key}: got ${JSON.stringify(read)}`);
      progress(`${cutSoFar()} cuts, ${calls} calls`);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, follow));
  if (upstream.calls.length !== calls) {
    throw new Error(`${calls} calls ran ${upstream.calls.length} times`);
  }
  const sql = new Bun.SQL(urls.databaseUrl);
  const rows = async () =>
    Number((await sql`select count(*) as rows from ledger where model = ${MODEL}`)[0].rows);
  await until("each call has its row", async () => await rows() >= calls);
  if (await rows() !== calls) throw new Error(`${calls} calls have ${await rows()} rows`);
  await sql.close();
  return `${cutSoFar()} cuts of ${calls} calls: each answer whole, one upstream request and one row each`;
}
