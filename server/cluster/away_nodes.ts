/** The other gateways' nodes, offered to this one's scheduler as Nodes. */

import type { Hub } from "../node/hub.ts";
import { Node, type NodeConnection } from "../node/node.ts";
import { identityIn, type NodeRecord, offerIn } from "./node_record.ts";

export interface AwayNodesParts {
  hub: Hub;
  /** Whether the gateway can be asked for a lease now. */
  isLinked: (gateway: string) => boolean;
  /** The way to one of the gateway's nodes. */
  connectionTo: (gateway: string, nodeId: string) => NodeConnection;
  /** Who had the node last among the other gateways. */
  claimant: (nodeId: string) => { gateway: string; record: NodeRecord } | null;
}

interface Away {
  node: Node;
  record: NodeRecord;
  /** Of its slots, those in use by others than this gateway. */
  others: number;
}

/**
 * A node is offered while its gateway can be reached, and unless the same node is connected here:
 * then this gateway serves it, and who is right is found out by asking the node itself.
 */
export class AwayNodes {
  /** By public id: those in the hub. */
  readonly #offered = new Map<string, Away>();
  /** By gateway and public id, where it is more than 0: told on another way than the nodes themselves. */
  readonly #loads = new Map<string, Map<string, number>>();

  constructor(private readonly parts: AwayNodesParts) {
    const ignored = () => {};
    const left = (node: Node) => this.#left(node);
    parts.hub.watch({ left, joined: ignored, eased: ignored, loaded: ignored });
  }

  get size(): number {
    return this.#offered.size;
  }

  find(gateway: string, nodeId: string): Node | undefined {
    const node = this.#offered.get(nodeId)?.node;
    return node?.gateway === gateway ? node : undefined;
  }

  /** What is known of the node has changed. */
  reconsider(nodeId: string): void {
    const { hub, isLinked, claimant } = this.parts;
    const claim = claimant(nodeId);
    const away = this.#offered.get(nodeId);
    const isToBeHad = claim !== null && isLinked(claim.gateway);
    if (away && (!isToBeHad || away.node.gateway !== claim.gateway)) hub.remove(away.node);
    if (!isToBeHad) return;
    const { gateway, record } = claim;
    if (hub.find(record.who.identity)?.gateway === null) return;
    const known = this.#offered.get(nodeId);
    if (known === undefined) this.#offer(gateway, record);
    else if (!isSame(known.record, record)) this.#update(known, record);
  }

  /** So many calls of others than this gateway run on the node. */
  loaded(gateway: string, nodeId: string, others: number): void {
    this.#keepLoad(gateway, nodeId, others);
    const away = this.#offered.get(nodeId);
    if (away === undefined || away.node.gateway !== gateway) return;
    const by = others - away.others;
    away.others = others;
    this.parts.hub.load(away.node, by);
  }

  /** Nothing that the gateway has told of its nodes' loads holds any more. */
  forgetLoads(gateway: string): void {
    this.#loads.delete(gateway);
  }

  #left(node: Node): void {
    if (node.gateway === null) {
      // Only now can its twin elsewhere be offered.
      queueMicrotask(() => this.reconsider(node.who.publicId));
    } else if (this.parts.hub.find(node.who.nodeKey) !== node) {
      this.#offered.delete(node.who.publicId);
    }
  }

  #offer(gateway: string, record: NodeRecord): void {
    const { hub, connectionTo } = this.parts;
    const { connectedAt } = record;
    const who = identityIn(record);
    const connection = connectionTo(gateway, who.publicId);
    const node = new Node(who, offerIn(record), connection, connectedAt, gateway);
    node.isDraining = record.isDraining;
    const others = this.#loads.get(gateway)?.get(who.publicId) ?? 0;
    node.active = others;
    this.#offered.set(who.publicId, { node, record, others });
    hub.add(node);
  }

  #keepLoad(gateway: string, nodeId: string, others: number): void {
    const loads = this.#loads.get(gateway) ?? new Map<string, number>();
    if (others > 0) loads.set(nodeId, others);
    else loads.delete(nodeId);
    if (loads.size > 0) this.#loads.set(gateway, loads);
    else this.#loads.delete(gateway);
  }

  #update(away: Away, record: NodeRecord): void {
    away.record = record;
    away.node.isDraining = record.isDraining;
    this.parts.hub.update(away.node, offerIn(record));
  }
}

function isSame(a: NodeRecord, b: NodeRecord): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
