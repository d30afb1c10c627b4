/** What nodes cost that are merely connected: memory, and the choice among them. */

import { join } from "node:path";
import { Crowd } from "../crowd.ts";
import { type Gateway, startGateway } from "../gateway.ts";
import { settledKib } from "../memory.ts";
import { metered } from "../meter.ts";
import { interleaved, over } from "../rounds.ts";
import { atMost, type Row } from "../row.ts";
import type { Bench, Stage } from "../stage.ts";
import { cpuPerCall, gatewaySample } from "../wrk_sample.ts";
import type { StagedFigure } from "./figure.ts";

/** Asked for, and served by one node. */
const ASKED_MODEL = "bench-asked";
/** Served by the crowd. */
const CROWD_MODEL = "bench-crowd";
const CONNECTIONS = 50;

export const idleNodesFigure: StagedFigure = {
  name: "idle-nodes",
  about: "many connected nodes",
  async measure({ bench }: Stage) {
    return [await measureMemory(bench), ...await measureChoice(bench)];
  },
};

/** A new gateway for each round: one that has held many nodes does not give their memory back. */
async function measureMemory(bench: Bench): Promise<Row> {
  const [few, many] = bench.size.idleNodes;
  const { settleMs, freshRounds } = bench.size;
  let number = 0;
  const gateway = async () => {
    const { result, foreignCores } = await metered({}, async () => {
      const folder = join(bench.folder, `idle-nodes-${++number}`);
      const { gateway, crowd } = await startCrowd(bench, folder);
      await crowd.grow(CROWD_MODEL, few);
      const before = await settledKib(gateway.process.pid, settleMs);
      await crowd.grow(CROWD_MODEL, many - few);
      const after = await settledKib(gateway.process.pid, settleMs);
      await stop(gateway, crowd);
      return (after - before) / (many - few);
    });
    return { kib: result, foreignCores };
  };
  // Memory does not mind who else runs.
  const measured = await interleaved({ gateway }, {
    rounds: freshRounds,
    maxForeignCores: Infinity,
    maxRepeats: 0,
    warmsUp: false,
  });
  return {
    figure: `Memory per idle node, ${count(few)} to ${count(many)} nodes`,
    unit: "KiB",
    gateway: over(measured, (r) => r.gateway.kib),
    goal: atMost(8, "KiB"),
    conditions: measured.conditions,
  };
}

/** Two gateways side by side, one with few nodes and one with many. */
async function measureChoice(bench: Bench): Promise<Row[]> {
  const [, many] = bench.size.idleNodes;
  const calm = await startCrowd(bench, join(bench.folder, "few-nodes"));
  const full = await startCrowd(bench, join(bench.folder, "many-nodes"));
  for (const { crowd } of [calm, full]) await crowd.grow(ASKED_MODEL, 1);
  await calm.crowd.grow(CROWD_MODEL, CONNECTIONS);
  await full.crowd.grow(CROWD_MODEL, many);
  const load = ({ gateway }: Surroundings, model: string) => () =>
    gatewaySample(bench, gateway, model, CONNECTIONS);
  const measured = await interleaved({
    calmAsked: load(calm, ASKED_MODEL),
    fullAsked: load(full, ASKED_MODEL),
    calmCrowd: load(calm, CROWD_MODEL),
    fullCrowd: load(full, CROWD_MODEL),
  }, bench.size);
  for (const { gateway, crowd } of [calm, full]) await stop(gateway, crowd);
  const rowOf = (figure: string, fewNodes: "calmAsked" | "calmCrowd", note: string): Row => {
    const manyNodes = fewNodes === "calmAsked" ? "fullAsked" : "fullCrowd";
    const base = over(measured, (r) => cpuPerCall(r[fewNodes], "gateway")).median;
    return {
      figure,
      unit: "µs",
      gateway: over(measured, (r) => cpuPerCall(r[manyNodes], "gateway")),
      compared: over(
        measured,
        (r) => cpuPerCall(r[manyNodes], "gateway") / cpuPerCall(r[fewNodes], "gateway"),
      ),
      goal: atMost(1.1, "× with few"),
      conditions: measured.conditions,
      note: note.replace("BASE", `${base.toFixed(1)} µs`),
    };
  };
  return [
    rowOf(
      `CPU per request, ${count(many)} idle nodes connected`,
      "calmAsked",
      `One scripted node answers. With ${CONNECTIONS} idle nodes: BASE.`,
    ),
    rowOf(
      `CPU per request, ${count(many)} nodes serve its model`,
      "calmCrowd",
      `Scripted nodes answer. With ${CONNECTIONS} nodes: BASE.`,
    ),
  ];
}

interface Surroundings {
  gateway: Gateway;
  crowd: Crowd;
}

async function startCrowd(bench: Bench, folder: string): Promise<Surroundings> {
  const gateway = await startGateway({ folder, cores: bench.cores.measured });
  return { gateway, crowd: new Crowd(gateway) };
}

async function stop(gateway: Gateway, crowd: Crowd): Promise<void> {
  await crowd.stop();
  await gateway.process.stop();
}

function count(nodes: number): string {
  return nodes.toLocaleString("en");
}
