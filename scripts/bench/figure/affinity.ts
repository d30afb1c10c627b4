/** What it gains to bring conversations back to their nodes: nodes with a simulated prefix cache, under two policies. */

import { join } from "node:path";
import type { CachingNodesOrder, CachingNodesReport, NodeKind } from "../caching_nodes.ts";
import { type Gateway, startGateway, untilNodes } from "../gateway.ts";
import { HttpSocket } from "../http_socket.ts";
import { metered } from "../meter.ts";
import { interleaved, type Measurement, over, type Sample } from "../rounds.ts";
import { atLeast, type Row } from "../row.ts";
import type { Bench, Stage } from "../stage.ts";
import { quantile } from "../statistics.ts";
import { MESSAGE_CHARS, messagesAt } from "../talk.ts";
import { requestBytes } from "../target.ts";
import { timedCall } from "../timed_call.ts";
import { startWorker, type Worker } from "../worker.ts";
import type { StagedFigure } from "./figure.ts";

const MODEL = "bench-talk";
const NODES = 8;
const USERS = 20;
const TURNS = 8;
/** Twenty times as fast as a middling graphics card, so that a round does not take minutes. */
const NODE: NodeKind = {
  maxParallel: 4,
  // A long conversation of each of eight users.
  cacheChars: 8 * 2 * TURNS * MESSAGE_CHARS,
  readUsPerChar: 6,
  writeMs: 40,
};
/** Between an answer and the next question. */
const THINK_MS = 60;

export const affinityFigure: StagedFigure = {
  name: "affinity",
  about: "conversations on nodes with a prefix cache",
  async measure({ bench }: Stage) {
    const shop = await Promise.all([open(bench, "least-busy"), open(bench, "affinity")]);
    const [leastBusy, affinity] = shop.map((variant) => () => talkAll(bench, variant));
    const measured = await interleaved({ leastBusy: leastBusy!, affinity: affinity! }, {
      ...bench.size,
      // Nodes sleep most of the time: it is their sleep that is compared.
      maxForeignCores: Infinity,
    });
    for (const { nodes, gateway } of shop) {
      await nodes.stop();
      await gateway.process.stop();
    }
    return rows(measured);
  },
};

/** What one round showed. */
interface Talked extends Sample {
  firstMs: number[];
  report: CachingNodesReport;
}

type Measured = Measurement<"leastBusy" | "affinity", Talked>;

function rows(measured: Measured): Row[] {
  const { conditions } = measured;
  const firstToken = (q: number, name: string): Row => {
    const at = ({ firstMs }: Talked) => quantile(firstMs, q);
    const base = over(measured, (round) => at(round.leastBusy)).median;
    return {
      figure: `Affinity: time to first token in a conversation, ${name}`,
      unit: "ms",
      gateway: over(measured, (round) => at(round.affinity)),
      compared: over(measured, (round) => at(round.affinity) / at(round.leastBusy)),
      conditions,
      note:
        `With least-busy: ${base.toFixed(1)} ms. ${USERS} users talk, ${TURNS} turns each, to ` +
        `${NODES} nodes of ${NODE.maxParallel} slots with a simulated cache.`,
    };
  };
  const hits = ({ report }: Talked) => 100 * report.cachedChars / report.promptChars;
  const least = ({ report: { calls } }: Talked) =>
    Math.min(...calls) / (calls.reduce((a, b) => a + b) / calls.length);
  return [
    firstToken(0.5, "p50"),
    firstToken(0.99, "p99"),
    {
      figure: "Affinity: prompt found in the node's cache",
      unit: "%",
      gateway: over(measured, ({ affinity }) => hits(affinity)),
      conditions,
      note: `With least-busy: ${over(measured, (r) => hits(r.leastBusy)).median.toFixed(1)} %.`,
    },
    {
      figure: "Affinity: calls of the node that got the fewest",
      unit: "× mean",
      gateway: over(measured, ({ affinity }) => least(affinity)),
      goal: atLeast(0.5, "× mean"),
      conditions,
      note: `With least-busy: ${over(measured, (r) => least(r.leastBusy)).median.toFixed(2)}.`,
    },
  ];
}

interface Variant {
  gateway: Gateway;
  nodes: Worker<CachingNodesReport>;
}

async function open(bench: Bench, policy: string): Promise<Variant> {
  const gateway = await startGateway({
    folder: join(bench.folder, policy),
    cores: bench.cores.measured,
    env: { COLINK_POLICY: policy },
  });
  const nodes = startWorker<CachingNodesReport>(join(import.meta.dir, "..", "caching_nodes.ts"));
  const { wsUrl, clientToken: token } = gateway;
  const order: CachingNodesOrder = {
    do: "connect",
    wsUrl,
    token,
    model: MODEL,
    nodes: NODE,
    count: NODES,
  };
  nodes.send(order);
  await nodes.next();
  await untilNodes(gateway.url, (count) => count === NODES);
  return { gateway, nodes };
}

async function talkAll(bench: Bench, { gateway, nodes }: Variant): Promise<Talked> {
  const talks = Math.max(1, Math.round(bench.size.timedCalls / (USERS * TURNS)));
  const { result, foreignCores } = await metered({}, async () => {
    const times = await Promise.all(Array.from({ length: USERS }, () => talk(gateway, talks)));
    return times.flat();
  });
  nodes.send({ do: "tell" } satisfies CachingNodesOrder);
  return { firstMs: result, report: await nodes.next(), foreignCores };
}

/** One user has so many conversations; returns the times to each answer's first token. */
async function talk(gateway: Gateway, talks: number): Promise<number[]> {
  const socket = await HttpSocket.connect(gateway.port);
  const times: number[] = [];
  for (let i = 0; i < talks; i++) {
    const name = crypto.randomUUID();
    for (let turn = 1; turn <= TURNS; turn++) {
      const body = { model: MODEL, stream: true, messages: messagesAt(name, turn) };
      const request = requestBytes(gateway, JSON.stringify(body));
      times.push((await timedCall(socket, request, true)).firstMs);
      await Bun.sleep(THINK_MS * (0.5 + Math.random()));
    }
  }
  socket.close();
  return times;
}
