/** The listening sockets: one port for everyone; with TLS one for plain HTTP; and for a worker one more for other gateways. */

import type { Server } from "bun";
import { createApp, createPlainApp } from "./app.ts";
import type { Config } from "./base/config.ts";
import { advertisedUrl } from "./cluster/address.ts";
import type { WebServer } from "./http/env.ts";
import { RequestTurns } from "./http/request_turns.ts";
import type { GatewayParts } from "./gateway_parts.ts";
import { socketHandlers } from "./sockets.ts";
import type { Certificates, KeyPair } from "./tls/certificates.ts";
import { reachableUrl } from "./urls.ts";

export interface Listener {
  /** For people on this machine. */
  readonly url: string;
  /** For other gateways. */
  readonly peerUrl: string;
  /** Accepts no connection any more; resolves when the last answer is written, or at once if `isHard`. */
  stop(isHard: boolean): Promise<void>;
}

/** Whether a listener can take over a port before the one before it lets go. */
const CAN_SHARE_PORT = process.platform !== "win32";

/** Resolves once it listens, with TLS once there is a certificate. Throws the runtime's error where a port cannot be used. */
export async function listen(
  config: Config,
  parts: GatewayParts,
  isWorker: boolean,
  onWaiting = () => {},
): Promise<Listener> {
  const { host, port } = config;
  const app = createApp(parts);
  const serveApp = (over: { port: number; reusePort: boolean; tls?: KeyPair }) =>
    serve(config, parts, app, over);
  const { certificates } = parts;
  if (certificates !== null) {
    return await listenSecurely(config, parts, certificates, isWorker, onWaiting);
  }
  const server = serveApp({ port, reusePort: isWorker });
  const peerServer = isWorker ? serveApp({ port: 0, reusePort: false }) : server;
  return {
    url: reachableUrl(host, portOf(server)),
    peerUrl: advertisedUrl(config, portOf(peerServer), isWorker),
    async stop(isHard) {
      await server.stop(isHard);
      if (isHard) await peerServer.stop(true);
    },
  };
}

/**
 * Plain HTTP first, where the authority finds its challenges; HTTPS with the first certificate. The
 * runtime cannot change a listener's certificate, so each new one gets a listener of its own at the same
 * port, and the one before serves the connections that it has.
 */
async function listenSecurely(
  config: Config,
  parts: GatewayParts,
  certificates: Certificates,
  isWorker: boolean,
  onWaiting: () => void,
): Promise<Listener> {
  const { host, port, httpPort, advertiseUrl } = config;
  const app = createApp(parts);
  let current: WebServer | null = null;
  /** Each with its end, which is when its last connection has ended. */
  const retired = new Map<WebServer, Promise<void>>();
  const secureServer = (tls: KeyPair, atPort: number) =>
    serve(config, parts, app, { port: atPort, reusePort: CAN_SHARE_PORT, tls });
  const plainApp = createPlainApp(parts, certificates, () => current && portOf(current));
  // Gateways dial each other without TLS, at a worker's own port or at that of plain HTTP.
  const needsPeerPort = parts.cluster !== null && (isWorker || httpPort === null);
  const plain = httpPort === null
    ? null
    : serve(config, parts, plainApp, { port: httpPort, reusePort: isWorker });
  const peers = needsPeerPort
    ? serve(config, parts, plainApp, { port: 0, reusePort: false })
    : plain;
  if (!isWorker) refuseTakenPort(config);
  const starting = certificates.start((tls) => {
    if (current === null) return;
    const before = current;
    const retire = () =>
      retired.set(before, before.stop(false).finally(() => retired.delete(before)));
    const atPort = portOf(before);
    if (!CAN_SHARE_PORT) retire();
    current = secureServer(tls, atPort);
    if (CAN_SHARE_PORT) retire();
  });
  onWaiting();
  const first = await starting;
  current = secureServer(first, port);
  const isPeerSecure = peers === null || advertiseUrl?.startsWith("https:") === true && !isWorker;
  return {
    url: reachableUrl(host, portOf(current), "https"),
    peerUrl: advertisedUrl(config, portOf(isPeerSecure ? current : peers), !isPeerSecure),
    async stop(isHard) {
      await certificates.close();
      const servers = [current, plain, ...isHard ? [peers, ...retired.keys()] : []];
      await Promise.all([
        ...servers.map((server) => server?.stop(isHard)),
        ...retired.values(),
      ]);
    },
  };
}

/** Listeners that share a port would share it with another program's, too: only another worker's may be there. */
function refuseTakenPort({ host, port }: Config): void {
  if (port !== 0) Bun.listen({ hostname: host, port, socket: { data() {} } }).stop(true);
}

function serve(
  { host, callerIdleMs, maxBodyBytes }: Config,
  { links, cluster }: GatewayParts,
  app: ReturnType<typeof createApp>,
  { port, reusePort, tls }: { port: number; reusePort: boolean; tls?: KeyPair },
): WebServer {
  const server: WebServer = Bun.serve({
    hostname: host,
    port,
    reusePort,
    ...(tls && { tls }),
    // A running call lifts this timeout for its connection.
    idleTimeout: callerIdleMs / 1000,
    // The handlers enforce the limit itself, with a proper error; this one is a backstop.
    maxRequestBodySize: maxBodyBytes * 4,
    fetch: (request: Request) => turns.take(request),
    websocket: cluster === null
      ? links.handlers()
      : socketHandlers(links.handlers(), cluster.handlers()),
  });
  // The runtime forgets a listener's port when it stops, while its connections are still served.
  const env = { server, port: portOf(server) };
  const turns = new RequestTurns((request) => app.fetch(request, env));
  return server;
}

function portOf(server: Server<unknown>): number {
  return server.port ?? 0;
}
