/** The bare relay with a node of its own before the same upstream: the runtime's floor. */

import { join } from "node:path";
import { freePort } from "../free_port.ts";
import { canConnect } from "./http_socket.ts";
import { startNode } from "./node.ts";
import { ServerProcess } from "./server_process.ts";
import type { Target } from "./target.ts";

export interface Floor extends Target {
  readonly process: ServerProcess;
  readonly node: ServerProcess;
}

export interface FloorOptions {
  upstreamPort: number;
  folder: string;
  cores: string;
}

/** Resolves once its node is connected. */
export async function startFloor({ upstreamPort, folder, cores }: FloorOptions): Promise<Floor> {
  const port = freePort();
  const process = new ServerProcess({
    name: "floor",
    command: [globalThis.process.execPath, join(import.meta.dir, "bare_relay.ts"), String(port)],
    folder,
    cores,
  });
  await process.ready(() => canConnect(port));
  const address = { url: `http://127.0.0.1:${port}`, wsUrl: `ws://127.0.0.1:${port}/ws` };
  const token = "not-checked";
  const node = await startNode(
    { ...address, clientToken: `client-${token}` },
    upstreamPort,
    join(folder, "node"),
  );
  return { port, token, process, node };
}
