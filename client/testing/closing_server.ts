/** An HTTP server for tests whose kept connections are closed by the next request over them. */

import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

export interface ClosingServer {
  readonly url: string;
  /** Requests that came over each connection, in the order of the connections. */
  readonly requests: readonly number[];
  stop(): void;
}

/**
 * Answers the first `answers` requests of each connection with `body`, and closes at the next one. It
 * answers nothing before requests have come over so many `connections`.
 */
export async function startClosingServer(
  body: string,
  { answers = 1, connections = 1 } = {},
): Promise<ClosingServer> {
  const requests: number[] = [];
  const sockets: Socket[] = [];
  const waiting: (() => void)[] = [];
  const server = createServer((socket) => {
    const position = requests.push(0) - 1;
    sockets.push(socket);
    let received = "";
    socket.on("error", () => {/* The client hung up. */});
    socket.on("data", (bytes) => {
      received += bytes;
      const [head = "", content] = received.split("\r\n\r\n", 2);
      const announced = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (content === undefined || content.length < announced) return;
      received = "";
      requests[position]!++;
      if (requests[position]! > answers) return void socket.end();
      const headers = `content-type: application/json\r\ncontent-length: ${body.length}`;
      waiting.push(() => socket.write(`HTTP/1.1 200 OK\r\n${headers}\r\n\r\n${body}`));
      if (sockets.length >= connections) { for (const answer of waiting.splice(0)) answer(); }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const stop = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { url: `http://127.0.0.1:${port}`, requests, stop };
}
