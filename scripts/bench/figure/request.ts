/** Calls that do not stream, 50 at a time: processor time and number a second. */

import { chatBody, RELAYED_MODEL } from "../chat.ts";
import { interleaved, over } from "../rounds.ts";
import { atMost, type Row } from "../row.ts";
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
  const { conditions } = measured;
  return [
    {
      figure: `CPU per non-streaming request, ${CONNECTIONS} connections`,
      unit: "µs",
      nginx: over(measured, (r) => cpuPerCall(r.nginx, "nginx")),
      gateway: over(measured, (r) => cpuPerCall(r.gateway, "gateway")),
      node: over(measured, (r) => cpuPerCall(r.gateway, "node")),
      compared: over(
        measured,
        (r) => cpuPerCall(r.gateway, "gateway") / cpuPerCall(r.nginx, "nginx"),
      ),
      goal: atMost(2, "× nginx"),
      conditions,
    },
    {
      figure: "Against the floor: CPU per non-streaming request",
      unit: "µs",
      floor: over(measured, (r) => cpuPerCall(r.floor, "floor")),
      gateway: over(measured, (r) => cpuPerCall(r.gateway, "gateway")),
      compared: over(
        measured,
        (r) => cpuPerCall(r.gateway, "gateway") / cpuPerCall(r.floor, "floor"),
      ),
      goal: atMost(1.5, "× floor"),
      conditions,
    },
    {
      figure: "Node: CPU per non-streaming request",
      unit: "µs",
      node: over(measured, (r) => cpuPerCall(r.gateway, "node")),
      compared: over(
        measured,
        (r) => cpuPerCall(r.gateway, "node") / cpuPerCall(r.gateway, "gateway"),
      ),
      goal: atMost(1, "× gateway"),
      conditions,
    },
    {
      figure: "Requests per second, upstream, node and load on the other cores",
      unit: "1/s",
      direct: over(measured, (r) => r.direct.perSecond),
      nginx: over(measured, (r) => r.nginx.perSecond),
      floor: over(measured, (r) => r.floor.perSecond),
      gateway: over(measured, (r) => r.gateway.perSecond),
      conditions,
      note: "Bounded by the cores that upstream, node and load share, not by the gateway's.",
    },
  ];
}
