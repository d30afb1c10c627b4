/** The processor time of a gateway and of a node that have nothing to do but to stay connected. */

import { join } from "node:path";
import { Crowd } from "../crowd.ts";
import { type Gateway, startGateway } from "../gateway.ts";
import { metered } from "../meter.ts";
import { startNode } from "../node.ts";
import { interleaved, over } from "../rounds.ts";
import { atMost, type Row } from "../row.ts";
import type { ServerProcess } from "../server_process.ts";
import type { Bench } from "../stage.ts";
import type { StagedFigure } from "./figure.ts";

const CROWD_MODEL = "bench-idle";

export const idleWorkFigure: StagedFigure = {
  name: "idle-work",
  about: "processor time of a gateway and a node without calls",
  measure: ({ bench }) => measure(bench),
};

async function measure(bench: Bench): Promise<Row[]> {
  const { size } = bench;
  const folder = join(bench.folder, "idle-work");
  const gateway = await startGateway({ folder, cores: bench.cores.measured });
  const node = await startNode(gateway, bench.upstream.port, join(folder, "node"));
  const crowd = new Crowd(gateway);
  await crowd.grow(CROWD_MODEL, size.idleCrowd);
  await Bun.sleep(size.settleMs);
  const idle = () => idleSample(gateway, node, size.idleSeconds);
  // Processor time is counted for each program by itself, so that others may run meanwhile.
  const measured = await interleaved({ idle }, {
    rounds: size.freshRounds,
    maxForeignCores: Infinity,
    maxRepeats: 0,
    // For half a minute after the nodes have come, the runtime still collects and compiles.
    warmsUp: true,
  });
  await crowd.stop();
  await node.stop();
  await gateway.process.stop();
  const { conditions } = measured;
  return [
    {
      figure: `CPU of a gateway with ${size.idleCrowd.toLocaleString("en")} idle nodes`,
      unit: "% of a core",
      gateway: over(measured, (r) => r.idle.gateway),
      goal: atMost(0.5, "%"),
      conditions,
      note: "Its /metrics were read within the last five minutes, so that it also measures its " +
        "event loop.",
    },
    {
      figure: "Node: CPU of an idle node",
      unit: "% of a core",
      node: over(measured, (r) => r.idle.node),
      compared: over(measured, (r) => r.idle.node),
      goal: atMost(0.1, "%"),
      conditions,
    },
  ];
}

/** Shares of one core, in percent. */
async function idleSample({ process }: Gateway, node: ServerProcess, idleSeconds: number) {
  const watched = { gateway: process.pid, node: node.pid };
  const { cpuMs, seconds, foreignCores } = await metered(
    watched,
    () => Bun.sleep(idleSeconds * 1000),
  );
  const share = (name: keyof typeof watched) => (cpuMs[name] ?? 0) / 1000 / seconds * 100;
  return { gateway: share("gateway"), node: share("node"), foreignCores };
}
