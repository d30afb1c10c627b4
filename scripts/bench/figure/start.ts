/** How soon the gateway answers after it was started, and what it needs when it has nothing to do. */

import { join } from "node:path";
import { freePort } from "../../free_port.ts";
import { startServer } from "../gateway.ts";
import { HttpSocket } from "../http_socket.ts";
import { settledKib } from "../memory.ts";
import { metered } from "../meter.ts";
import { interleaved, over } from "../rounds.ts";
import { atMost, type Row } from "../row.ts";
import type { Bench } from "../stage.ts";
import type { StagedFigure } from "./figure.ts";

const REQUEST = Buffer.from("GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");

export const startFigure: StagedFigure = {
  name: "start",
  about: "start-up and idle memory",
  measure: ({ bench }) => measure(bench),
};

async function measure(bench: Bench): Promise<Row[]> {
  const { size } = bench;
  // Kept over the rounds: all but the first, which is not counted, find their database made.
  const folder = join(bench.folder, "start");
  const gateway = async () => {
    const { result, foreignCores } = await metered({}, () => startOnce(bench, folder));
    return { ...result, foreignCores };
  };
  const measured = await interleaved({ gateway }, size);
  const { conditions } = measured;
  return [
    {
      figure: "Start-up of bin/server to its first answer",
      unit: "ms",
      gateway: over(measured, (r) => r.gateway.startMs),
      goal: atMost(100, "ms"),
      conditions,
    },
    {
      figure: "Memory of an idle gateway",
      unit: "MiB",
      gateway: over(measured, (r) => r.gateway.idleMib),
      goal: atMost(60, "MiB"),
      conditions,
    },
  ];
}

async function startOnce(bench: Bench, folder: string) {
  const startedMs = performance.now();
  const port = freePort();
  const process = await startServer({ folder, cores: bench.cores.measured }, port);
  await answered(await HttpSocket.connect(port));
  const startMs = performance.now() - startedMs;
  const idleKib = await settledKib(process.pid, bench.size.settleMs);
  await process.stop();
  return { startMs, idleMib: idleKib / 1024 };
}

function answered(socket: HttpSocket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const end = () => {
    socket.close();
    resolve();
  };
  socket.send(REQUEST, { content: () => {}, end, fail: reject });
  return promise;
}
