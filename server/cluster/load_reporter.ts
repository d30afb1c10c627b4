/** Reports to each peer how busy this gateway's nodes are, without the peer's own calls, and how many slots they have earned. */

import type { Clock } from "../base/clock.ts";
import { FIRST_SLOTS } from "../node/earned_slots.ts";
import type { Node } from "../node/node.ts";
import type { NodeLoad, PeerMessage } from "./peer_message.ts";

/** Loads are reported this often at most. A call that comes to a full node in between costs a BUSY. */
const REPORT_EVERY_MS = 20;

/** Nodes in one message. */
const MAX_PER_MESSAGE = 5_000;

export interface LoadReporterParts {
  clock: Clock;
  peers: () => Iterable<string>;
  /** Whether it is the node's current connection: an earlier one may still end calls. */
  isConnected: (node: Node) => boolean;
  send: (peer: string, message: PeerMessage) => void;
}

export class LoadReporter {
  /** Slots that peers hold, by node and peer. */
  readonly #held = new WeakMap<Node, Map<string, number>>();
  /** By peer and public id, what was reported last, where it is not that of a new and idle node. */
  readonly #reported = new Map<string, Map<string, NodeLoad>>();
  readonly #changed = new Set<Node>();
  #cancelReport: (() => void) | null = null;

  constructor(private readonly parts: LoadReporterParts) {}

  /** A slot of the node was taken or released, or it has earned or lost some. */
  changed(node: Node): void {
    this.#changed.add(node);
    this.#cancelReport ??= this.parts.clock.after(REPORT_EVERY_MS, () => {
      this.#cancelReport = null;
      this.#reportChanged();
    });
  }

  /** The peer holds one slot of the node more, or one less. */
  countHeld(peer: string, node: Node, by: 1 | -1): void {
    const held = this.#held.get(node) ?? new Map<string, number>();
    this.#held.set(node, held);
    const count = (held.get(peer) ?? 0) + by;
    if (count > 0) held.set(peer, count);
    else held.delete(peer);
    this.changed(node);
  }

  /** Reports the loads of all these nodes to a new peer. */
  peerLinked(peer: string, nodes: Iterable<Node>): void {
    this.#reported.set(peer, new Map());
    this.#report(peer, nodes);
  }

  peerLost(peer: string): void {
    this.#reported.delete(peer);
  }

  /** The node has left: its next connection starts at a load of 0. */
  nodeLeft(node: Node): void {
    this.#changed.delete(node);
    for (const [peer, reported] of this.#reported) {
      if (reported.delete(node.who.publicId)) {
        this.parts.send(peer, { is: "loads", loads: [[node.who.publicId, 0]] });
      }
    }
  }

  #reportChanged(): void {
    const nodes = [...this.#changed];
    this.#changed.clear();
    for (const peer of this.parts.peers()) this.#report(peer, nodes);
  }

  #report(peer: string, nodes: Iterable<Node>): void {
    const reported = this.#reported.get(peer);
    if (reported === undefined) return;
    let loads: NodeLoad[] = [];
    for (const node of nodes) {
      if (!this.parts.isConnected(node)) continue;
      const { earned, who: { publicId } } = node;
      const others = node.active - (this.#held.get(node)?.get(peer) ?? 0);
      const [, lastOthers, lastEarned] = reported.get(publicId) ?? [publicId, 0, FIRST_SLOTS];
      if (others === lastOthers && earned === lastEarned) continue;
      const load: NodeLoad = [publicId, others, earned];
      if (others > 0 || earned !== FIRST_SLOTS) reported.set(publicId, load);
      else reported.delete(publicId);
      loads.push(load);
      if (loads.length < MAX_PER_MESSAGE) continue;
      this.parts.send(peer, { is: "loads", loads });
      loads = [];
    }
    if (loads.length > 0) this.parts.send(peer, { is: "loads", loads });
  }
}
