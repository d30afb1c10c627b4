/** The link of a node that has come to this gateway with the session of another one: its frames are carried there. */

import { encodeJson, MAX_FRAME_BYTES, type RegisterV2 } from "../../protocol/mod.ts";
import { type Dialer, Link, type LinkOwner, type Socket } from "./link.ts";

/** Gateways that hold sessions of nodes which may come here instead. */
export interface OtherHolders {
  /** Names this gateway in the sessions that it holds. */
  readonly gateway: string;
  /** Asks the session's gateway to go on with it over the link. Null: that gateway cannot be asked. */
  carry(wanted: WantedSession, link: CarriedLink): Carrier | null;
}

/** What a node shows that wants to go on with a session. */
export interface WantedSession {
  session: string;
  dialer: Dialer;
  register: RegisterV2;
}

/** Takes what comes from the node to the gateway that holds its session. */
export interface Carrier {
  /** False: it cannot take the frame now. */
  send(frame: Uint8Array): boolean;
  ponged(text: string): void;
  /** The node was asked to dial another gateway. */
  leaving(): void;
  closed(code: number): void;
}

/** The code of a connection that ended without a close frame. */
export const LOST = 1006;

/** A node has no more to say than this, in bytes, until it is answered. */
const MAX_EARLY_BYTES = 64 * 1024;

/** A frame that waits counts as at least so many bytes: even an empty one takes memory. */
const MIN_EARLY_BYTES = 256;

export class CarriedLink extends Link<never> {
  protected override readonly lateBytes = 0;
  /** What has come before the session's gateway has agreed; null: it has. */
  #early: Uint8Array[] | null = [];
  #earlyBytes = 0;
  #carrier: Carrier | null = null;

  constructor(
    socket: Socket,
    owner: LinkOwner,
    monotonic: () => number,
    private readonly onRefused: (early: readonly Uint8Array[]) => void,
  ) {
    super(socket, owner, monotonic);
  }

  /** Must be called before anything else. */
  carriedBy(carrier: Carrier): void {
    this.#carrier = carrier;
  }

  /** A frame for the node. The first one says that its session goes on. */
  forward(frame: Uint8Array): void {
    const early = this.#early ?? [];
    this.#early = null;
    this.send(frame);
    for (const message of early) this.read(message);
  }

  /** The session's gateway does not agree, or does not answer: the node gets a session here. */
  refuse(): void {
    if (this.#early !== null && this.isOpen) this.onRefused(this.#early);
  }

  /** Whether the session's gateway has agreed. */
  get isAgreed(): boolean {
    return this.#early === null;
  }

  override start(): null {
    return null;
  }

  override goAway(reason: string, redialWithinMs: number): void {
    this.#carrier?.leaving();
    this.socket.send(encodeJson("goaway", 0, { reason, redial_within_ms: redialWithinMs }));
  }

  /** A pong that was not asked for is not carried: a node could fill the link between the gateways with them. */
  protected override answered(text: string): void {
    this.#carrier?.ponged(text);
  }

  override closed(reason: string, code = LOST): void {
    super.closed(reason, code);
    this.#carrier?.closed(code);
  }

  protected override read(message: string | Uint8Array): void {
    if (typeof message === "string") return this.malformed("text in wire v2", message.length);
    // It would cost the link between the gateways, and with it the calls of all others.
    if (message.byteLength > MAX_FRAME_BYTES) return this.cut();
    if (this.#early === null) return this.#carry(message);
    this.#earlyBytes += Math.max(message.byteLength, MIN_EARLY_BYTES);
    if (this.#earlyBytes > MAX_EARLY_BYTES) return this.cut();
    this.#early.push(message.slice());
  }

  /** A gateway that takes no more costs this node its link, and no other one. */
  #carry(message: Uint8Array): void {
    if (!this.#carrier!.send(message)) this.drop();
  }

  protected override reject(reason: string): void {
    this.socket.send(encodeJson("error", 0, { code: 400, message: reason }));
  }
}
