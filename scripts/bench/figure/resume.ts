/** What it costs that a node's link may be lost and come back, and how soon a stream goes on when it does. */

import { join } from "node:path";
import { endAll } from "../../../tests/harness/cleanup.ts";
import { startCuttingRelay } from "../../../tests/harness/cutting_relay.ts";
import { chatBody, RELAYED_MODEL, type Streaming } from "../chat.ts";
import { startGateway } from "../gateway.ts";
import { HttpSocket } from "../http_socket.ts";
import { type Cost, metered } from "../meter.ts";
import { startNode } from "../node.ts";
import { interleaved, type Measurement, over, type Sample } from "../rounds.ts";
import { atMost, type Row } from "../row.ts";
import type { ServerProcess } from "../server_process.ts";
import type { Bench } from "../stage.ts";
import { quantile } from "../statistics.ts";
import { loadWithStreams } from "../stream_load.ts";
import { requestBytes, type Target } from "../target.ts";
import { wrkSample } from "../wrk_sample.ts";
import type { StagedFigure } from "./figure.ts";

const CONNECTIONS = 50;

const STREAMS = 200;
const PACE_MS = 40;

/** Of the stream that is interrupted: longer than any measurement. */
const INTERRUPTED: Streaming = { chunks: 1_000_000, paceMs: 10 };

/** Between two losses: a link may be resumed 60 times a minute. */
const BETWEEN_CUTS_MS = 1_100;

export const resumeFigure: StagedFigure = {
  name: "resume",
  about: "links that may be lost and come back",
  measure: async ({ bench }) => [...await measureCost(bench), await measureReturn(bench)],
};

/** A gateway and its node, which keep what they have sent until the other end has it, or do not. */
interface Pair {
  gateway: Target & { process: ServerProcess };
  node: ServerProcess;
}

/** What a pair has used for so many requests or chunks. */
type PairSample = Cost & { count: number };

async function measureCost(bench: Bench): Promise<Row[]> {
  const pairs = {
    on: await startPair(bench, "resume-on", {}),
    off: await startPair(bench, "resume-off", { COLINK_RESUME_SECONDS: "0" }),
  };
  const inTurns = (sample: (pair: Pair) => Promise<PairSample>) =>
    interleaved(
      { on: () => sample(pairs.on), off: () => sample(pairs.off) },
      bench.size,
    );
  const requests = await inTurns((pair) => requestsOf(bench, pair));
  const chunks = await inTurns((pair) => chunksOf(bench, pair));
  for (const { gateway, node } of Object.values(pairs)) {
    await node.stop();
    await gateway.process.stop();
  }
  return [
    ...costRows(`non-streaming request, ${CONNECTIONS} connections`, requests),
    ...costRows(`chunk, paced ${PACE_MS} ms, ${STREAMS} streams`, chunks),
  ];
}

async function startPair(bench: Bench, name: string, env: Record<string, string>): Promise<Pair> {
  const folder = join(bench.folder, name);
  const gateway = await startGateway({ folder, cores: bench.cores.measured, env });
  const node = await startNode(gateway, bench.upstream.port, join(folder, "node"));
  return { gateway, node };
}

function watched({ gateway, node }: Pair): Record<"gateway" | "node", number> {
  return { gateway: gateway.process.pid, node: node.pid };
}

async function requestsOf({ size, folder }: Bench, pair: Pair): Promise<PairSample> {
  const sample = await wrkSample(watched(pair), {
    target: pair.gateway,
    body: chatBody({ model: RELAYED_MODEL, streaming: null }),
    connections: CONNECTIONS,
    seconds: size.loadSeconds,
    folder,
  });
  forgetLogs(pair);
  return { ...sample, count: sample.requests };
}

async function chunksOf({ size }: Bench, pair: Pair): Promise<PairSample> {
  const streaming = { chunks: Math.ceil(size.loadSeconds * 1000 / PACE_MS), paceMs: PACE_MS };
  const load = { target: pair.gateway, model: RELAYED_MODEL, streams: STREAMS, streaming };
  const { result, ...cost } = await metered(watched(pair), () => loadWithStreams(load));
  forgetLogs(pair);
  if (result.broken > 0) throw new Error(`${result.broken} streams were not whole`);
  return { ...cost, count: result.chunks };
}

function forgetLogs({ gateway, node }: Pair): void {
  gateway.process.forgetLog();
  node.forgetLog();
}

function costRows(what: string, measured: Measurement<"on" | "off", PairSample>): Row[] {
  return (["gateway", "node"] as const).map((name): Row => {
    const micros = ({ cpuMs, count }: PairSample) => (cpuMs[name] ?? 0) * 1000 / count;
    const without = over(measured, ({ off }) => micros(off)).median;
    return {
      figure: `Links that come back: ${name}'s CPU per ${what}`,
      unit: "µs",
      [name]: over(measured, ({ on }) => micros(on)),
      compared: over(measured, ({ on, off }) => micros(on) / micros(off)),
      goal: atMost(1.05, "× with COLINK_RESUME_SECONDS=0"),
      conditions: measured.conditions,
      note: `With COLINK_RESUME_SECONDS=0: ${without.toFixed(1)} µs.`,
    };
  });
}

/** Cuts the link of a running stream again and again, and measures until the stream's next byte. */
async function measureReturn(bench: Bench): Promise<Row> {
  const folder = join(bench.folder, "resume-cut");
  const gateway = await startGateway({ folder, cores: bench.cores.measured });
  const relay = await startCuttingRelay(gateway.port);
  const before = { ...gateway, wsUrl: relay.url };
  const node = await startNode(before, bench.upstream.port, join(folder, "node"));
  const stream = await openStream(gateway);
  const cuts = Math.max(10, Math.round(bench.size.timedCalls / 40));
  const losses = async (): Promise<Sample & { times: number[] }> => {
    const { result: times, foreignCores } = await metered({}, async () => {
      const times: number[] = [];
      while (times.length < cuts) {
        await Bun.sleep(BETWEEN_CUTS_MS);
        const { dials } = relay;
        relay.cut();
        const sinceMs = performance.now();
        // Bytes that had passed the link before the cut arrive before the node dials again.
        while (relay.dials === dials) await Bun.sleep(1);
        await stream.nextByte();
        times.push(performance.now() - sinceMs);
      }
      return times;
    });
    return { times, foreignCores };
  };
  const measured = await interleaved({ losses }, { ...bench.size, rounds: 1, warmsUp: false });
  stream.close();
  await node.stop();
  await gateway.process.stop();
  await endAll();
  return {
    figure: `Links that come back: next byte after a loss, p95 of ${cuts}`,
    unit: "ms",
    gateway: over(measured, ({ losses }) => quantile(losses.times, 0.95)),
    goal: atMost(500, "ms"),
    conditions: measured.conditions,
    note:
      "The connection is reset and can be made again at once; counted from the reset to the caller.",
  };
}

interface OpenStream {
  nextByte(): Promise<void>;
  close(): void;
}

/** Resolves when it has begun. */
async function openStream(target: Target): Promise<OpenStream> {
  const socket = await HttpSocket.connect(target.port);
  let next = Promise.withResolvers<void>();
  let problem: Error | null = null;
  const failed = (error: Error) => {
    problem = error;
    next.reject(error);
    // The stream may end while its next byte is not waited for.
    next.promise.catch(() => {});
  };
  const request = requestBytes(
    target,
    chatBody({ model: RELAYED_MODEL, streaming: INTERRUPTED }),
  );
  socket.send(request, {
    content: () => next.resolve(),
    end: () => failed(new Error("the stream ended")),
    fail: failed,
  });
  await next.promise;
  return {
    async nextByte() {
      if (problem !== null) throw problem;
      next = Promise.withResolvers();
      await next.promise;
    },
    close: () => socket.close(),
  };
}
