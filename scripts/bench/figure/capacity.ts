/** How many streams of 20 chunks a second one gateway core carries, none lost and none stalled. */

import { Crowd } from "../crowd.ts";
import { type Cost, metered } from "../meter.ts";
import { interleaved, over } from "../rounds.ts";
import { atLeast, type Row } from "../row.ts";
import type { Stage } from "../stage.ts";
import { loadWithStreams } from "../stream_load.ts";
import type { StagedFigure } from "./figure.ts";

const MODEL = "bench-capacity";
const PACE_MS = 50;
/** A stream has stalled when it was silent for so many times its pace. */
const STALLED_AFTER_PACES = 10;
const NODES = 20;

export const capacityFigure: StagedFigure = {
  name: "capacity",
  about: "streams of 20 chunks per second on one gateway core",
  measure,
};

interface Step extends Pick<Cost, "foreignCores"> {
  streams: number;
  isGood: boolean;
  /** Shares of a core. */
  gatewayBusy: number;
  restBusy: number;
}

async function measure(stage: Stage): Promise<Row[]> {
  const { size } = stage.bench;
  const crowd = new Crowd(stage.gateway);
  await crowd.grow(MODEL, NODES);
  const measured = await interleaved({ gateway: () => climb(stage, crowd) }, {
    ...size,
    rounds: size.freshRounds,
    warmsUp: false,
  });
  await crowd.stop();
  const busy = over(measured, (r) => r.gateway.gatewayBusy).median;
  const rest = over(measured, (r) => r.gateway.restBusy).median;
  const highest = size.capacitySteps.at(-1) ?? 0;
  return [{
    figure: "Streams of 20 chunks/s on one core, none lost or stalled",
    unit: "streams",
    gateway: over(measured, (r) => r.gateway.streams),
    goal: atLeast(2000, "streams"),
    conditions: measured.conditions,
    note:
      `${NODES} scripted nodes answer; more than ${
        highest.toLocaleString("en")
      } was not tried. At the last step ` +
      `that went well, the gateway kept ${percent(busy)} of its core busy, nodes and callers ` +
      `${percent(rest)} of one.`,
  }];
}

/** The last step that went well, on the way up to the first that did not. */
async function climb(stage: Stage, crowd: Crowd): Promise<Step> {
  let last: Step = { streams: 0, isGood: true, gatewayBusy: 0, restBusy: 0, foreignCores: 0 };
  let foreignCores = 0;
  for (const streams of stage.bench.size.capacitySteps) {
    const step = await oneStep(stage, crowd, streams);
    stage.forgetLogs();
    foreignCores = Math.max(foreignCores, step.foreignCores);
    if (!step.isGood) break;
    last = step;
  }
  return { ...last, foreignCores };
}

async function oneStep(stage: Stage, crowd: Crowd, streams: number): Promise<Step> {
  const { capacitySeconds } = stage.bench.size;
  const streaming = { chunks: Math.ceil(capacitySeconds * 1000 / PACE_MS), paceMs: PACE_MS };
  const watched = { gateway: stage.gateway.process.pid, crowd: crowd.pid };
  const ownCpu = process.cpuUsage();
  const { result, seconds, cpuMs, foreignCores } = await metered(
    watched,
    () => loadWithStreams({ target: stage.gateway, model: MODEL, streams, streaming }),
  );
  const { user, system } = process.cpuUsage(ownCpu);
  const busy = (ms: number) => ms / 1000 / seconds;
  return {
    streams,
    isGood: result.broken === 0 && result.longestGapMs <= PACE_MS * STALLED_AFTER_PACES,
    gatewayBusy: busy(cpuMs.gateway ?? 0),
    restBusy: busy((cpuMs.crowd ?? 0) + (user + system) / 1000),
    foreignCores,
  };
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
