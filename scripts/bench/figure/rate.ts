/** How many calls a second one core of the gateway carries, where nothing else is in its way. */

import { chatBody, RELAYED_MODEL } from "../chat.ts";
import { Crowd } from "../crowd.ts";
import { interleaved, over } from "../rounds.ts";
import { atLeast, type Row } from "../row.ts";
import type { Stage } from "../stage.ts";
import type { Target } from "../target.ts";
import { coreShare, wrkSample } from "../wrk_sample.ts";
import type { StagedFigure } from "./figure.ts";

const CONNECTIONS = 50;
const SCRIPTED_MODEL = "bench-rate";

export const rateFigure: StagedFigure = {
  name: "rate",
  about: "requests per second of one gateway core",
  measure,
};

async function measure(stage: Stage): Promise<Row[]> {
  const { size, folder } = stage.bench;
  const crowd = new Crowd(stage.gateway);
  await crowd.grow(SCRIPTED_MODEL, 1);
  const load = (target: Target, model: string) => async () => {
    const body = chatBody({ model, streaming: null });
    const seconds = size.loadSeconds;
    const options = { target, body, connections: CONNECTIONS, seconds, folder };
    const sample = await wrkSample(stage.watched, options);
    stage.forgetLogs();
    return sample;
  };
  const { direct, nginx, gateway } = stage.targets;
  const measured = await interleaved({
    direct: load(direct, RELAYED_MODEL),
    nginx: load(nginx, RELAYED_MODEL),
    gateway: load(gateway, SCRIPTED_MODEL),
  }, size);
  await crowd.stop();
  const busy = {
    nginx: over(measured, (r) => coreShare(r.nginx, "nginx")).median,
    gateway: over(measured, (r) => coreShare(r.gateway, "gateway")).median,
  };
  return [{
    figure: `Requests per second of one core, ${CONNECTIONS} connections`,
    unit: "1/s",
    direct: over(measured, (r) => r.direct.perSecond),
    nginx: over(measured, (r) => r.nginx.perSecond),
    gateway: over(measured, (r) => r.gateway.perSecond),
    compared: over(measured, (r) => r.gateway.perSecond / r.nginx.perSecond),
    goal: atLeast(0.5, "× nginx"),
    conditions: measured.conditions,
    note: `The node is a scripted one that answers by itself. The measured core was ${
      percent(busy.nginx)
    } busy with nginx and ${percent(busy.gateway)} with the gateway.`,
  }];
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
