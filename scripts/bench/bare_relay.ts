/**
 * The floor: the least that a relay can do on this runtime. It speaks the gateway's wire with the same
 * node, and neither authenticates nor limits, counts, checks, retries or logs. A program of its own;
 * its port is its argument.
 */

import type { ServerWebSocket } from "bun";
import { decodeV2, encodeCallV2, encodeJson, SUBPROTOCOL_V2 } from "../../protocol/mod.ts";
import { RELAYED_MODEL, streamingOf } from "./chat.ts";
import { CHAT_PATH } from "./target.ts";

/** What Bun's direct streams pass to `pull`. */
type Controller = { write(piece: Uint8Array): unknown; end(): void };
type Call = {
  stream: boolean;
  begin: (answer: Response) => void;
  /** Pieces that came before the answer is read, or where the next ones are written. */
  body: Controller | Uint8Array[];
  /** Null: it has ended, perhaps before the answer is read. */
  end: (() => void) | null;
};

/** So much that the node never waits for credit, and never misses a ping. */
const UNLIMITED = 2 ** 31;
const EVENTS = { headers: { "content-type": "text/event-stream; charset=utf-8" } };
const JSON_BODY = { headers: { "content-type": "application/json" } };

/** The node leaves it out. */
const DONE = Buffer.from("data: [DONE]\n\n");

const calls = new Map<number, Call>();
let node: ServerWebSocket | null = null;
let count = 0;

async function relay(request: Request): Promise<Response> {
  const body = await request.bytes();
  const stream = streamingOf(Buffer.from(body.buffer)) !== null;
  const { promise, resolve } = Promise.withResolvers<Response>();
  const id = ++count;
  calls.set(id, { stream, begin: resolve, body: [], end: () => {} });
  const head = { id: `call-${id}`, endpoint: CHAT_PATH, model: RELAYED_MODEL, stream };
  for (const frame of encodeCallV2(id, { ...head, hide_usage: stream }, body)) node?.send(frame);
  return await promise;
}

function answerStream(call: Call): ReadableStream {
  const pull = (controller: Controller) => {
    for (const piece of call.body as Uint8Array[]) controller.write(piece);
    if (call.end === null) return controller.end();
    call.body = controller;
    return new Promise<void>((resolve) => call.end = resolve);
  };
  const source = { type: "direct", pull };
  // Direct sources are Bun's own.
  return new ReadableStream(
    source as unknown as ConstructorParameters<typeof ReadableStream>[0],
  );
}

function receive(message: Uint8Array, start = 0, end = message.byteLength): void {
  const decoded = decodeV2(message, start, end);
  if (decoded.kind !== "frame") return;
  const { frame } = decoded;
  if (frame.type === "pack") {
    return frame.frames.forEach((inner) => receive(message, inner.start, inner.end));
  }
  const call = calls.get(frame.stream);
  if (call === undefined) return;
  if (frame.type === "stream") take(call, frame.bytes);
  if (frame.type === "finish" || frame.type === "error") finish(frame.stream, call);
}

function take(call: Call, bytes: Uint8Array): void {
  if (!Array.isArray(call.body)) return void call.body.write(bytes);
  call.body.push(bytes);
  if (call.stream && call.body.length === 1) call.begin(new Response(answerStream(call), EVENTS));
}

function finish(id: number, call: Call): void {
  calls.delete(id);
  if (!call.stream) {
    return call.begin(new Response(Buffer.concat(call.body as Uint8Array[]), JSON_BODY));
  }
  take(call, DONE);
  if (!Array.isArray(call.body)) call.body.end();
  call.end?.();
  call.end = null;
}

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  idleTimeout: 0,
  fetch(request, server) {
    if (request.method === "POST") return relay(request);
    if (!request.headers.has("upgrade")) return new Response(`colink_nodes ${node ? 1 : 0}\n`);
    return server.upgrade(request, { headers: { "sec-websocket-protocol": SUBPROTOCOL_V2 } })
      ? undefined
      : new Response(null, { status: 400 });
  },
  websocket: {
    idleTimeout: 0,
    open: (socket) => void socket.send(encodeJson("hello", 0, { versions: [2] })),
    message(socket, message) {
      if (node !== null) return receive(message as Buffer);
      node = socket;
      const welcome = { session: "floor", node: "floor", ping_ms: UNLIMITED, takes_packs: true };
      const limits = { silence_ms: UNLIMITED, window_bytes: UNLIMITED, max_frame_bytes: 2 ** 20 };
      socket.send(encodeJson("welcome", 0, { ...welcome, ...limits }));
    },
  },
});
