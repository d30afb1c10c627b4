/** The listening sockets: one port for everyone and, for a worker, one more for other gateways. */

import type { Server } from "bun";
import { createApp } from "./app.ts";
import type { Config } from "./base/config.ts";
import { advertisedUrl } from "./cluster/address.ts";
import type { WebServer } from "./http/env.ts";
import type { GatewayParts } from "./gateway_parts.ts";
import { socketHandlers } from "./sockets.ts";
import { reachableUrl } from "./urls.ts";

export interface Listener {
  /** For people on this machine. */
  readonly url: string;
  /** For other gateways. */
  readonly peerUrl: string;
  /** Accepts no connection any more; resolves when the last answer is written, or at once if `isHard`. */
  stop(isHard: boolean): Promise<void>;
}

/** Throws the runtime's error where the port cannot be used. */
export function listen(config: Config, parts: GatewayParts, isWorker: boolean): Listener {
  const { host, port, callerIdleMs, maxBodyBytes } = config;
  const { links, cluster } = parts;
  const app = createApp(parts);
  const serving = {
    hostname: host,
    // A running call lifts this timeout for its connection.
    idleTimeout: callerIdleMs / 1000,
    // The handlers enforce the limit itself, with a proper error; this one is a backstop.
    maxRequestBodySize: maxBodyBytes * 4,
    fetch: (request: Request, server: WebServer) => app.fetch(request, { server }),
    websocket: cluster === null
      ? links.handlers()
      : socketHandlers(links.handlers(), cluster.handlers()),
  };
  const server = Bun.serve({ ...serving, port, reusePort: isWorker });
  const peerServer = isWorker ? Bun.serve({ ...serving, port: 0 }) : server;
  const portOf = (one: Server<unknown>) => one.port ?? port;
  return {
    url: reachableUrl(host, portOf(server)),
    peerUrl: advertisedUrl(config, portOf(peerServer), isWorker),
    async stop(isHard) {
      await server.stop(isHard);
      if (isHard) await peerServer.stop(true);
    },
  };
}
