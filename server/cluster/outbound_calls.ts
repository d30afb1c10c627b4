/** This gateway's calls on a peer's nodes. The link to the peer works like a node's link of wire v2. */

import { type CallHead, type Failure, RELAYED_HEADERS, WINDOW_BYTES } from "../../protocol/mod.ts";
import type { AttemptFailure, AttemptSink, Order, RunningAttempt } from "../node/attempt.ts";
import type { LinkOwner, Socket } from "../node/link.ts";
import { LinkV2 } from "../node/link_v2.ts";
import { Outbox } from "../node/outbox.ts";

/** CALL to a gateway, which has more fields than CALL to a node. */
export interface PeerCallHead extends CallHead {
  /** Public id of the node that runs the call. */
  node: string;
  /** The account whose call it is. */
  account?: string;
  /** Number of the offer whose slot the call uses. */
  grant?: number;
  /** STREAM bytes that may be sent before the first CREDIT. */
  window_bytes: number;
  /** The body's `stream_options`, which are merged for nodes of wire v1. */
  stream_options?: object;
  /** How many choices the body asks for; absent: one. */
  choices?: number;
}

/** ERROR of a gateway, which can also report how a node failed. */
export interface PeerFailure extends Failure {
  fault?: "lost" | "restarted" | "protocol" | "gateway";
}

/** In bytes. Larger than for a node, because many nodes' calls share the link, and gateways are near each other. */
const UNDER_WAY_BYTES = 2 * 1024 * 1024;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

interface PeerOrder extends Order {
  node: string;
  grant: number | null;
}

/** The peer has renamed the headers already. */
const SHOWN_NAMES: ReadonlyMap<string, string> = new Map(
  [...RELAYED_HEADERS.values()].map((name) => [name, name]),
);

export class OutboundCalls extends LinkV2 {
  protected override readonly shownNames = SHOWN_NAMES;
  protected override readonly maxWaitingBytes = MAX_WAITING_BYTES;
  protected override readonly outbox = new Outbox(
    { send: (frame) => this.send(frame), ping: (text) => this.sendPing(text) },
    UNDER_WAY_BYTES,
  );

  constructor(
    socket: Socket,
    owner: LinkOwner,
    monotonic: () => number,
    { maxBufferedBytes }: { maxBufferedBytes: number },
  ) {
    super(socket, owner, monotonic);
    this.windowBytes = Math.min(WINDOW_BYTES, maxBufferedBytes);
  }

  /** Sends the call, which asks for a slot of the node. Null: too much waits to be sent already. */
  startOn(
    node: string,
    grant: number | null,
    order: Order,
    sink: AttemptSink,
  ): RunningAttempt | null {
    const peerOrder: PeerOrder = { ...order, node, grant };
    return this.start(peerOrder, sink);
  }

  /** The peer reports that the node of the call has lost its link, or is back. Harmless for calls that have ended. */
  reportLink(stream: number, change: "suspended" | "resumed"): void {
    this.open.get(stream)?.sink[change]?.();
  }

  protected override headOf(order: PeerOrder, bodyBytes: number): PeerCallHead {
    const { node, grant, streamOptions, choices, accountId } = order;
    return {
      ...super.headOf(order, bodyBytes),
      node,
      window_bytes: this.windowBytes,
      ...(accountId === undefined ? {} : { account: accountId }),
      ...(grant === null ? {} : { grant }),
      ...(streamOptions === null ? {} : { stream_options: streamOptions }),
      ...(choices === 1 ? {} : { choices }),
    };
  }

  protected override failureOf(failure: PeerFailure): AttemptFailure {
    switch (failure.fault) {
      case "lost":
        return { kind: "lost", reason: failure.message };
      case "restarted":
        return { kind: "restarted", reason: failure.message };
      case "protocol":
        return { kind: "protocol", reason: failure.message };
      case "gateway":
        return { kind: "gateway lost", reason: failure.message };
      default:
        return super.failureOf(failure);
    }
  }

  /** A gateway is trusted: late frames of calls that were given up here do not end the link. */
  protected override takesBeside(): boolean {
    return true;
  }

  protected override takeForeign(): void {}
  protected override endFlood(): void {}

  /** The link has ended. Its calls fail as lost with the gateway, which blames no node. */
  override closed(reason: string): void {
    for (const id of [...this.open.keys()]) this.fail(id, { kind: "gateway lost", reason });
    super.closed(reason);
  }
}
