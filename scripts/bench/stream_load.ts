/** Many streams at a time, read by sockets of our own: every chunk counted, every long gap noticed. */

import type { Streaming } from "./chat.ts";
import { chatBody } from "./chat.ts";
import { EventCounter } from "./event_counter.ts";
import { HttpSocket } from "./http_socket.ts";
import { requestBytes, type Target } from "./target.ts";

export interface StreamLoad {
  target: Target;
  model: string;
  streams: number;
  streaming: Streaming;
  /** So long each stream is followed by another one; 0: each connection makes one call. */
  repeatMs?: number;
}

export interface StreamLoadResult {
  /** Chunks with content that came. */
  chunks: number;
  /** Calls that ended well. */
  calls: number;
  /** Longest time between two pieces of one stream. */
  longestGapMs: number;
  /** Streams that did not bring every chunk and `[DONE]`. */
  broken: number;
}

/** Resolves when every stream has ended. Rejects when an answer is no 200 or a connection is lost. */
export async function loadWithStreams(load: StreamLoad): Promise<StreamLoadResult> {
  const { target, model, streams, streaming, repeatMs = 0 } = load;
  const request = requestBytes(target, chatBody({ model, streaming }));
  const sockets = await connectAll(target, streams);
  const total: StreamLoadResult = { chunks: 0, calls: 0, longestGapMs: 0, broken: 0 };
  const untilMs = performance.now() + repeatMs;
  const follow = async (socket: HttpSocket, i: number) => {
    // Callers come one after the other: all at once, their chunks would be in step indefinitely.
    await Bun.sleep(streaming.paceMs * i / streams);
    do add(total, await readStream(socket, request, streaming)); while (
      performance.now() < untilMs
    );
  };
  try {
    await Promise.all(sockets.map(follow));
  } finally {
    sockets.forEach((socket) => socket.close());
  }
  return total;
}

/** Opens connections in small groups: a listener's line is short. */
export async function connectAll({ port }: Target, count: number): Promise<HttpSocket[]> {
  const sockets: HttpSocket[] = [];
  while (sockets.length < count) {
    const group = Array.from(
      { length: Math.min(50, count - sockets.length) },
      () => HttpSocket.connect(port),
    );
    sockets.push(...await Promise.all(group));
  }
  return sockets;
}

function readStream(
  socket: HttpSocket,
  request: Buffer,
  { chunks, paceMs }: Streaming,
): Promise<StreamLoadResult> {
  const { promise, resolve, reject } = Promise.withResolvers<StreamLoadResult>();
  const counter = new EventCounter();
  let longestGapMs = 0;
  let lastMs = 0;
  socket.send(request, {
    content(piece) {
      counter.take(piece);
      // Bursts have no gaps worth a look at the clock.
      if (paceMs === 0) return;
      const nowMs = performance.now();
      if (lastMs > 0) longestGapMs = Math.max(longestGapMs, nowMs - lastMs);
      lastMs = nowMs;
    },
    end() {
      const isWhole = counter.events === chunks && counter.isDone;
      resolve({ chunks: counter.events, calls: 1, longestGapMs, broken: isWhole ? 0 : 1 });
    },
    fail: reject,
  });
  return promise;
}

function add(total: StreamLoadResult, one: StreamLoadResult): void {
  total.chunks += one.chunks;
  total.calls += one.calls;
  total.longestGapMs = Math.max(total.longestGapMs, one.longestGapMs);
  total.broken += one.broken;
}
