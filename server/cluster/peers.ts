/** The links to the other gateways, one for each pair: dialled by one of the two, and dialled again when lost. */

import { LivenessWatch } from "../../protocol/mod.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Socket } from "../node/link.ts";
import { PEER_PATH } from "./address.ts";
import type { Presence } from "./bus.ts";
import type { InboundConfig } from "./inbound_calls.ts";
import type { FrameCipher } from "./frame_cipher.ts";
import { type Handshake, PEER_HEADER, type PeerProof } from "./handshake.ts";
import { PeerLink, type PeerLinkParts } from "./peer_link.ts";
import { decodePeerMessage, isPeerMessage } from "./peer_message.ts";

/** How often missing links are dialled, and links pinged. */
const CHECK_EVERY_MS = 1_000;
const SILENCE_MS = 5_000;
const DIAL_WITHIN_MS = 3_000;

/** A gateway that has just died is still a member: a warning is logged only after this many failures. */
const FAILURES_BEFORE_WARNING = 20;

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
  /** This gateway's id. */
  id: string;
  handshake: Handshake;
  dial: Dial;
  /** The other members of the network, by id. */
  others: () => ReadonlyMap<string, Presence>;
  onLinked: (peer: string) => void;
  onLost: (peer: string) => void;
}

export class Peers {
  readonly #links = new Map<string, PeerLink>();
  readonly #dialling = new Set<string>();
  /** Failed attempts in a row, by gateway. */
  readonly #failures = new Map<string, number>();
  readonly #watch: LivenessWatch<PeerLink>;
  #cancelCheck: () => void = () => {};
  #isStopped = false;

  constructor(private readonly parts: PeersParts, private readonly config: InboundConfig) {
    this.#watch = new LivenessWatch(
      parts.clock,
      { everyMs: CHECK_EVERY_MS, pingMs: CHECK_EVERY_MS, silenceMs: SILENCE_MS },
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
    this.#checkLater();
  }

  /** Ids of the linked gateways. */
  ids(): Iterable<string> {
    return this.#links.keys();
  }

  get size(): number {
    return this.#links.size;
  }

  find(peer: string): PeerLink | undefined {
    return this.#links.get(peer);
  }

  /** Whether the gateway is linked, or an attempt to dial it has failed. */
  wasTried(peer: string): boolean {
    return this.#links.has(peer) || this.#failures.has(peer);
  }

  /** Calls of all peers on this gateway's nodes. */
  get inboundCalls(): number {
    let sum = 0;
    for (const link of this.#links.values()) sum += link.inboundCalls;
    return sum;
  }

  /** Dials the members that are not linked and that this gateway is the one to dial. */
  dialMissing(): void {
    const { id, others } = this.parts;
    for (const peer of this.#failures.keys()) {
      if (!others().has(peer)) this.#failures.delete(peer);
    }
    for (const peer of others().values()) {
      // Only the gateway with the higher id dials, so that a pair has one link.
      if (peer.id < id && !this.#links.has(peer.id) && !this.#dialling.has(peer.id)) {
        this.#dial(peer);
      }
    }
  }

  /** Links a peer that has dialled and proved its identity. The caller passes on what the socket receives. */
  accept(peer: string, socket: Socket, cipher: FrameCipher | null): PeerLink {
    const before = this.#links.get(peer);
    if (before !== undefined) {
      before.drop();
      this.closed(before, "the gateway has reconnected");
    }
    const link = new PeerLink(peer, socket, this.parts, this.config, cipher);
    this.#links.set(peer, link);
    this.#failures.delete(peer);
    this.parts.log.info({ peer }, "cluster: a gateway is linked");
    return link;
  }

  /** Must be called when the link's socket has closed. */
  closed(link: PeerLink, reason: string): void {
    const { peer } = link;
    if (this.#links.get(peer) === link) {
      this.#links.delete(peer);
      this.parts.onLost(peer);
      if (!this.#isStopped) this.parts.log.warn({ peer, reason }, "cluster: a gateway is lost");
    }
    // Last, because failed calls look for another node at once, which must not be one of the peer's.
    link.closed(reason);
  }

  stop(): void {
    this.#isStopped = true;
    this.#watch.stop();
    this.#cancelCheck();
    for (const link of this.#links.values()) link.close();
  }

  dropAll(): void {
    for (const link of this.#links.values()) link.drop();
  }

  #dial({ id: peer, url }: Presence): void {
    const { handshake, dial, clock, onLinked } = this.parts;
    const { header, meet } = handshake.dial(peer, url);
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
        // A gateway that cannot prove that it knows the secret receives nothing.
        const proof = proofIn(message);
        const session = proof && meet(proof);
        if (session === null || this.#isStopped) return socket.terminate();
        cancelTimeout();
        this.#dialling.delete(peer);
        link = this.accept(peer, socket, session.cipher);
        onLinked(peer);
      },
      ping: () => link?.markAlive(),
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
      // A socket that is still opening may never report that it has closed.
      end("it does not answer");
      socket.terminate();
    });
  }

  /** The gateway is dialled again at the next check. */
  #failed({ peer, url, reason }: { peer: string; url: string; reason: string }): void {
    const tries = (this.#failures.get(peer) ?? 0) + 1;
    this.#failures.set(peer, tries);
    this.parts.log[tries === FAILURES_BEFORE_WARNING ? "warn" : "debug"](
      { peer, url, reason, tries },
      "cluster: cannot reach a gateway: is its COLINK_ADVERTISE_URL right, and open to this machine?",
    );
  }

  #checkLater(): void {
    this.#cancelCheck = this.parts.clock.after(CHECK_EVERY_MS, () => {
      this.dialMissing();
      this.#checkLater();
    });
  }
}

/** The proof in the first message of a gateway that was dialled; null: the message is another one. */
function proofIn(message: string | Uint8Array): PeerProof | null {
  if (typeof message === "string" || !isPeerMessage(message)) return null;
  try {
    const hello = decodePeerMessage(message);
    const isProof = hello.is === "hello" && [hello.answer, hello.nonce].every(isText);
    return isProof ? hello : null;
  } catch {
    return null;
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
