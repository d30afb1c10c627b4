/** Readers in a process of their own that ask for a long stream, take its first bytes, and then nothing more. */

import { connect } from "node:net";

/** Be so many of them. */
export interface ReadersOrder {
  port: number;
  /** The whole call, as it goes over the socket. */
  request: string;
  count: number;
}

/** Sent once all have begun to read and stopped, or when one cannot. */
export interface ReadersReport {
  problem?: string;
}

/** Calls that begin at a time. */
const AT_A_TIME = 25;

async function obey({ port, request, count }: ReadersOrder): Promise<ReadersReport> {
  try {
    for (let left = count; left > 0; left -= AT_A_TIME) {
      const batch = Math.min(left, AT_A_TIME);
      await Promise.all(Array.from({ length: batch }, () => stall(port, request)));
    }
    return {};
  } catch (error) {
    return { problem: String(error) };
  }
}

/** Resolves when the reader has its first bytes. */
function stall(port: number, request: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(port, "127.0.0.1", () => void socket.write(request));
  socket.once("data", (bytes) => {
    socket.pause();
    if (bytes.toString().startsWith("HTTP/1.1 200")) resolve();
    else reject(new Error(bytes.toString()));
  });
  socket.on("error", reject);
  return promise;
}

process.on("message", async (order: ReadersOrder) => process.send?.(await obey(order)));
process.on("disconnect", () => process.exit(0));
