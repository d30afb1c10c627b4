/** This gateway's calls on a peer's nodes: to it, the peer is a node of wire v2 that offers many. */

import { type CallHead, type Failure, RELAYED_HEADERS, WINDOW_BYTES } from "../../protocol/mod.ts";
import type { AttemptFailure, AttemptSink, Order, RunningAttempt } from "../node/attempt.ts";
import type { LinkOwner, Socket } from "../node/link.ts";
import { LinkV2 } from "../node/link_v2.ts";
import { Outbox } from "../node/outbox.ts";

/** What CALL tells a gateway beside what it tells a node. */
export interface PeerCallHead extends CallHead {
  /** Public id of the node that is to run it. */
  node: string;
  /** The slot that was offered for it. */
  grant?: number;
  /** STREAM bytes that may come before any CREDIT. */
  window_bytes: number;
  /** For nodes of wire v1, whose bodies are changed. */
  stream_options?: object;
}

/** What ERROR tells of a node that has not said it itself. */
export interface PeerFailure extends Failure {
  fault?: "lost" | "protocol" | "gateway";
}

/** Many nodes' calls share the link, and gateways are near each other: more than to a node, in bytes. */
const UNDER_WAY_BYTES = 2 * 1024 * 1024;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

interface PeerOrder extends Order {
  node: string;
  grant: number | null;
}

/** The peer has given them their names already. */
const SHOWN_NAMES: ReadonlyMap<string, string> = new Map(
  [...RELAYED_HEADERS.values()].map((name) => [name, name]),
);

export class OutboundCalls extends LinkV2 {
  protected override readonly shownNames = SHOWN_NAMES;
  protected override readonly maxWaitingBytes = MAX_WAITING_BYTES;
  protected override readonly outbox = new Outbox(
    { say: (frame) => this.say(frame), ping: (text) => this.socket.ping(text) },
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

  /** Asks for a slot of the node and sends the call, in one. Null: too much is on its way already. */
  startOn(
    node: string,
    grant: number | null,
    order: Order,
    sink: AttemptSink,
  ): RunningAttempt | null {
    const peerOrder: PeerOrder = { ...order, node, grant };
    return this.start(peerOrder, sink);
  }

  protected override headOf(order: PeerOrder): Omit<PeerCallHead, "body_bytes"> {
    const { node, grant, streamOptions } = order;
    return {
      ...super.headOf(order),
      node,
      window_bytes: this.windowBytes,
      ...(grant === null ? {} : { grant }),
      ...(streamOptions === null ? {} : { stream_options: streamOptions }),
    };
  }

  protected override failureOf(failure: PeerFailure): AttemptFailure {
    switch (failure.fault) {
      case "lost":
        return { kind: "lost", reason: failure.message };
      case "protocol":
        return { kind: "protocol", reason: failure.message };
      case "gateway":
        return { kind: "gateway lost", reason: failure.message };
      default:
        return super.failureOf(failure);
    }
  }

  /** A gateway is trusted: what comes late, after a call was given up here, is no reason to part. */
  protected override foreign(): void {}
  protected override floods(): void {}

  /** The link has ended: nobody knows what has become of the nodes behind it. */
  override closed(reason: string): void {
    for (const id of [...this.open.keys()]) this.fail(id, { kind: "gateway lost", reason });
    super.closed(reason);
  }
}
