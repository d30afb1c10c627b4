/** The nodes that are connected to this gateway: published to the others, whose calls they serve. */

import {
  audienceTag,
  mayUse,
  type Memberships,
  noMemberships,
  viewerOf,
} from "../node/audience.ts";
import type { Hub } from "../node/hub.ts";
import type { Node } from "../node/node.ts";
import type { Service } from "../node/service.ts";
import type { Lease } from "../schedule/lease.ts";
import type { LoadReporter } from "./load_reporter.ts";
import { type NodeRecord, recordOf } from "./node_record.ts";
import type { Offers } from "./offers.ts";
import type { Publisher } from "./publisher.ts";

export interface LocalNodesParts {
  hub: Hub;
  publisher: Pick<Publisher, "record" | "put" | "remove" | "removeAll">;
  loads: Pick<LoadReporter, "changed" | "countHeld" | "nodeLeft">;
  offers: Pick<Offers, "redeem" | "close">;
  /** Default: no account is in a group. */
  memberships?: Memberships;
  /** Redis' clock, in UTC milliseconds. */
  sharedNow: () => number;
  /** Asks the node which of its connections stands: the one here answers, or ends. */
  challenge: (node: Node) => void;
  /** A node has connected to another gateway so long ago, as this run of its program. */
  startedAs: (nodeKey: string, instance: string, forMs: number) => void;
}

/** What local nodes need of the scheduler. */
export interface LocalLeases {
  leaseLocal(node: Node, service: Service): Lease | null;
}

export class LocalNodes {
  /** By public id. */
  readonly #nodes = new Map<string, Node>();
  #scheduler: LocalLeases | null = null;
  #areWithdrawn = false;

  constructor(private readonly parts: LocalNodesParts) {
    const changed = (node: Node) => node.gateway === null && this.#changed(node);
    const left = (node: Node) => node.gateway === null && this.#left(node);
    const shared = (node: Node) => node.gateway === null && parts.loads.changed(node);
    parts.hub.watch({ joined: changed, eased: changed, interrupted: changed, left, shared });
  }

  attach(scheduler: LocalLeases): void {
    this.#scheduler = scheduler;
  }

  all(): Iterable<Node> {
    return this.#nodes.values();
  }

  has(node: Node): boolean {
    return this.#nodes.get(node.who.publicId) === node;
  }

  /** Whether a node has not moved to another gateway yet. One that drains stays only for its running calls. */
  get areMoving(): boolean {
    return !this.#areWithdrawn && [...this.all()].some(({ isDraining }) => !isDraining);
  }

  /** Serves no more calls of other gateways, except those that run. */
  withdraw(): void {
    this.#areWithdrawn = true;
    this.parts.offers.close();
    this.parts.publisher.removeAll();
  }

  /** Another gateway has published the node. If it is connected here, too, the older connection is challenged. */
  publishedElsewhere({ who, offer: { instance }, sinceMs }: NodeRecord): void {
    const node = this.#nodes.get(who.id);
    const since = this.parts.publisher.record(who.id)?.sinceMs ?? Infinity;
    if (node !== undefined && sinceMs > since) this.parts.challenge(node);
    // Also a node that is withdrawn here, or has moved, may have calls here.
    if (instance === undefined) return;
    this.parts.startedAs(who.identity, instance, this.parts.sharedNow() - sinceMs);
  }

  /**
   * Leases a slot for a peer's call: the slot that it was granted, or else a free one. Null also where
   * the node is not for the call's account, which a peer of an earlier version does not know.
   */
  lease(
    peer: string,
    nodeId: string,
    wanted: Service & { accountId: string },
    grant: number | null,
  ): Lease | null {
    const { offers, loads, memberships = noMemberships } = this.parts;
    const node = this.#nodes.get(nodeId);
    const granted = grant === null ? null : offers.redeem(peer, grant);
    const viewer = viewerOf(wanted, memberships);
    const isAllowed = node !== undefined && mayUse(node, viewer);
    if (!isAllowed || granted !== null && granted.node !== node) {
      granted?.release();
      return null;
    }
    const lease = granted ??
      (this.#areWithdrawn ? null : this.#scheduler?.leaseLocal(node, wanted) ?? null);
    if (lease === null) return null;
    lease.audience = audienceTag(node, viewer);
    loads.countHeld(peer, node, 1);
    return lease;
  }

  /** The node has connected, or something about it has changed. */
  #changed(node: Node): void {
    const { publisher, sharedNow } = this.parts;
    const { publicId } = node.who;
    const known = this.has(node) ? publisher.record(publicId) : undefined;
    this.#nodes.set(publicId, node);
    // It may come back with slots that it earned before.
    if (known === undefined) this.parts.loads.changed(node);
    if (this.#areWithdrawn) return;
    const record = recordOf(node, known?.sinceMs ?? sharedNow());
    if (JSON.stringify(record) !== JSON.stringify(known)) publisher.put(record);
  }

  #left(node: Node): void {
    const { hub, publisher, loads } = this.parts;
    const { publicId, nodeKey } = node.who;
    // The hub reports a new offer as leaving and joining.
    if (hub.find(nodeKey) === node || !this.has(node)) return;
    this.#nodes.delete(publicId);
    publisher.remove(publicId);
    loads.nodeLeft(node);
  }
}
