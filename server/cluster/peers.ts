/** The links with all other gateways: one a pair, dialled by one of the two, watched, dialled again. */

import { LivenessWatch } from "../../protocol/mod.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Socket } from "../node/link.ts";
import type { Presence } from "./bus.ts";
import type { GuestsConfig } from "./inbound_calls.ts";
import { type Handshake, isEqual, PEER_HEADER } from "./handshake.ts";
import { PeerLink, type PeerLinkParts } from "./peer_link.ts";
import { decodePeerMessage, isPeerMessage } from "./peer_message.ts";

/** Where gateways dial each other. */
export const PEER_PATH = "/cluster";

/** Peers are looked at this often: pinged, dialled, given up after so long a silence. */
const LOOK_EVERY_MS = 1_000;
const SILENCE_MS = 5_000;
const DIAL_WITHIN_MS = 3_000;

/** A gateway that has just died is still on the roll: only after so many tries people are told. */
const TRIES_UNTOLD = 20;

/** Receives what happens on a socket that this gateway has dialled. */
export interface DialListener {
  message(message: string | Uint8Array): void;
  ping(): void;
  pong(text: string): void;
  closed(reason: string): void;
}

export type Dial = (
  url: string,
  headers: Record<string, string>,
  listener: DialListener,
) => Socket;

export interface PeersParts extends PeerLinkParts {
  clock: Clock;
  log: Log;
  id: string;
  handshake: Handshake;
  dial: Dial;
  /** The gateways that should be linked, by id. */
  others: () => ReadonlyMap<string, Presence>;
  /** A peer can be reached now, or cannot any more. */
  came: (peer: string) => void;
  left: (peer: string) => void;
}

export class Peers {
  readonly #links = new Map<string, PeerLink>();
  readonly #dialling = new Set<string>();
  /** How often in a row each of the others could not be reached. */
  readonly #failures = new Map<string, number>();
  readonly #watch: LivenessWatch<PeerLink>;
  #cancelLook: () => void = () => {};
  #isStopped = false;

  constructor(private readonly parts: PeersParts, private readonly config: GuestsConfig) {
    this.#watch = new LivenessWatch(
      parts.clock,
      { everyMs: LOOK_EVERY_MS, pingMs: LOOK_EVERY_MS, silenceMs: SILENCE_MS },
      () => this.#links.values(),
      (link) => {
        link.drop();
        // A half-open connection may take minutes to close by itself.
        this.closed(link, "it does not answer");
      },
    );
  }

  start(): void {
    this.#watch.start();
    this.#lookLater();
  }

  /** The ids of those that can be reached. */
  ids(): Iterable<string> {
    return this.#links.keys();
  }

  get size(): number {
    return this.#links.size;
  }

  find(peer: string): PeerLink | undefined {
    return this.#links.get(peer);
  }

  /** Whether the peer can be reached, or at least was dialled. */
  wasTried(peer: string): boolean {
    return this.#links.has(peer) || this.#failures.has(peer);
  }

  /** Calls of all peers on this gateway's nodes. */
  get inboundCalls(): number {
    let sum = 0;
    for (const link of this.#links.values()) sum += link.inboundCalls;
    return sum;
  }

  /** Those that are not linked are dialled, as far as it is this gateway's part. */
  look(): void {
    const { id, others } = this.parts;
    for (const peer of this.#failures.keys()) {
      if (!others().has(peer)) this.#failures.delete(peer);
    }
    for (const peer of others().values()) {
      // Of two, only one dials: so there is never more than one link.
      if (peer.id < id && !this.#links.has(peer.id) && !this.#dialling.has(peer.id)) {
        this.#dial(peer);
      }
    }
  }

  /** A peer has dialled and shown who it is. The link's messages and end are to be handed to it. */
  accepted(peer: string, socket: Socket): PeerLink {
    return this.#linked(peer, socket);
  }

  /** The link's socket has closed. */
  closed(link: PeerLink, reason: string): void {
    const { peer } = link;
    if (this.#links.get(peer) === link) {
      this.#links.delete(peer);
      this.parts.left(peer);
      if (!this.#isStopped) this.parts.log.warn({ peer, reason }, "cluster: a gateway is lost");
    }
    // Last: failing the calls makes them look for another node, which must not be one of the peer's.
    link.closed(reason);
  }

  stop(): void {
    this.#isStopped = true;
    this.#watch.stop();
    this.#cancelLook();
    for (const link of this.#links.values()) link.close();
  }

  dropAll(): void {
    for (const link of this.#links.values()) link.drop();
  }

  #linked(peer: string, socket: Socket): PeerLink {
    const before = this.#links.get(peer);
    if (before !== undefined) {
      before.drop();
      this.closed(before, "the gateway has dialled anew");
    }
    const link = new PeerLink(peer, socket, this.parts, this.config);
    this.#links.set(peer, link);
    this.#failures.delete(peer);
    this.parts.log.info({ peer }, "cluster: a gateway is linked");
    return link;
  }

  #dial({ id: peer, url }: Presence): void {
    const { handshake, dial, clock, came } = this.parts;
    const { header, answer } = handshake.dial(peer);
    let link: PeerLink | null = null;
    let isOver = false;
    const end = (reason: string) => {
      if (isOver) return;
      isOver = true;
      cancelTimeout();
      this.#dialling.delete(peer);
      if (link === null) this.#failed({ peer, url, reason });
      else this.closed(link, reason);
    };
    const listener: DialListener = {
      message: (message) => {
        if (isOver) return;
        if (link !== null) return link.receive(message);
        // Whoever cannot show that it knows the secret hears nothing.
        if (!isHello(message, answer) || this.#isStopped) return socket.terminate();
        cancelTimeout();
        this.#dialling.delete(peer);
        link = this.#linked(peer, socket);
        came(peer);
      },
      ping: () => link?.heard(),
      pong: (text) => link?.ponged(text),
      closed: end,
    };
    let socket: Socket;
    try {
      const peerUrl = `${url.replace(/^http/, "ws")}${PEER_PATH}`;
      socket = dial(peerUrl, { [PEER_HEADER]: header }, listener);
    } catch (error) {
      return this.#failed({ peer, url, reason: String(error) });
    }
    this.#dialling.add(peer);
    const cancelTimeout = clock.after(DIAL_WITHIN_MS, () => {
      // A socket that is still being opened may never tell that it has ended.
      end("it does not answer");
      socket.terminate();
    });
  }

  /** It is dialled again at the next look. */
  #failed({ peer, url, reason }: { peer: string; url: string; reason: string }): void {
    const tries = (this.#failures.get(peer) ?? 0) + 1;
    this.#failures.set(peer, tries);
    this.parts.log[tries === TRIES_UNTOLD ? "warn" : "debug"](
      { peer, url, reason, tries },
      "cluster: cannot reach a gateway: is its COLINK_ADVERTISE_URL right, and open to this machine?",
    );
  }

  #lookLater(): void {
    this.#cancelLook = this.parts.clock.after(LOOK_EVERY_MS, () => {
      this.look();
      this.#lookLater();
    });
  }
}

function isHello(message: string | Uint8Array, answer: string): boolean {
  if (typeof message === "string" || !isPeerMessage(message)) return false;
  try {
    const hello = decodePeerMessage(message);
    return hello.is === "hello" && isEqual(hello.answer, answer);
  } catch {
    return false;
  }
}
