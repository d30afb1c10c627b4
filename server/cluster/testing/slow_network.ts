/** A network to a server on which every byte takes a while. */

import { connect, createServer, type Socket } from "node:net";

export interface SlowNetwork {
  readonly url: string;
  stop(): void;
}

/** `delayMs` is the delay in each direction. */
export async function slowNetworkTo(url: string, delayMs: number): Promise<SlowNetwork> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    for (const [from, to] of [[near, far], [far, near]] as const) {
      sockets.add(from);
      from.on("data", (bytes) => void setTimeout(() => to.write(bytes), delayMs));
      from.on("error", () => {});
      from.on("close", () => to.destroy());
    }
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = new URL(url);
  address.hostname = "127.0.0.1";
  address.port = String((server.address() as { port: number }).port);
  return {
    url: address.href,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
