/** A real gateway under measurement, as it is run: authenticating, limiting, counting and logging. */

import { existsSync, mkdirSync } from "node:fs";
import { freePort } from "../free_port.ts";
import { ensureAccount } from "../quickstart/account.ts";
import { at } from "../root.ts";
import { canConnect } from "./http_socket.ts";
import { ServerProcess } from "./server_process.ts";
import type { Target } from "./target.ts";

export interface Gateway extends Target {
  readonly url: string;
  readonly wsUrl: string;
  readonly clientToken: string;
  readonly process: ServerProcess;
}

export interface GatewayOptions {
  folder: string;
  cores: string;
  /** Worker processes, which need a shared database and Redis; absent: one process without workers. */
  workers?: number;
  /** The executable; absent: bin/server. */
  program?: string;
  /** More settings. */
  env?: Record<string, string>;
}

/** Starts the executable with an empty SQLite database, makes an account, and resolves with its tokens. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const port = freePort();
  const process = await startServer(options, port);
  const url = `http://127.0.0.1:${port}`;
  const { user } = await ensureAccount(url, options.folder);
  return {
    port,
    url,
    wsUrl: `ws://127.0.0.1:${port}/ws`,
    token: user.api_token,
    clientToken: user.client_token,
    process,
  };
}

/** Only the program; resolves once it takes connections. */
export async function startServer(
  { folder, cores, env, workers, program = at("bin", "server") }: GatewayOptions,
  port: number,
): Promise<ServerProcess> {
  if (!existsSync(program)) throw new Error("Cannot measure: bin/server is missing; bun run build");
  mkdirSync(folder, { recursive: true });
  const process = new ServerProcess({
    name: "gateway",
    command: workers === undefined ? [program] : [program, "--workers", String(workers)],
    folder,
    cores,
    env: {
      PORT: String(port),
      COLINK_HOST: "127.0.0.1",
      COLINK_DATA_DIR: folder,
      // The highest that can be set: the limiter works, and lets all calls through.
      COLINK_DEFAULT_RPM: "1000000",
      COLINK_SIGN_INS_PER_MINUTE: "1000000",
      COLINK_ACCOUNTS_PER_HOUR: "1000000",
      COLINK_REFUSED_PER_MINUTE: "1000000",
      COLINK_DRAIN_SECONDS: "1",
      ...env,
    },
  });
  await process.ready(() => canConnect(port));
  return process;
}

/**
 * Resolves once the gateway's number of connected nodes is as wanted. Asked of its metrics: the
 * list of many nodes would be work, and memory, of its own.
 */
export async function untilNodes(url: string, isWanted: (nodes: number) => boolean): Promise<void> {
  const endMs = performance.now() + 60_000;
  for (;;) {
    const nodes = await connectedNodes(url);
    if (isWanted(nodes)) return;
    if (performance.now() > endMs) {
      throw new Error(`Cannot measure: the gateway has ${nodes} nodes, not the number wanted`);
    }
    await Bun.sleep(50);
  }
}

export async function connectedNodes(url: string): Promise<number> {
  const response = await fetch(`${url}/metrics`);
  const nodes = /^colink_nodes (\d+)$/m.exec(await response.text())?.[1];
  if (nodes === undefined) throw new Error("Cannot measure: /metrics does not tell colink_nodes");
  return Number(nodes);
}
