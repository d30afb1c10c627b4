/** What a long prompt costs more than a short one, measured in parses of it. */

import { chatBody, RELAYED_MODEL } from "../chat.ts";
import { interleaved, over } from "../rounds.ts";
import { atMost, type Row } from "../row.ts";
import type { Stage } from "../stage.ts";
import type { Target } from "../target.ts";
import { cpuPerCall, wrkSample } from "../wrk_sample.ts";
import type { StagedFigure } from "./figure.ts";

const PROMPT_BYTES = 100 * 1024;
const CONNECTIONS = 10;

export const promptFigure: StagedFigure = {
  name: "prompt",
  about: "a prompt of 100 KB",
  measure,
};

async function measure(stage: Stage): Promise<Row[]> {
  const { size, folder } = stage.bench;
  const small = chatBody({ model: RELAYED_MODEL, streaming: null });
  const large = chatBody({ model: RELAYED_MODEL, streaming: null, promptBytes: PROMPT_BYTES });
  const load = (target: Target, body: string) => async () => {
    const seconds = size.loadSeconds;
    const options = { target, body, connections: CONNECTIONS, seconds, folder };
    const sample = { ...await wrkSample(stage.watched, options), parseUs: parseUs(large) };
    stage.forgetLogs();
    return sample;
  };
  const { nginx, gateway } = stage.targets;
  const measured = await interleaved({
    nginxSmall: load(nginx, small),
    nginxLarge: load(nginx, large),
    gatewaySmall: load(gateway, small),
    gatewayLarge: load(gateway, large),
  }, size);
  const more = (r: typeof measured.rounds[number], name: "nginx" | "gateway", who: string) =>
    cpuPerCall(r[`${name}Large`], who) - cpuPerCall(r[`${name}Small`], who);
  const parse = over(measured, (r) => r.gatewayLarge.parseUs);
  return [{
    figure: "CPU of a 100 KB prompt, more than a small request",
    unit: "µs",
    nginx: over(measured, (r) => more(r, "nginx", "nginx")),
    gateway: over(measured, (r) => more(r, "gateway", "gateway")),
    node: over(measured, (r) => more(r, "gateway", "node")),
    compared: over(measured, (r) => more(r, "gateway", "gateway") / r.gatewayLarge.parseUs),
    goal: atMost(1.2, "× one JSON.parse"),
    conditions: measured.conditions,
    note: `One JSON.parse of the same body takes ${Math.round(parse.median)} µs.`,
  }];
}

/** Time of one parse, in microseconds, here and now. */
function parseUs(body: string): number {
  const parses = 200;
  const startMs = performance.now();
  for (let i = 0; i < parses; i++) JSON.parse(body);
  return (performance.now() - startMs) * 1000 / parses;
}
