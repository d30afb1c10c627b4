/** Time that nginx, and gateway and node, add to a call: one caller, one call at a time. */

import { chatBody, RELAYED_MODEL } from "../chat.ts";
import { HttpSocket } from "../http_socket.ts";
import { metered } from "../meter.ts";
import { interleaved, type Measurement, over, type Round, type Sample } from "../rounds.ts";
import { atMost, type Goal, type Row } from "../row.ts";
import type { Stage } from "../stage.ts";
import { quantile, type Spread } from "../statistics.ts";
import { requestBytes, type VariantName } from "../target.ts";
import { timedCall } from "../timed_call.ts";
import type { Figure } from "./figure.ts";

/** A stream's first chunks come at once, as far as this is concerned. */
const STREAMING = { chunks: 3, paceMs: 1 };

export const latencyFigure: Figure = {
  name: "latency",
  about: "added time to the answer and to the first token",
  async measure(stage) {
    const answers = await measure(stage, false);
    const firstTokens = await measure(stage, true);
    return [
      row("Added latency, non-streaming, p50", answers, 0.5, atMost(2.5, "× nginx")),
      row("Added latency, non-streaming, p99", answers, 0.99),
      row("Added time to first token, p50", firstTokens, 0.5, atMost(3, "× nginx")),
      row("Added time to first token, p99", firstTokens, 0.99, atMost(4, "× nginx")),
    ];
  },
};

/** One round's times of every variant, in milliseconds. */
interface Times extends Sample {
  times: Record<VariantName, number[]>;
}

/** The variants take turns call by call, so that whatever slows the machine down meets all of them. */
async function measure(stage: Stage, isStream: boolean): Promise<Measurement<"all", Times>> {
  const { size } = stage.bench;
  const body = chatBody({ model: RELAYED_MODEL, streaming: isStream ? STREAMING : null });
  const lines = await Promise.all(
    (["direct", "nginx", "gateway"] as const).map(async (name) => {
      const target = stage.targets[name];
      const socket = await HttpSocket.connect(target.port);
      return { name, socket, request: requestBytes(target, body) };
    }),
  );
  const all = async (): Promise<Times> => {
    const times: Times["times"] = { direct: [], nginx: [], gateway: [] };
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

function row(
  figure: string,
  measured: Measurement<"all", Times>,
  q: number,
  goal?: Goal,
): Row {
  const at = ({ all }: Round<"all", Times>, name: VariantName) => quantile(all.times[name], q);
  const added = (name: VariantName): Spread =>
    over(measured, (round) => at(round, name) - at(round, "direct"));
  const compared = over(
    measured,
    (round) =>
      (at(round, "gateway") - at(round, "direct")) / (at(round, "nginx") - at(round, "direct")),
  );
  return {
    figure,
    unit: "ms",
    direct: over(measured, (round) => at(round, "direct")),
    nginx: added("nginx"),
    gateway: added("gateway"),
    ...(goal ? { compared, goal } : {}),
    conditions: measured.conditions,
  };
}
