/** A node in the test's own process that the test controls, with the same methods in both versions of the wire. */

import { SUBPROTOCOL_V2 } from "../../protocol/frame_v2.ts";
import { endAfterTests } from "./cleanup.ts";
import { listNodes } from "./node.ts";
import type { NodeListener, NodeProtocol, ReceivedCall, Usage } from "./node_protocol.ts";
import { NodeProtocolV1 } from "./node_protocol_v1.ts";
import { NodeProtocolV2 } from "./node_protocol_v2.ts";
import { until, within } from "./wait.ts";

export type Wire = 1 | 2;

export interface ScriptedNodeOptions {
  wire: Wire;
  gateway: { url: string; wsUrl: string };
  clientToken: string;
  models: string[];
  /** Default 1. */
  maxParallel?: number;
  /** Default: a new one. The id of an earlier node reconnects as that node. */
  nodeId?: string;
}

export class ScriptedNode implements NodeListener {
  /** Calls that no test has taken yet, oldest first. */
  readonly calls: ReceivedCall[] = [];
  /** Ids of the calls that the gateway has cancelled. */
  readonly cancelledIds = new Set<string>();
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>;
  onCall: (call: ReceivedCall) => void = () => {};
  onCancel: (callId: string) => void = () => {};
  readonly #socket: WebSocket;
  readonly #protocol: NodeProtocol;

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
    this.#protocol = wire === 2 ? new NodeProtocolV2(send, this) : new NodeProtocolV1(send, this);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#socket.addEventListener("close", () => resolve());
    this.#socket.addEventListener("message", ({ data }) => this.#protocol.read(data));
    // In v2 the gateway sends first, in v1 the node.
    this.#socket.addEventListener("open", () => wire === 1 && this.ready());
  }

  /** The name that the gateway lists. */
  get name(): string {
    return this.options.nodeId;
  }

  get isConnected(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  ready(): void {
    const { models, maxParallel = 1, nodeId } = this.options;
    this.#protocol.register({ max_parallel: maxParallel, models, node_id: nodeId, name: nodeId });
  }

  called(call: ReceivedCall): void {
    this.calls.push(call);
    this.onCall(call);
  }

  cancelled(callId: string): void {
    this.cancelledIds.add(callId);
    this.onCancel(callId);
  }

  /** Takes the oldest call, waiting for it if there is none. */
  next(): Promise<ReceivedCall> {
    return until("the node is called", () => this.calls.shift());
  }

  /** Resolves once the gateway has cancelled the call. */
  async cancelOf(callId: string): Promise<void> {
    await until("the node is told to stop", () => this.cancelledIds.has(callId));
  }

  /** One piece of a streamed answer. */
  piece(callId: string, content: string): void {
    this.#protocol.piece(callId, content);
  }

  /** The whole answer of a call that does not stream, and its end. */
  whole(callId: string, content: string, usage?: Usage): void {
    this.#protocol.whole(callId, content, usage);
  }

  /** The end of a stream. Without `usage`, the upstream did not report any. */
  finish(callId: string, usage?: Usage): void {
    this.#protocol.finish(callId, usage);
  }

  /** Fails the call. `usage` is what the upstream had reported; v1 cannot carry it. */
  fail(callId: string, code: number, usage?: Usage): void {
    this.#protocol.fail(callId, code, usage);
  }

  /** Cuts the connection without a closing handshake. */
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
