/** Time that nginx, and gateway and node, add to a call: one caller, one call at a time. */

import { chatBody, RELAYED_MODEL } from "../chat.ts";
import { HttpSocket } from "../http_socket.ts";
import { metered } from "../meter.ts";
import { interleaved, type Measurement, over, type Round, type Sample } from "../rounds.ts";
import { atMost, type Row } from "../row.ts";
import type { Stage } from "../stage.ts";
import { quantile, type Spread } from "../statistics.ts";
import { requestBytes, type VariantName } from "../target.ts";
import { timedCall } from "../timed_call.ts";
import { loadWithWrk } from "../wrk.ts";
import type { StagedFigure } from "./figure.ts";

/** A stream's first chunks come at once, as far as this is concerned. */
const STREAMING = { chunks: 3, paceMs: 1 };

export const latencyFigure: StagedFigure = {
  name: "latency",
  about: "added time to the answer and to the first token",
  async measure(stage) {
    const answers = await measure(stage, false);
    const firstTokens = await measure(stage, true);
    return [
      row("Added latency, non-streaming, p50", answers, 0.5, "nginx", 2.5),
      row("Added latency, non-streaming, p99", answers, 0.99),
      row("Added time to first token, p50", firstTokens, 0.5, "nginx", 3),
      row("Against the floor: added time to first token, p50", firstTokens, 0.5, "floor", 1.25),
      row("Added time to first token, p99", firstTokens, 0.99, "nginx", 4),
      row("Against the floor: added time to first token, p99", firstTokens, 0.99, "floor", 1.5),
    ];
  },
};

/** As many callers at a time as keep every program busy. */
const WARM_UP_CONNECTIONS = 20;

/** One round's times of every variant, in milliseconds. */
interface Times extends Sample {
  times: Record<VariantName, number[]>;
}

/** The variants take turns call by call, so that whatever slows the machine down meets all of them. */
async function measure(stage: Stage, isStream: boolean): Promise<Measurement<"all", Times>> {
  const { size } = stage.bench;
  const body = chatBody({ model: RELAYED_MODEL, streaming: isStream ? STREAMING : null });
  await warmUp(stage, body);
  const lines = await Promise.all(
    (["direct", "nginx", "floor", "gateway"] as const).map(async (name) => {
      const target = stage.targets[name];
      const socket = await HttpSocket.connect(target.port);
      return { name, socket, request: requestBytes(target, body) };
    }),
  );
  const all = async (): Promise<Times> => {
    const times: Times["times"] = { direct: [], nginx: [], floor: [], gateway: [] };
    const { foreignCores } = await metered({}, async () => {
      for (let i = 0; i < size.timedCalls; i++) {
        for (const { name, socket, request } of lines) {
          const { firstMs, endMs } = await timedCall(socket, request, isStream);
          times[name].push(isStream ? firstMs : endMs);
        }
      }
    });
    stage.forgetLogs();
    return { times, foreignCores };
  };
  const measured = await interleaved({ all }, size);
  lines.forEach(({ socket }) => socket.close());
  return measured;
}

/**
 * Calls until the runtime's compilers rest: they share the measured core with the program, and until
 * then the slowest calls are those that wait for them.
 */
async function warmUp({ bench, targets, folder }: Stage, body: string): Promise<void> {
  for (const target of [targets.floor, targets.gateway]) {
    for (let left = bench.size.warmUpCalls / 2; left > 0;) {
      const load = { target, body, connections: WARM_UP_CONNECTIONS, seconds: 1, folder };
      left -= (await loadWithWrk(load)).requests;
    }
  }
}

/** A row whose goal is so many times what `rival` adds. */
function row(
  figure: string,
  measured: Measurement<"all", Times>,
  q: number,
  rival: "nginx" | "floor" = "nginx",
  limit?: number,
): Row {
  const at = ({ all }: Round<"all", Times>, name: VariantName) => quantile(all.times[name], q);
  const addedIn = (round: Round<"all", Times>, name: VariantName) =>
    at(round, name) - at(round, "direct");
  const added = (name: VariantName): Spread => over(measured, (round) => addedIn(round, name));
  const compared = over(measured, (round) => addedIn(round, "gateway") / addedIn(round, rival));
  return {
    figure,
    unit: "ms",
    direct: over(measured, (round) => at(round, "direct")),
    [rival]: added(rival),
    gateway: added("gateway"),
    ...(limit !== undefined && { compared, goal: atMost(limit, `× ${rival}`) }),
    conditions: measured.conditions,
  };
}
