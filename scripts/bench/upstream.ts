/**
 * The model server that every variant calls: fixed answers from a bare socket, so that it costs
 * little. A program of its own; it tells the process that started it its port.
 */

import type { Socket } from "bun";
import {
  completion,
  lastChunk,
  middleChunk,
  type Streaming,
  streamingOf,
  usageChunk,
} from "./chat.ts";
import { Pacer } from "./pacer.ts";

/** What a burst hands to the kernel at a time. */
const BURST_BYTES = 64 * 1024;

const wholeAnswer = Buffer.from(
  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" +
    `Content-Length: ${Buffer.byteLength(completion)}\r\n\r\n${completion}`,
);
const streamHead = Buffer.from(
  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n" +
    "Transfer-Encoding: chunked\r\n\r\n",
);
const middle = event(middleChunk);
const last = event(lastChunk);
const done = event("[DONE]");
const end = Buffer.from("0\r\n\r\n");
const middlesInBurst = Math.floor(BURST_BYTES / middle.length);
const burst = Buffer.concat(Array.from({ length: middlesInBurst }, () => middle));

const pacer = new Pacer();

/** One caller's connection: its requests come one after the other. */
class Connection {
  #unread: Buffer | null = null;
  /** Bytes that the kernel has not taken, and what goes on when it has. */
  #unsent: Buffer | null = null;
  #whenSent: () => void = () => {};
  #isOpen = true;

  constructor(private readonly socket: Socket<Connection>) {}

  take(bytes: Buffer): void {
    const come = this.#unread === null ? bytes : Buffer.concat([this.#unread, bytes]);
    const request = wholeRequest(come);
    // The bytes themselves are the runtime's again once this returns.
    this.#unread = request === null ? Buffer.from(come) : null;
    if (request !== null) this.#answer(request);
  }

  drained(): void {
    this.#flush();
  }

  closed(): void {
    this.#isOpen = false;
  }

  #answer(body: Buffer): void {
    const streaming = streamingOf(body);
    if (streaming === null) return this.#send(wholeAnswer);
    const ending = body.includes("include_usage") ? [last, event(usageChunk)] : [last];
    const tail = Buffer.concat([...ending, done, end]);
    if (streaming.paceMs === 0) this.#burst(streaming.chunks - 1, tail);
    else this.#pace(streaming, tail);
  }

  #pace({ chunks, paceMs }: Streaming, tail: Buffer): void {
    let sent = 0;
    const next = () => ++sent === chunks ? tail : middle;
    this.#send(Buffer.concat([streamHead, next()]));
    const beat = () => {
      if (this.#isOpen && sent < chunks) this.#send(next());
      return this.#isOpen && sent < chunks;
    };
    if (sent < chunks) pacer.add(paceMs, beat);
  }

  #burst(middles: number, tail: Buffer): void {
    let left = middles;
    const next = () => {
      if (left === 0) return this.#send(tail);
      const count = Math.min(left, middlesInBurst);
      left -= count;
      this.#send(burst.subarray(0, count * middle.length), next);
    };
    this.#send(streamHead, next);
  }

  #send(bytes: Buffer, whenSent: () => void = () => {}): void {
    this.#unsent = this.#unsent === null ? bytes : Buffer.concat([this.#unsent, bytes]);
    this.#whenSent = whenSent;
    this.#flush();
  }

  #flush(): void {
    if (!this.#isOpen || this.#unsent === null) return;
    const taken = Math.max(0, this.socket.write(this.#unsent));
    this.#unsent = taken === this.#unsent.length ? null : this.#unsent.subarray(taken);
    if (this.#unsent === null) this.#whenSent();
  }
}

/** The body of a request that has come whole; null: more is to come. */
function wholeRequest(bytes: Buffer): Buffer | null {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return null;
  const head = bytes.toString("latin1", 0, headEnd);
  const length = Number(/\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
  const body = bytes.subarray(headEnd + 4);
  return body.length < length ? null : body;
}

/** A server-sent event in a chunk of its own, as servers that flush every token send it. */
function event(data: string): Buffer {
  const text = `data: ${data}\n\n`;
  return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
}

const listener = Bun.listen<Connection>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open(socket) {
      socket.setNoDelay(true);
      socket.data = new Connection(socket);
    },
    data: (socket, bytes) => socket.data.take(bytes),
    drain: (socket) => socket.data.drained(),
    close: (socket) => socket.data.closed(),
    error: (socket) => socket.data.closed(),
  },
});
process.on("disconnect", () => process.exit(0));
process.send?.({ port: listener.port });
