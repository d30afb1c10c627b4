/** The one link with another gateway: this one's calls on its nodes, its calls on this one's, and what they tell each other. */

import { CloseCode, decodeV2, FrameTypeV2 } from "../../protocol/mod.ts";
import type { Lease } from "../schedule/lease.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Socket } from "../node/link.ts";
import type { Service } from "../node/service.ts";
import { type GuestsConfig, InboundCalls } from "./inbound_calls.ts";
import { OutboundCalls } from "./outbound_calls.ts";
import {
  decodePeerMessage,
  encodePeerMessage,
  isPeerMessage,
  type PeerMessage,
} from "./peer_message.ts";

export interface PeerLinkParts {
  clock: Clock;
  log: Log;
  lease: (peer: string, nodeId: string, service: Service, grant: number | null) => Lease | null;
  freed: (peer: string, lease: Lease) => void;
  heard: (peer: string, message: PeerMessage) => void;
}

/** Frames that gateways send to nodes: from a peer, they are of its calls on this gateway's nodes. */
const OF_GUESTS: ReadonlySet<number | undefined> = new Set([
  FrameTypeV2.call,
  FrameTypeV2.body,
  FrameTypeV2.credit,
  FrameTypeV2.cancel,
]);

export class PeerLink {
  /** This gateway's calls on the peer's nodes. */
  readonly calls: OutboundCalls;
  readonly #inboundCalls: InboundCalls;
  #isClosed = false;
  /** Monotonic milliseconds of the last sign of life. */
  heardMs: number;

  constructor(
    readonly peer: string,
    private readonly socket: Socket,
    private readonly parts: PeerLinkParts,
    config: GuestsConfig,
  ) {
    const { clock, log, lease, freed } = parts;
    const monotonic = () => clock.monotonic();
    this.heardMs = monotonic();
    const owner = {
      registered: () => this.#breach("it registered as a node"),
      changed: () => {},
      noticed: (_link: unknown, event: string, detail: Record<string, unknown>) =>
        log.warn({ peer, ...detail }, event),
      failed: (_link: unknown, error: unknown) =>
        log.error({ peer, err: error }, "could not handle a gateway's message"),
    };
    this.calls = new OutboundCalls(socket, owner, monotonic, config);
    this.#inboundCalls = new InboundCalls({
      clock,
      say: (frame) => this.#send(frame),
      lease: (nodeId, service, grant) => lease(peer, nodeId, service, grant),
      freed: (one) => freed(peer, one),
    }, config);
  }

  /** Calls of the peer on this gateway's nodes. */
  get inboundCalls(): number {
    return this.#inboundCalls.size;
  }

  say(message: PeerMessage): void {
    this.#send(encodePeerMessage(message));
  }

  /** A message from the socket. Never throws. */
  receive(message: string | Uint8Array): void {
    this.heard();
    if (this.#isClosed) return;
    try {
      this.#read(message);
    } catch (error) {
      this.parts.log.error({ peer: this.peer, err: error }, "could not handle a gateway's message");
      this.drop();
    }
  }

  heard(): void {
    this.heardMs = this.parts.clock.monotonic();
  }

  get pingedMs(): number {
    return this.calls.pingedMs;
  }

  ping(): void {
    this.calls.ping();
  }

  /** The peer answers a ping, with the text that it carried. */
  ponged(text: string): void {
    this.heard();
    if (!this.#isClosed) this.calls.ponged(text);
  }

  close(): void {
    this.socket.close(CloseCode.normal, "This gateway is leaving");
  }

  /** The peer does not answer: nothing more will come. */
  drop(): void {
    this.socket.terminate();
  }

  /** The socket has closed: what ran over it has lost its way. Harmless twice. */
  closed(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#inboundCalls.cancelAll();
    this.calls.closed(reason);
  }

  #read(message: string | Uint8Array): void {
    if (typeof message === "string") throw new Error("text from a gateway");
    if (isPeerMessage(message)) {
      this.parts.heard(this.peer, decodePeerMessage(message));
    } else if (OF_GUESTS.has(message[0] as FrameTypeV2)) {
      const decoded = decodeV2(message);
      if (decoded.kind !== "frame") throw new Error("a malformed frame from a gateway");
      this.#inboundCalls.read(decoded.frame);
    } else {
      this.calls.receive(message);
    }
  }

  #send(frame: Uint8Array): void {
    // Only 0 is a frame that is gone: the link has a gap, so it is none any more.
    if (!this.#isClosed && this.socket.send(frame) === 0) this.drop();
  }

  #breach(what: string): never {
    throw new Error(`the peer broke the protocol: ${what}`);
  }
}
