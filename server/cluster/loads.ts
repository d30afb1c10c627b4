/** How busy this gateway's nodes are, told to each peer without what that peer itself runs on them. */

import type { Clock } from "../base/clock.ts";
import type { Node } from "../node/node.ts";
import type { PeerMessage } from "./peer_message.ts";

/** Changes are told this often at most: what is not known yet costs a BUSY. */
const TELL_EVERY_MS = 20;

/** So many nodes go into one message. */
const MAX_PER_MESSAGE = 5_000;

export interface LoadsParts {
  clock: Clock;
  peers: () => Iterable<string>;
  say: (peer: string, message: PeerMessage) => void;
}

export class Loads {
  /** Slots that peers hold, by node and peer. */
  readonly #inboundCalls = new Map<Node, Map<string, number>>();
  /** What each peer was told last of each node, where it is not 0. */
  readonly #told = new Map<string, Map<string, number>>();
  readonly #changed = new Set<Node>();
  #cancelTelling: (() => void) | null = null;

  constructor(private readonly parts: LoadsParts) {}

  /** A slot of the node was taken or given back. */
  used(node: Node): void {
    this.#changed.add(node);
    this.#cancelTelling ??= this.parts.clock.after(TELL_EVERY_MS, () => {
      this.#cancelTelling = null;
      this.#tellAll();
    });
  }

  /** A peer holds one more of the node's slots; or, by −1, one less. */
  guest(peer: string, node: Node, by: 1 | -1): void {
    const inboundCalls = this.#inboundCalls.get(node) ?? new Map<string, number>();
    this.#inboundCalls.set(node, inboundCalls);
    const count = (inboundCalls.get(peer) ?? 0) + by;
    if (count > 0) inboundCalls.set(peer, count);
    else inboundCalls.delete(peer);
    if (inboundCalls.size === 0) this.#inboundCalls.delete(node);
    this.used(node);
  }

  /** A peer can be reached: of all these nodes it hears. */
  peerCame(peer: string, nodes: Iterable<Node>): void {
    this.#told.set(peer, new Map());
    this.#tell(peer, nodes);
  }

  peerLeft(peer: string): void {
    this.#told.delete(peer);
  }

  /** The node has left: whatever is told of it now is of another connection. */
  left(node: Node): void {
    this.#changed.delete(node);
    for (const [peer, told] of this.#told) {
      if (told.delete(node.who.publicId)) {
        this.parts.say(peer, { is: "loads", loads: [[node.who.publicId, 0]] });
      }
    }
  }

  #tellAll(): void {
    const nodes = [...this.#changed];
    this.#changed.clear();
    for (const peer of this.parts.peers()) this.#tell(peer, nodes);
  }

  #tell(peer: string, nodes: Iterable<Node>): void {
    const told = this.#told.get(peer);
    if (told === undefined) return;
    let loads: [string, number][] = [];
    for (const node of nodes) {
      const { publicId } = node.who;
      const others = node.active - (this.#inboundCalls.get(node)?.get(peer) ?? 0);
      if (others === (told.get(publicId) ?? 0)) continue;
      if (others > 0) told.set(publicId, others);
      else told.delete(publicId);
      loads.push([publicId, others]);
      if (loads.length < MAX_PER_MESSAGE) continue;
      this.parts.say(peer, { is: "loads", loads });
      loads = [];
    }
    if (loads.length > 0) this.parts.say(peer, { is: "loads", loads });
  }
}
