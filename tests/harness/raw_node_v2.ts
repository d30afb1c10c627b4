/**
 * A v2 node in the test's own process. It builds and reads frames by hand, as docs/wire-v2.md
 * specifies them, and so tests the page and not the codec.
 */

import type { NodeView } from "../../api/mod.ts";
import { type CallHead, type Failure, type Finish, FrameTypeV2 } from "../../protocol/frame_v2.ts";
import type { ModelCapabilities, RegisterV2, Status, Welcome } from "../../protocol/frame_v2.ts";
import type { Account } from "./account.ts";
import { endAfterTests } from "./cleanup.ts";
import { listNodes } from "./node.ts";
import type { Closing } from "./raw_node.ts";
import { until, within } from "./wait.ts";

/** One frame from the gateway. */
export interface RawFrame {
  type: keyof typeof FrameTypeV2;
  stream: number;
  payload: Uint8Array;
}

/** A call with its whole body. */
export interface RawCall {
  stream: number;
  head: CallHead;
  body: string;
}

export interface RawNodeV2Options {
  gateway: { url: string; wsUrl: string };
  owner: Account;
  models: string[];
  /** Default 1. */
  maxParallel?: number;
  /** Of all its models; default: none announced. */
  capabilities?: ModelCapabilities;
  /** Default: a new one. The id of an earlier node reconnects as that node. */
  nodeId?: string;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const typeNames = Object.fromEntries(
  Object.entries(FrameTypeV2).map(([name, type]) => [type, name]),
) as Record<number, keyof typeof FrameTypeV2>;

const DEFAULT_TALLY: Finish = {
  prompt_tokens: 5,
  completion_tokens: 2,
  estimated: false,
  finish_reason: "stop",
  first_byte_ms: 1,
  total_ms: 2,
};

export class RawNodeV2 {
  /** Resolves when the connection has ended. */
  readonly closed: Promise<Closing>;
  /** Every received frame, in order. */
  readonly frames: RawFrame[] = [];
  readonly nodeId: string;
  readonly #taken = new Set<RawFrame>();
  #wake: () => void = () => {};

  constructor(readonly socket: WebSocket, private readonly options: RawNodeV2Options) {
    this.nodeId = options.nodeId ?? crypto.randomUUID();
    const { promise, resolve } = Promise.withResolvers<Closing>();
    this.closed = promise;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("close", ({ code, reason }) => {
      resolve({ code, reason });
      this.#wake();
    });
    socket.addEventListener("message", ({ data }) => {
      const bytes = new Uint8Array(data as ArrayBuffer);
      const stream = new DataView(bytes.buffer).getUint32(4);
      this.frames.push({ type: typeNames[bytes[0]!]!, stream, payload: bytes.subarray(8) });
      this.#wake();
    });
  }

  /** Takes the oldest frame of this type, waiting for it if there is none. */
  async next(type: RawFrame["type"], deadlineMs = 60_000): Promise<RawFrame> {
    return await within(`a ${type} frame`, this.#next(type), deadlineMs);
  }

  /** The next JSON payload of this type. */
  async nextJson<T>(type: RawFrame["type"]): Promise<T> {
    return JSON.parse(decoder.decode((await this.next(type)).payload)) as T;
  }

  async nextCall(deadlineMs?: number): Promise<RawCall> {
    const { stream, payload } = await this.next("call", deadlineMs);
    const headEnd = 4 + new DataView(payload.buffer, payload.byteOffset).getUint32(0);
    const head = JSON.parse(decoder.decode(payload.subarray(4, headEnd))) as CallHead;
    const parts = [payload.subarray(headEnd)];
    let missing = head.body_bytes - parts[0]!.byteLength;
    while (missing > 0) {
      const more = await this.next("body");
      if (more.stream !== stream) throw new Error(`A body for stream ${more.stream}`);
      parts.push(more.payload);
      missing -= more.payload.byteLength;
    }
    return { stream, head, body: decoder.decode(Buffer.concat(parts)) };
  }

  /** Bytes that the gateway has granted on the stream so far, without the first window. */
  granted(stream: number): number {
    return this.frames.filter((frame) => frame.type === "credit" && frame.stream === stream)
      .reduce(
        (sum, { payload }) => sum + new DataView(payload.buffer, payload.byteOffset).getUint32(0),
        0,
      );
  }

  send(type: RawFrame["type"], stream: number, payload: Uint8Array | object = new Uint8Array()) {
    const bytes = payload instanceof Uint8Array ? payload : encoder.encode(JSON.stringify(payload));
    const frame = new Uint8Array(8 + bytes.byteLength);
    const header = new DataView(frame.buffer);
    header.setUint8(0, FrameTypeV2[type]);
    header.setUint32(4, stream);
    frame.set(bytes, 8);
    this.socket.send(frame);
  }

  head(stream: number, status = 200, headers: Record<string, string> = {}): void {
    this.send("head", stream, { status, headers });
  }

  /** Sends bytes of the answer. */
  data(stream: number, text: string): void {
    this.send("stream", stream, encoder.encode(text));
  }

  finish(stream: number, tally: Finish = DEFAULT_TALLY): void {
    this.send("finish", stream, tally);
  }

  fail(stream: number, failure: Failure): void {
    this.send("error", stream, failure);
  }

  status(status: Status): void {
    this.send("status", 0, status);
  }

  /** Its entry in `GET /api/nodes`; undefined: it is not connected. */
  async view(): Promise<NodeView | undefined> {
    return (await listNodes(this.options.gateway)).find(({ name }) => name === this.nodeId);
  }

  async #next(type: RawFrame["type"]): Promise<RawFrame> {
    for (;;) {
      const frame = this.frames.find((frame) => frame.type === type && !this.#taken.has(frame));
      if (frame !== undefined) {
        this.#taken.add(frame);
        return frame;
      }
      if (this.socket.readyState === WebSocket.CLOSED) {
        const { code, reason } = await this.closed;
        throw new Error(`No ${type} came: the connection ended with ${code} ${reason}`);
      }
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}

/** Resolves once the node was welcomed and is listed. */
export async function joinRawNodeV2(
  options: RawNodeV2Options,
): Promise<RawNodeV2 & { welcome: Welcome }> {
  const { gateway, owner, models, maxParallel = 1, capabilities } = options;
  const socket = new WebSocket(gateway.wsUrl, {
    headers: { "Client-Token": owner.clientToken },
    protocols: ["colink.v2"],
  } as never);
  const node = new RawNodeV2(socket, options);
  endAfterTests(() => socket.terminate());
  await node.next("hello");
  const register: RegisterV2 = {
    max_parallel: maxParallel,
    models,
    node_id: node.nodeId,
    name: node.nodeId,
    ...(capabilities && {
      capabilities: Object.fromEntries(models.map((model) => [model, capabilities])),
    }),
  };
  node.send("register", 0, register);
  const welcome = await node.nextJson<Welcome>("welcome");
  await until(`the gateway lists ${node.nodeId}`, () => node.view());
  return Object.assign(node, { welcome });
}
