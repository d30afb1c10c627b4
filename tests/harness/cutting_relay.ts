/** A relay before the gateway that cuts, or freezes, every connection through it when a test says so. */

import { connect, createServer, type Socket } from "node:net";
import { endAfterTests } from "./cleanup.ts";

export interface CuttingRelay {
  readonly url: string;
  /** Connections that were made in all. */
  readonly dials: number;
  /** Resets all connections. */
  cut(): void;
  /** Connections go to another port from now on, as a balancer sends them to another gateway. */
  redirect(port: number): void;
  /** Passes nothing more on over the connections of now, which stay open. */
  freeze(): void;
}

/** `host`: the address of this machine at which it listens. */
export async function startCuttingRelay(
  toPort: number,
  host = "127.0.0.1",
): Promise<CuttingRelay> {
  let pairs: [Socket, Socket][] = [];
  let dials = 0;
  const server = createServer((near) => {
    dials++;
    const far = connect(toPort, "127.0.0.1");
    near.pipe(far).pipe(near);
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
    pairs.push([near, far]);
  });
  const end = () => {
    for (const [near, far] of pairs) {
      near.destroy();
      far.destroy();
    }
    pairs = [];
  };
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, host, resolve);
  await promise;
  endAfterTests(() => {
    end();
    server.close();
  });
  return {
    url: `ws://${host}:${(server.address() as { port: number }).port}/ws`,
    get dials() {
      return dials;
    },
    cut: end,
    redirect(port) {
      toPort = port;
    },
    freeze() {
      for (const [near, far] of pairs) {
        near.unpipe(far);
        far.unpipe(near);
        // Bytes that come are read and lost, as on a half-open link.
        near.resume();
        far.resume();
      }
    },
  };
}
