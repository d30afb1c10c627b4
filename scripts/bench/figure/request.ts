/** Calls that do not stream, 50 at a time: processor time and number a second. */

import { chatBody, RELAYED_MODEL } from "../chat.ts";
import { costRows } from "../cost_rows.ts";
import { interleaved, over } from "../rounds.ts";
import type { Row } from "../row.ts";
import type { Stage } from "../stage.ts";
import type { Target } from "../target.ts";
import { cpuPerCall, wrkSample } from "../wrk_sample.ts";
import type { StagedFigure } from "./figure.ts";

const CONNECTIONS = 50;

export const requestFigure: StagedFigure = {
  name: "request",
  about: `calls that do not stream, ${CONNECTIONS} at a time`,
  measure,
};

async function measure(stage: Stage): Promise<Row[]> {
  const { size, folder } = stage.bench;
  const body = chatBody({ model: RELAYED_MODEL, streaming: null });
  const load = (target: Target) => async () => {
    const seconds = size.loadSeconds;
    const options = { target, body, connections: CONNECTIONS, seconds, folder };
    const sample = await wrkSample(stage.watched, options);
    stage.forgetLogs();
    return sample;
  };
  const { direct, nginx, floor, gateway } = stage.targets;
  const measured = await interleaved({
    direct: load(direct),
    nginx: load(nginx),
    floor: load(floor),
    gateway: load(gateway),
  }, size);
  return [
    ...costRows({
      figure: `CPU per non-streaming request, ${CONNECTIONS} connections`,
      measured,
      cost: cpuPerCall,
      limits: { nginx: 2, floor: 1.5 },
    }),
    {
      figure: "Requests per second, upstream, node and load on the other cores",
      unit: "1/s",
      direct: over(measured, (r) => r.direct.perSecond),
      nginx: over(measured, (r) => r.nginx.perSecond),
      floor: over(measured, (r) => r.floor.perSecond),
      gateway: over(measured, (r) => r.gateway.perSecond),
      conditions: measured.conditions,
      note: "Bounded by the cores that upstream, node and load share, not by the gateway's.",
    },
  ];
}
