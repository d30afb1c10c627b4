/** A node's link is cut, frozen and moved to other addresses under the official SDKs' streams: none notices but by delay. */

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { createAccount } from "../../tests/harness/account.ts";
import { startCuttingRelay } from "../../tests/harness/cutting_relay.ts";
import { startGateway } from "../../tests/harness/gateway.ts";
import { listNodes, startNode } from "../../tests/harness/node.ts";
import { pieces, startUpstream } from "../../tests/harness/upstream.ts";
import { until } from "../../tests/harness/wait.ts";
import { type Campaign, type CampaignOptions } from "./campaign.ts";
import { movingNetwork } from "./moving_network.ts";
import { Dice } from "./random.ts";

const STREAMS = 200;
const AT_A_TIME = 20;
const MODEL = "long-model";
/** Each with a checksum of its own; about six seconds of them. */
const WORDS = Array.from({ length: 300 }, (_, i) => `${i}:${Bun.hash(String(i))} é `);
const PACE_MS = 20;
/** A link that is frozen, or whose address is gone, is noticed within 12 s. */
const BACK_WITHIN_MS = 30_000;

export const links: Campaign = {
  name: "links",
  about:
    "200 streams (--runs N: N streams) of the official SDKs, whose node's link is cut, frozen and moved all the time",
  run: cutAll,
};

async function cutAll(
  { seed, runs: streams = STREAMS, progress }: CampaignOptions,
): Promise<string> {
  const gateway = await startGateway({ env: { COLINK_DEFAULT_RPM: "1000000" } });
  const owner = await createAccount(gateway);
  const answer = pieces(WORDS, PACE_MS);
  // As most model servers: they have no other endpoint, and the node translates.
  const upstream = startUpstream({
    m: (call) => isChat(call) ? answer(call) : new Response(null, { status: 404 }),
  });
  const network = movingNetwork();
  const relay = await startCuttingRelay(Number(new URL(gateway.url).port), network?.host);
  const provider = await startCuttingRelay(Number(new URL(upstream.url).port), network?.steadyHost);
  await startNode({
    gateway: { url: gateway.url, wsUrl: relay.url },
    clientToken: owner.clientToken,
    maxParallel: AT_A_TIME,
    ...(network && { launcher: network.launcher }),
    providers: [{
      type: "openai",
      api_key: "none",
      base_url: provider.url.replace("ws:", "http:").replace("/ws", "/v1"),
      models: [{ local: "m", server_mapping: MODEL }],
    }],
  });

  const text = WORDS.join("");
  const kinds = Object.values(readers) as [Reader, ...Reader[]];
  let begun = 0;
  let whole = 0;
  const follow = async () => {
    while (begun < streams) {
      const read = await kinds[begun++ % kinds.length]!(gateway.url, owner.apiToken);
      if (read !== text) throw new Error(`a stream differs: got ${JSON.stringify(read)}`);
      whole++;
    }
  };
  const all = Promise.all(Array.from({ length: Math.min(AT_A_TIME, streams) }, follow));
  let isOver = false;
  void all.catch(() => {}).finally(() => isOver = true);

  const dice = new Dice(seed);
  const faults = { cut: 0, frozen: 0, moved: 0 };
  while (!isOver) {
    await Bun.sleep(dice.between(50, 2_500));
    const { dials } = relay;
    const fault = dice.oneOf(["cut", "cut", "cut", "frozen", network ? "moved" : "cut"]);
    if (fault === "cut") relay.cut();
    else if (fault === "frozen") relay.freeze();
    else network!.move();
    faults[fault as keyof typeof faults]++;
    await until("the node is back", async () => {
      if (isOver) return true;
      const [node] = await listNodes(gateway);
      return relay.dials > dials && node !== undefined && node.state !== "reconnecting";
    }, BACK_WITHIN_MS);
    progress(`${whole} streams whole, ${JSON.stringify(faults)}`);
  }
  await all;
  const runs = upstream.calls.filter(isChat).length;
  if (runs !== streams) throw new Error(`${streams} calls ran ${runs} times`);
  const [node] = await listNodes(gateway);
  if (node?.penalized !== false) throw new Error("the node was penalised");
  const { cut, frozen, moved } = faults;
  return `${streams} streams whole, one upstream request each; the link was cut ${cut} times, frozen ` +
    `${frozen} times, and the node's address changed ` +
    (network === null ? "never: that needs root and iproute2" : `${moved} times`);
}

function isChat({ path }: { path: string }): boolean {
  return path.endsWith("/chat/completions");
}

type Reader = (url: string, token: string) => Promise<string>;

const question = { model: MODEL, messages: [{ role: "user" as const, content: "go on" }] };

/** By a client that tries nothing twice: a stream that breaks is a failure. */
const readers: Readonly<Record<"chat" | "responses" | "messages", Reader>> = {
  async chat(url, apiKey) {
    const client = new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 0 });
    let text = "";
    const stream = await client.chat.completions.create({ ...question, stream: true });
    for await (const { choices: [choice] } of stream) text += choice?.delta.content ?? "";
    return text;
  },
  async responses(url, apiKey) {
    const client = new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 0 });
    let text = "";
    const stream = await client.responses.create({ model: MODEL, input: "go on", stream: true });
    for await (const event of stream) {
      if (event.type === "response.output_text.delta") text += event.delta;
    }
    return text;
  },
  async messages(url, apiKey) {
    const client = new Anthropic({ apiKey, baseURL: url, maxRetries: 0 });
    return await client.messages.stream({ ...question, max_tokens: 4096 }).finalText();
  },
};
