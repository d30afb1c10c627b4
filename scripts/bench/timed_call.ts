/** One call, timed: to the first piece of the answer, and to its end. */

import type { HttpSocket } from "./http_socket.ts";

export interface CallTimes {
  /** To the first content: of a stream its first event, else the first byte. */
  firstMs: number;
  endMs: number;
}

/** Rejects when the answer is no 200 or ends early. */
export function timedCall(
  socket: HttpSocket,
  request: Buffer,
  isStream: boolean,
): Promise<CallTimes> {
  const { promise, resolve, reject } = Promise.withResolvers<CallTimes>();
  let firstMs: number | null = null;
  const startMs = performance.now();
  socket.send(request, {
    content(piece) {
      if (firstMs === null && (!isStream || piece.includes("data: {"))) {
        firstMs = performance.now() - startMs;
      }
    },
    end: () => resolve({ firstMs: firstMs ?? Infinity, endMs: performance.now() - startMs }),
    fail: reject,
  });
  return promise;
}
