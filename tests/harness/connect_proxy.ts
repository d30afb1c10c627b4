/** A proxy that passes connections on by CONNECT, as those of companies do, and leads every name to this machine. */

import { connect, createServer } from "node:net";
import { endAfterTests } from "./cleanup.ts";

export interface ConnectProxy {
  /** With the credentials that it wants. */
  readonly url: string;
  /** `host:port` of every connection that it passed on. */
  readonly passed: readonly string[];
}

export async function startConnectProxy(): Promise<ConnectProxy> {
  const passed: string[] = [];
  const credentials = `Basic ${btoa("user:password")}`;
  const server = createServer((near) => {
    near.on("error", () => {});
    near.once("data", (bytes) => {
      const head = bytes.toString("latin1");
      const [, name = "", port] = /^CONNECT ([^:]+):(\d+) /.exec(head) ?? [];
      if (!head.includes(credentials)) {
        return void near.end(
          "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n",
        );
      }
      passed.push(`${name}:${port}`);
      const far = connect(Number(port), "127.0.0.1", () => {
        near.write("HTTP/1.1 200 Connection established\r\n\r\n");
        near.pipe(far).pipe(near);
      });
      far.on("error", () => near.destroy());
    });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  endAfterTests(() => void server.close());
  const { port } = server.address() as { port: number };
  return { url: `http://user:password@127.0.0.1:${port}`, passed };
}
