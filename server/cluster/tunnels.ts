/**
 * Nodes that come back to another gateway than the one that holds their session: the gateway that they have come to
 * carries their frames to the holder, which goes on as if the node's socket were its own.
 */

import { CloseCode, decodeV2, encodeJson, HEADER_BYTES } from "../../protocol/mod.ts";
import type { Clock } from "../base/clock.ts";
import { type CarriedLink, type Carrier, LOST, type WantedSession } from "../node/carried_link.ts";
import { holderOf } from "../node/link_v2.ts";
import type { Dialer, NodeSocket } from "../node/link.ts";
import type { Links } from "../node/links.ts";

/** The carrier opens a tunnel, and its first frame is the node's REGISTER. The holder's first frame agrees to it. */
export type TunnelMessage =
  & { is: "tunnel"; tunnel: number }
  & (
    /** From the carrier: a node with a session of the receiver, as this gateway has authenticated it. */
    | ({ does: "open" } & TunnelDialer)
    | { does: "pong"; text: string }
    /** The carrier leaves, and has asked the node to dial another gateway. */
    | { does: "leaving" }
    /** The node's socket is closed, or the tunnel is not wanted any more. */
    | { does: "left"; code: number }
    /** From the holder. */
    | { does: "ping"; text: string }
    /** The node's socket is to be closed; before the first frame: the session does not go on. */
    | { does: "close"; code: number; reason: string }
  );

type TunnelDialer = Omit<Dialer, "wire">;

/** Above all frame types of wire v2: a frame of a node on its way to the holder of its session, and one to the node. */
const TO_HOLDER = 65;
const TO_NODE = 66;

/**
 * A holder that does not answer is frozen or overloaded: the node must not be without a gateway for
 * long, nor lose its calls for a moment's pause.
 */
const AGREE_WITHIN_MS = 3_000;

/** With more than this unsent, in bytes, a peer takes no more of the nodes that are carried to it. */
const MAX_BUFFERED_BYTES = 8 * 1024 * 1024;

/** Tunnels that a peer may open. */
const MAX_TUNNELS = 10_000;

export interface TunnelsParts {
  clock: Clock;
  /** This gateway. */
  id: string;
  /** The link with a peer; undefined: there is none. */
  find: (peer: string) => TunnelPeer | undefined;
}

interface TunnelPeer {
  send(message: TunnelMessage): void;
  sendFrame(frame: Uint8Array): void;
  readonly bufferedBytes: number;
}

/** What a holder needs of its nodes' links. */
type HeldLinks = Pick<Links, "attach" | "resumeOver" | "leavingOver" | "closedOver">;

/** A node here whose session the peer holds. */
interface Carried {
  peer: string;
  link: CarriedLink;
  cancelTimeout: () => void;
}

export class Tunnels {
  /** By number. */
  readonly #carried = new Map<number, Carried>();
  /** Sockets at peers, by peer and number. */
  readonly #held = new Map<string, Map<number, TunnelSocket>>();
  #opened = 0;
  #links: HeldLinks | null = null;

  constructor(private readonly parts: TunnelsParts) {}

  /** Where the sessions of this gateway are. */
  attach(links: HeldLinks): void {
    this.#links = links;
    links.attach({ gateway: this.parts.id, carry: (...wanted) => this.#carry(...wanted) });
  }

  /** Nodes here whose sessions other gateways hold. */
  get carried(): number {
    return this.#carried.size;
  }

  receive(peer: string, message: TunnelMessage): void {
    switch (message.does) {
      case "open":
        return this.#open(peer, message.tunnel, message);
      case "pong":
        return this.#held.get(peer)?.get(message.tunnel)?.data.link?.ponged(String(message.text));
      case "leaving":
        return this.#leaving(peer, message.tunnel);
      case "left":
        return this.#left(peer, message.tunnel, message.code);
      case "ping":
        return this.#find(peer, message.tunnel)?.link.ping(String(message.text));
      case "close":
        return this.#close(peer, message.tunnel, message.code, String(message.reason));
    }
  }

  receiveFrame(peer: string, message: Uint8Array): void {
    const tunnel = new DataView(message.buffer, message.byteOffset).getUint32(4);
    const frame = message.subarray(HEADER_BYTES);
    if (message[0] === TO_HOLDER) return this.#receiveFromNode(peer, tunnel, frame);
    const carried = this.#find(peer, tunnel);
    carried?.cancelTimeout();
    carried?.link.forward(frame);
  }

  /** The link with the peer has ended: its nodes here reconnect, and nodes of this gateway may come back. */
  peerLost(peer: string): void {
    for (const [tunnel, carried] of [...this.#carried]) {
      if (carried.peer === peer) this.#close(peer, tunnel, LOST, "");
    }
    const held = this.#held.get(peer);
    this.#held.delete(peer);
    for (const socket of held?.values() ?? []) this.#links?.closedOver(socket, LOST);
  }

  #carry({ session, dialer, register }: WantedSession, link: CarriedLink): Carrier | null {
    const peer = holderOf(session)!;
    const to = this.parts.find(peer);
    const isFull = (to?.bufferedBytes ?? 0) > MAX_BUFFERED_BYTES;
    if (to === undefined || isFull || this.#carried.size >= MAX_TUNNELS) return null;
    const tunnel = ++this.#opened;
    const cancelTimeout = this.parts.clock.after(AGREE_WITHIN_MS, () => {
      this.#leave(peer, tunnel, CloseCode.normal);
      link.refuse();
    });
    this.#carried.set(tunnel, { peer, link, cancelTimeout });
    const { wire: _, ...who } = dialer;
    to.send({ is: "tunnel", tunnel, does: "open", ...who });
    to.sendFrame(tunnelled(TO_HOLDER, tunnel, encodeJson("register", 0, register)));
    return {
      send: (frame) => {
        const link = this.#carried.has(tunnel) ? this.parts.find(peer) : undefined;
        if (link === undefined || link.bufferedBytes > MAX_BUFFERED_BYTES) return false;
        link.sendFrame(tunnelled(TO_HOLDER, tunnel, frame));
        return true;
      },
      ponged: (text) => this.#notify(peer, { is: "tunnel", tunnel, does: "pong", text }),
      leaving: () => this.#notify(peer, { is: "tunnel", tunnel, does: "leaving" }),
      closed: (code) => this.#leave(peer, tunnel, code),
    };
  }

  #notify(peer: string, message: TunnelMessage): void {
    this.parts.find(peer)?.send(message);
  }

  #find(peer: string, tunnel: number): Carried | undefined {
    const carried = this.#carried.get(tunnel);
    return carried?.peer === peer ? carried : undefined;
  }

  #leave(peer: string, tunnel: number, code: number): void {
    const carried = this.#find(peer, tunnel);
    if (carried === undefined) return;
    carried.cancelTimeout();
    this.#carried.delete(tunnel);
    this.#notify(peer, { is: "tunnel", tunnel, does: "left", code });
  }

  /** The holder ends the tunnel, or is lost. */
  #close(peer: string, tunnel: number, code: number, reason: string): void {
    const carried = this.#find(peer, tunnel);
    if (carried === undefined) return;
    const { link } = carried;
    if (!link.isAgreed) {
      carried.cancelTimeout();
      this.#carried.delete(tunnel);
      link.refuse();
    } else if (code === LOST) {
      this.#carried.delete(tunnel);
      link.drop();
    } // The tunnel ends with the node's socket.
    else link.close(code, reason);
  }

  #open(peer: string, tunnel: number, dialer: TunnelDialer): void {
    const sockets = this.#held.get(peer) ?? new Map<number, TunnelSocket>();
    this.#held.set(peer, sockets);
    if (sockets.size >= MAX_TUNNELS) {
      return this.#notify(peer, { is: "tunnel", tunnel, does: "close", code: LOST, reason: "" });
    }
    sockets.get(tunnel)?.terminate();
    const { accountId, keyId, keyFamily, address } = dialer;
    const socket: TunnelSocket = new TunnelSocket(
      { accountId, keyId, keyFamily, address, wire: 2 },
      {
        isOpen: () => sockets.get(tunnel) === socket,
        send: (frame) => this.parts.find(peer)?.sendFrame(tunnelled(TO_NODE, tunnel, frame)),
        notify: (what) => this.#notify(peer, { is: "tunnel", tunnel, ...what }),
        bufferedBytes: () => this.parts.find(peer)?.bufferedBytes ?? 0,
        gone: () => {
          sockets.delete(tunnel);
          queueMicrotask(() => this.#links?.closedOver(socket, LOST));
        },
      },
    );
    sockets.set(tunnel, socket);
  }

  #receiveFromNode(peer: string, tunnel: number, frame: Uint8Array): void {
    const socket = this.#held.get(peer)?.get(tunnel);
    // What the carrier has sent before it read that the tunnel is closed.
    if (socket === undefined) return;
    if (socket.hasRegistered) return socket.data.link?.receive(frame);
    socket.hasRegistered = true;
    const decoded = decodeV2(frame);
    const register = decoded.kind === "frame" && decoded.frame.type === "register"
      ? decoded.frame.data
      : null;
    const goesOn = register !== null && this.#links?.resumeOver(socket, register);
    if (!goesOn) socket.terminate();
  }

  #leaving(peer: string, tunnel: number): void {
    const socket = this.#held.get(peer)?.get(tunnel);
    if (socket) this.#links?.leavingOver(socket);
  }

  #left(peer: string, tunnel: number, code: number): void {
    const sockets = this.#held.get(peer);
    const socket = sockets?.get(tunnel);
    sockets?.delete(tunnel);
    if (socket) this.#links?.closedOver(socket, Number(code));
  }
}

interface TunnelSocketParts {
  isOpen(): boolean;
  send(frame: Uint8Array): void;
  notify(
    what: { does: "ping"; text: string } | { does: "close"; code: number; reason: string },
  ): void;
  bufferedBytes(): number;
  /** The socket is not used any more. */
  gone(): void;
}

/** The socket of a node that is at another gateway. */
class TunnelSocket implements NodeSocket {
  readonly data: NodeSocket["data"];
  hasRegistered = false;

  constructor(dialer: Dialer, private readonly parts: TunnelSocketParts) {
    this.data = { dialer, link: null };
  }

  send(message: string | Uint8Array): number {
    if (!this.parts.isOpen()) return 0;
    this.parts.send(message as Uint8Array);
    return message.length;
  }

  ping(text = ""): void {
    if (this.parts.isOpen()) this.parts.notify({ does: "ping", text });
  }

  /** The carrier closes the node's socket, and says when it is closed. */
  close(code: number, reason: string): void {
    if (this.parts.isOpen()) this.parts.notify({ does: "close", code, reason });
  }

  terminate(): void {
    if (!this.parts.isOpen()) return;
    this.parts.notify({ does: "close", code: LOST, reason: "" });
    this.parts.gone();
  }

  getBufferedAmount(): number {
    return this.parts.bufferedBytes();
  }
}

/** Whether the message is one node's frame in a tunnel. */
export function isTunnelFrame(message: Uint8Array): boolean {
  return message[0] === TO_HOLDER || message[0] === TO_NODE;
}

function tunnelled(type: number, tunnel: number, frame: Uint8Array): Uint8Array {
  const message = new Uint8Array(HEADER_BYTES + frame.byteLength);
  message[0] = type;
  new DataView(message.buffer).setUint32(4, tunnel);
  message.set(frame, HEADER_BYTES);
  return message;
}
