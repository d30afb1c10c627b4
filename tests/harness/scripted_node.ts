/** A node in the test's own process that does just what it is told, alike in both versions of the wire. */

import { SUBPROTOCOL_V2 } from "../../protocol/frame_v2.ts";
import { endAfterTests } from "./cleanup.ts";
import { listNodes } from "./node.ts";
import type { ReceivedCall, Speech, SpeechListener, Usage } from "./speech.ts";
import { SpeechV1 } from "./speech_v1.ts";
import { SpeechV2 } from "./speech_v2.ts";
import { until, within } from "./wait.ts";

export type Wire = 1 | 2;

export interface ScriptedNodeOptions {
  wire: Wire;
  gateway: { url: string; wsUrl: string };
  clientToken: string;
  models: string[];
  /** Default 1. */
  maxParallel?: number;
  /** Give one that was used before to come back as the same node; default: a new one. */
  nodeId?: string;
}

export class ScriptedNode implements SpeechListener {
  /** Every call that came, oldest first, and those that were called off. */
  readonly heard: ReceivedCall[] = [];
  readonly stopped = new Set<string>();
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>;
  onCall: (call: ReceivedCall) => void = () => {};
  onCancel: (callId: string) => void = () => {};
  readonly #socket: WebSocket;
  readonly #speech: Speech;

  constructor(private readonly options: ScriptedNodeOptions & { nodeId: string }) {
    const { wire, gateway, clientToken } = options;
    this.#socket = new WebSocket(gateway.wsUrl, {
      headers: { "Client-Token": clientToken },
      protocols: wire === 2 ? [SUBPROTOCOL_V2] : [],
    });
    this.#socket.binaryType = "arraybuffer";
    const send = (message: string | Uint8Array<ArrayBuffer>) => {
      if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(message);
    };
    this.#speech = wire === 2 ? new SpeechV2(send, this) : new SpeechV1(send, this);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#socket.addEventListener("close", () => resolve());
    this.#socket.addEventListener("message", ({ data }) => this.#speech.read(data));
    // v2 begins with the gateway's word, v1 with the node's.
    this.#socket.addEventListener("open", () => wire === 1 && this.ready());
  }

  /** The name under which the gateway lists it. */
  get name(): string {
    return this.options.nodeId;
  }

  get isConnected(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  ready(): void {
    const { models, maxParallel = 1, nodeId } = this.options;
    this.#speech.register({ max_parallel: maxParallel, models, node_id: nodeId, name: nodeId });
  }

  called(call: ReceivedCall): void {
    this.heard.push(call);
    this.onCall(call);
  }

  cancelled(callId: string): void {
    this.stopped.add(callId);
    this.onCancel(callId);
  }

  /** The oldest call that was not handed out yet, waiting for it if need be. */
  next(): Promise<ReceivedCall> {
    return until("the node is called", () => this.heard.shift());
  }

  /** Resolves once the call was called off. */
  async hearsCancel(callId: string): Promise<void> {
    await until("the node is told to stop", () => this.stopped.has(callId));
  }

  /** One piece of a streamed answer. */
  piece(callId: string, content: string): void {
    this.#speech.piece(callId, content);
  }

  /** The whole answer of a call that does not stream, and its end. */
  whole(callId: string, content: string, usage?: Usage): void {
    this.#speech.whole(callId, content, usage);
  }

  /** The end of a stream. Without `usage`, the upstream did not tell. */
  finish(callId: string, usage?: Usage): void {
    this.#speech.finish(callId, usage);
  }

  /** There is no answer, or no more of it. `usage`: what the upstream had told, where the wire has a word for it. */
  fail(callId: string, code: number, usage?: Usage): void {
    this.#speech.fail(callId, code, usage);
  }

  /** Cuts the connection without a goodbye. */
  terminate(): void {
    this.#socket.terminate();
  }
}

/** Resolves once the gateway lists the node. */
export async function connectScriptedNode(options: ScriptedNodeOptions): Promise<ScriptedNode> {
  const node = new ScriptedNode({ nodeId: crypto.randomUUID(), ...options });
  endAfterTests(() => node.terminate());
  const listed = until("the gateway lists the node", async () => {
    return (await listNodes(options.gateway)).some(({ name }) => name === node.name);
  });
  const lost = node.closed.then(() => {
    throw new Error("Cannot connect the node: the gateway closed the connection");
  });
  await within("the node to be connected", Promise.race([listed, lost]));
  return node;
}
