/** How busy this gateway's nodes are, told to each peer without what that peer itself runs on them. */

import type { Clock } from "../clock.ts";
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
  readonly #guests = new Map<Node, Map<string, number>>();
  /** What each peer was told last of each node, where it is not 0. */
  readonly #told = new Map<string, Map<string, number>>();
  readonly #changed = new Set<Node>();
  #callOffTelling: (() => void) | null = null;

  constructor(private readonly parts: LoadsParts) {}

  /** A slot of the node was taken or given back. */
  used(node: Node): void {
    this.#changed.add(node);
    this.#callOffTelling ??= this.parts.clock.after(TELL_EVERY_MS, () => {
      this.#callOffTelling = null;
      this.#tellAll();
    });
  }

  /** A peer holds one more of the node's slots; or, by −1, one less. */
  guest(peer: string, node: Node, by: 1 | -1): void {
    const guests = this.#guests.get(node) ?? new Map<string, number>();
    this.#guests.set(node, guests);
    const count = (guests.get(peer) ?? 0) + by;
    if (count > 0) guests.set(peer, count);
    else guests.delete(peer);
    if (guests.size === 0) this.#guests.delete(node);
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
      if (told.delete(node.who.id)) {
        this.parts.say(peer, { is: "loads", loads: [[node.who.id, 0]] });
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
      const { id } = node.who;
      const others = node.active - (this.#guests.get(node)?.get(peer) ?? 0);
      if (others === (told.get(id) ?? 0)) continue;
      if (others > 0) told.set(id, others);
      else told.delete(id);
      loads.push([id, others]);
      if (loads.length < MAX_PER_MESSAGE) continue;
      this.parts.say(peer, { is: "loads", loads });
      loads = [];
    }
    if (loads.length > 0) this.parts.say(peer, { is: "loads", loads });
  }
}
