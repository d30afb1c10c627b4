/** A v1 node in the test's own process that sends exactly the frames that the test builds. */

import type { Frame, FrameType, RegisterData } from "../../protocol/frame.ts";
import { endAfterTests } from "./cleanup.ts";
import { within } from "./wait.ts";

export interface RawNodeOptions {
  gateway: { wsUrl: string };
  /** Sent as `Client-Token`; undefined: no such header. */
  token?: string;
  /** Sent as REGISTER once the socket is open; null: nothing is sent. */
  register?: RegisterData | null;
}

/** How a connection ended. */
export interface Closing {
  code: number;
  reason: string;
}

export class RawNode {
  /** Resolves when the connection has ended. */
  readonly closed: Promise<Closing>;
  /** Every received frame, in order. */
  readonly frames: Frame[] = [];

  readonly #taken = new Set<Frame>();
  readonly #waiting = new Set<() => void>();

  constructor(readonly socket: WebSocket) {
    const { promise, resolve } = Promise.withResolvers<Closing>();
    this.closed = promise;
    socket.addEventListener("close", ({ code, reason }) => {
      resolve({ code, reason });
      this.#wake();
    });
    socket.addEventListener("message", ({ data }) => {
      this.frames.push(JSON.parse(String(data)));
      this.#wake();
    });
  }

  /** Takes the oldest frame of this type, waiting for it if there is none. */
  async next<T extends FrameType>(
    type: T,
    deadlineMs = 60_000,
  ): Promise<Extract<Frame, { type: T }>> {
    return await within(`a ${type} frame`, this.#next(type), deadlineMs);
  }

  send(frame: Frame): void {
    this.sendText(JSON.stringify(frame));
  }

  /** Sends any text, whether it is a frame or not. */
  sendText(text: string): void {
    this.socket.send(text);
  }

  /** One STREAM frame for each chunk, then FINISH. */
  answer(requestId: string, chunks: readonly unknown[]): void {
    for (const chunk of chunks) {
      this.send({ type: "STREAM", data: { request_id: requestId, chunk } });
    }
    this.send({ type: "FINISH", data: { request_id: requestId } });
  }

  async close(): Promise<Closing> {
    this.socket.close();
    return await this.closed;
  }

  /** Cuts the connection without a closing handshake. */
  terminate(): void {
    this.socket.terminate();
  }

  async #next<T extends FrameType>(type: T): Promise<Extract<Frame, { type: T }>> {
    const isNext = (frame: Frame): frame is Extract<Frame, { type: T }> =>
      frame.type === type && !this.#taken.has(frame);
    for (;;) {
      const frame = this.frames.find(isNext);
      if (frame !== undefined) {
        this.#taken.add(frame);
        return frame;
      }
      if (this.socket.readyState === WebSocket.CLOSED) {
        const { code, reason } = await this.closed;
        throw new Error(`No ${type} came: the connection ended with ${code} ${reason}`);
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

/** Resolves once the socket is open and REGISTER was sent. Rejects if the gateway refuses the connection. */
export async function connectRawNode(options: RawNodeOptions): Promise<RawNode> {
  const headers: Record<string, string> = {};
  if (options.token !== undefined) headers["Client-Token"] = options.token;
  const socket = new WebSocket(options.gateway.wsUrl, { headers });
  const node = new RawNode(socket);
  endAfterTests(() => node.terminate());
  await opened(socket);
  const { register } = options;
  if (register !== undefined && register !== null) node.send({ type: "REGISTER", data: register });
  return node;
}

async function opened(socket: WebSocket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.addEventListener("open", () => resolve());
  socket.addEventListener("error", (event) => {
    reject(new Error(`Cannot connect: ${(event as ErrorEvent).message}`));
  });
  await within("the socket to open", promise);
}
