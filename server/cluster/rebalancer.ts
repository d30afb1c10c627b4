/** Spreads the nodes again after gateways came or went: one that has more than its share asks idle nodes to move. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { LruCache } from "../base/lru.ts";
import type { Node } from "../node/node.ts";

export interface RebalancerParts {
  clock: Clock;
  log: Log;
  /** The nodes that are connected here. */
  nodes: () => Iterable<Node>;
  /** Numbers of nodes of the other gateways that take nodes. */
  others: () => Iterable<number>;
  /** Asks the node to dial another gateway. False: its version of the wire cannot be asked. */
  move: (node: Node) => boolean;
}

/** Longer than a node takes to move, so that each round counts what the one before has done. */
const ROUND_MS = 5_000;

/**
 * Moving begins where a gateway has so many nodes more than its share, or has more than its share
 * while another has so many fewer: this many, and this part of the share. It ends at the share.
 */
const MIN_DISTANCE = 2;
const DISTANCE_SHARE = 0.1;

/** Rounds in a row that must find too many nodes: after a restart they come back by themselves. */
const PATIENT_ROUNDS = 2;

/** In one round at most this part of what is too much, and this many. */
const ROUND_SHARE = 0.25;
const MAX_PER_ROUND = 20;

/** A node that has come back is asked again after this time, which doubles: it may know no other gateway. */
const ASK_AGAIN_MS = 10 * 60_000;
const MAX_ASK_AGAIN_MS = 24 * 60 * 60_000;
const MAX_REMEMBERED = 50_000;

export class Rebalancer {
  /** By node key, nodes that were asked: when each may be asked again, and after which wait. */
  readonly #asked = new LruCache<string, { againMs: number; waitMs: number }>(MAX_REMEMBERED);
  #roundsOver = 0;
  #cancelRound: () => void = () => {};

  constructor(private readonly parts: RebalancerParts) {}

  start(): void {
    this.#cancelRound = this.parts.clock.after(ROUND_MS, () => {
      this.start();
      this.#round();
    });
  }

  stop(): void {
    this.#cancelRound();
  }

  #round(): void {
    const nodes = [...this.parts.nodes()];
    const others = [...this.parts.others()];
    const all = others.reduce((sum, count) => sum + count, nodes.length);
    const share = Math.ceil(all / (others.length + 1));
    const excess = nodes.length - share;
    const isMoving = this.#roundsOver >= PATIENT_ROUNDS;
    const distance = Math.max(excess, share - Math.min(share, ...others));
    const isFar = distance >= Math.max(MIN_DISTANCE, share * DISTANCE_SHARE);
    const isOver = excess >= 1 && (isMoving || isFar);
    this.#roundsOver = isOver ? this.#roundsOver + 1 : 0;
    if (this.#roundsOver >= PATIENT_ROUNDS) this.#ask(nodes, excess, share);
  }

  #ask(nodes: readonly Node[], excess: number, share: number): void {
    const most = Math.min(MAX_PER_ROUND, Math.ceil(excess * ROUND_SHARE));
    let asked = 0;
    for (const node of nodes) {
      if (asked === most) break;
      if (this.#mayMove(node) && this.parts.move(node)) {
        this.#remember(node);
        asked++;
      }
    }
    if (asked === 0) return;
    this.parts.log.info(
      { nodes: nodes.length, share, asked },
      "cluster: more than this gateway's share of nodes, asked some to dial another",
    );
  }

  /** Never a node that runs a call, of whatever gateway. */
  #mayMove({ active, isDraining, who }: Node): boolean {
    const againMs = this.#asked.get(who.nodeKey)?.againMs ?? -Infinity;
    return active === 0 && !isDraining && this.parts.clock.monotonic() >= againMs;
  }

  #remember({ who: { nodeKey } }: Node): void {
    const before = this.#asked.get(nodeKey);
    const waitMs = before ? Math.min(2 * before.waitMs, MAX_ASK_AGAIN_MS) : ASK_AGAIN_MS;
    this.#asked.set(nodeKey, { againMs: this.parts.clock.monotonic() + waitMs, waitMs });
  }
}
