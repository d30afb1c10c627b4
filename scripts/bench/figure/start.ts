/** How soon the gateway answers after it was started, and what it needs when it has nothing to do. */

import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../free_port.ts";
import { run } from "../../program.ts";
import { at } from "../../root.ts";
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
  const program = await installedProgram(folder);
  const gateway = async () => {
    const { result, foreignCores } = await metered({}, () => startOnce(bench, folder, program));
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

/**
 * A copy that the kernel reads from the disk, as it does where the gateway is installed. It maps a file
 * that was just written in larger pieces, more of which then count as resident.
 */
async function installedProgram(folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const program = join(folder, "server");
  copyFileSync(at("bin", "server"), program);
  const command = ["dd", `of=${program}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"];
  const { code, output } = await run(command);
  if (code !== 0) throw new Error(`Cannot take ${program} out of the kernel's cache: ${output}`);
  return program;
}

async function startOnce(bench: Bench, folder: string, program: string) {
  const startedMs = performance.now();
  const port = freePort();
  const process = await startServer({ folder, cores: bench.cores.measured, program }, port);
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
