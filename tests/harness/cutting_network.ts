/** A network to a server that cuts connections after so many bytes of the server's. */

import { type AddressInfo, connect, createServer } from "node:net";
import { endAfterTests } from "./cleanup.ts";

/** How much of what has arrived on a connection still passes before it is cut; null: all, and it goes on. */
export type Cut = (bytes: Buffer, connection: number) => number | null;

export interface CuttingNetwork {
  readonly url: string;
  /** Connections that were cut. */
  readonly cuts: number;
}

export async function cuttingNetworkTo(url: string, cut: Cut): Promise<CuttingNetwork> {
  const { hostname, port } = new URL(url);
  let cuts = 0;
  let connections = 0;
  const server = createServer((near) => {
    const connection = connections++;
    const far = connect(Number(port), hostname);
    near.pipe(far);
    far.on("data", (bytes: Buffer) => {
      const at = cut(bytes, connection);
      if (at === null) return void near.write(bytes);
      cuts++;
      near.write(bytes.subarray(0, at), () => near.destroy());
      far.destroy();
    });
    for (const socket of [near, far]) socket.on("error", () => socket.destroy());
    near.on("close", () => far.destroy());
    far.on("close", () => near.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endAfterTests(() => void server.close());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get cuts() {
      return cuts;
    },
  };
}

/** Cuts each connection after so many bytes that `chance` gives; beyond 1 it is not cut. */
export function cutAtRandom(chance: () => number, withinBytes: number): Cut {
  const left = new Map<number, number>();
  return (bytes, connection) => {
    const before = left.get(connection) ?? Math.floor(chance() * withinBytes);
    left.set(connection, before - bytes.length);
    return before < bytes.length ? Math.max(0, before) : null;
  };
}
