/** The one link to another gateway: calls in both directions, and the messages beside them. */

import { CloseCode, decodeV2, FrameTypeV2 } from "../../protocol/mod.ts";
import type { Lease } from "../schedule/lease.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Socket } from "../node/link.ts";
import type { Service } from "../node/service.ts";
import { type FrameCipher, sealedSocket } from "./frame_cipher.ts";
import { InboundCalls, type InboundConfig } from "./inbound_calls.ts";
import { OutboundCalls } from "./outbound_calls.ts";
import {
  decodePeerMessage,
  encodePeerMessage,
  isPeerMessage,
  type PeerMessage,
} from "./peer_message.ts";
import { isTunnelFrame } from "./tunnels.ts";

export interface PeerLinkParts {
  clock: Clock;
  log: Log;
  /** Leases a slot for a peer's call; null: none is free. */
  lease: (
    peer: string,
    nodeId: string,
    wanted: Service & { accountId: string },
    grant: number | null,
  ) => Lease | null;
  /** The peer's call has released its slot. `isAnswered`: its node has answered it. */
  onFreed: (peer: string, lease: Lease, isAnswered: boolean) => void;
  onMessage: (peer: string, message: PeerMessage) => void;
  /** A frame of a node that one of the two gateways carries for the other. */
  onTunnelFrame: (peer: string, frame: Uint8Array) => void;
}

/** The frames that gateways otherwise send to nodes: they belong to the peer's calls on nodes here. */
const INBOUND_FRAME_TYPES: ReadonlySet<number | undefined> = new Set([
  FrameTypeV2.call,
  FrameTypeV2.body,
  FrameTypeV2.credit,
  FrameTypeV2.cancel,
]);

export class PeerLink {
  /** This gateway's calls on the peer's nodes. */
  readonly calls: OutboundCalls;
  readonly #inboundCalls: InboundCalls;
  readonly #socket: Socket;
  #isClosed = false;

  constructor(
    readonly peer: string,
    socket: Socket,
    private readonly parts: PeerLinkParts,
    config: InboundConfig,
    private readonly cipher: FrameCipher | null = null,
  ) {
    this.#socket = cipher === null ? socket : sealedSocket(socket, cipher);
    const { clock, log, lease, onFreed } = parts;
    const owner = {
      registered: () => {
        throw new Error("the peer broke the protocol: it registered as a node");
      },
      changed: () => {},
      noticed: (_link: unknown, event: string, detail: Record<string, unknown>) =>
        log.warn({ peer, ...detail }, event),
      failed: (_link: unknown, error: unknown) =>
        log.error({ peer, err: error }, "could not handle a gateway's message"),
    };
    this.calls = new OutboundCalls(this.#socket, owner, () => clock.monotonic(), config);
    this.#inboundCalls = new InboundCalls({
      clock,
      send: (frame) => this.sendFrame(frame),
      lease: (nodeId, wanted, grant) => lease(peer, nodeId, wanted, grant),
      onFreed: (...freed) => onFreed(peer, ...freed),
    }, config);
  }

  /** Calls of the peer on this gateway's nodes. */
  get inboundCalls(): number {
    return this.#inboundCalls.size;
  }

  send(message: PeerMessage): void {
    this.sendFrame(encodePeerMessage(message));
  }

  sendFrame(frame: Uint8Array): void {
    // 0 means that the frame was dropped: a link with a gap is of no use.
    if (!this.#isClosed && this.#socket.send(frame) === 0) this.drop();
  }

  /** Bytes that are sent and not on their way yet. */
  get bufferedBytes(): number {
    return this.#socket.getBufferedAmount();
  }

  /** A message from the socket. Never throws. */
  receive(message: string | Uint8Array): void {
    this.markAlive();
    if (this.#isClosed) return;
    try {
      this.#read(message);
    } catch (error) {
      this.parts.log.error({ peer: this.peer, err: error }, "could not handle a gateway's message");
      this.drop();
    }
  }

  /** Something has arrived from the peer. */
  markAlive(): void {
    this.calls.markAlive();
  }

  get lastSeenMs(): number {
    return this.calls.lastSeenMs;
  }

  get pingedMs(): number {
    return this.calls.pingedMs;
  }

  ping(): void {
    this.calls.ping();
  }

  /** The peer answers a ping, with the text of the ping. */
  ponged(text: string): void {
    this.calls.ponged(text);
  }

  close(): void {
    this.#socket.close(CloseCode.normal, "This gateway is leaving");
  }

  /** Ends the connection at once, without a closing handshake. */
  drop(): void {
    this.#socket.terminate();
  }

  /** The socket has closed: the calls in both directions end. Harmless when called again. */
  closed(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#inboundCalls.cancelAll();
    this.calls.closed(reason);
  }

  #read(message: string | Uint8Array): void {
    if (typeof message === "string") throw new Error("text from a gateway");
    this.#readFrame(this.cipher === null ? message : this.cipher.open(message));
  }

  #readFrame(message: Uint8Array): void {
    if (isPeerMessage(message)) {
      this.#readMessage(decodePeerMessage(message));
    } else if (INBOUND_FRAME_TYPES.has(message[0])) {
      const decoded = decodeV2(message);
      if (decoded.kind !== "frame") throw new Error("a malformed frame from a gateway");
      this.#inboundCalls.read(decoded.frame);
    } else if (isTunnelFrame(message)) {
      this.parts.onTunnelFrame(this.peer, message);
    } else {
      this.calls.receive(message);
    }
  }

  #readMessage(message: PeerMessage): void {
    if (message.is === "suspended" || message.is === "resumed") {
      this.calls.reportLink(message.stream, message.is);
    } else {
      this.parts.onMessage(this.peer, message);
    }
  }
}
