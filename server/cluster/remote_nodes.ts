/** The other gateways' nodes, offered to this gateway's scheduler as Nodes. */

import { FIRST_SLOTS } from "../node/earned_slots.ts";
import type { Hub } from "../node/hub.ts";
import { Node, type NodeConnection } from "../node/node.ts";
import type { HeldNode } from "./follower.ts";
import { identityIn, type NodeRecord, offerIn } from "./node_record.ts";
import type { NodeLoad } from "./peer_message.ts";

export interface RemoteNodesParts {
  hub: Hub;
  isLinked: (gateway: string) => boolean;
  /** The way to one of a linked gateway's nodes. */
  connectionTo: (gateway: string, nodeId: string) => NodeConnection;
  /** The gateway that the node connected to last, among the other gateways. */
  latestHolder: (nodeId: string) => HeldNode | null;
}

interface RemoteNode {
  node: Node;
  record: NodeRecord;
  /** Slots that are in use by calls of other gateways than this one. */
  others: number;
}

/**
 * A remote node is offered while its gateway is linked. A node that is connected here as well is
 * served from here; the cluster finds out which of the two connections stands.
 */
export class RemoteNodes {
  /** By public id: the nodes in the hub. */
  readonly #offered = new Map<string, RemoteNode>();
  /** By gateway and public id: a load may be reported before its node is known. Those of new and idle nodes are left out. */
  readonly #loads = new Map<string, Map<string, NodeLoad>>();

  constructor(private readonly parts: RemoteNodesParts) {
    const left = (node: Node) => this.#left(node);
    parts.hub.watch({ left });
  }

  get size(): number {
    return this.#offered.size;
  }

  find(gateway: string, nodeId: string): Node | undefined {
    const node = this.#offered.get(nodeId)?.node;
    return node?.gateway === gateway ? node : undefined;
  }

  /** Offers, changes or withdraws the node, by what is known of it now. */
  refresh(nodeId: string): void {
    const { hub, isLinked, latestHolder } = this.parts;
    const holder = latestHolder(nodeId);
    const offered = this.#offered.get(nodeId)?.node;
    const isReachable = holder !== null && isLinked(holder.gateway);
    if (offered && (!isReachable || offered.gateway !== holder.gateway)) hub.remove(offered);
    if (!isReachable) return;
    const { gateway, record } = holder;
    if (hub.find(record.who.identity)?.gateway === null) return;
    const known = this.#offered.get(nodeId);
    if (known === undefined) this.#offer(gateway, record);
    else if (!isSame(known.record, record)) this.#update(known, record);
  }

  /** The gateway reports the load of its node. */
  setLoad(gateway: string, load: NodeLoad): void {
    const { hub } = this.parts;
    const [nodeId, others, earned] = load;
    this.#keepLoad(gateway, load);
    const remote = this.#offered.get(nodeId);
    if (remote === undefined || remote.node.gateway !== gateway) return;
    if (earned !== undefined) hub.reportEarned(remote.node, earned);
    const by = others - remote.others;
    remote.others = others;
    if (by !== 0) hub.load(remote.node, by);
  }

  /** Forgets every load that the gateway has reported. */
  clearLoads(gateway: string): void {
    this.#loads.delete(gateway);
  }

  #left(node: Node): void {
    if (node.gateway === null) {
      // The hub still holds the local node; its remote twin can be offered afterwards.
      queueMicrotask(() => this.refresh(node.who.publicId));
    } else if (this.parts.hub.find(node.who.nodeKey) !== node) {
      this.#offered.delete(node.who.publicId);
    }
  }

  #offer(gateway: string, record: NodeRecord): void {
    const { hub, connectionTo } = this.parts;
    const { connectedAt } = record;
    const who = identityIn(record);
    const connection = connectionTo(gateway, who.publicId);
    const [, others = 0, earned] = this.#loads.get(gateway)?.get(who.publicId) ?? [];
    const { isDraining, pause = null, reconnectsUntil = null } = record;
    const state = { isDraining, pause, reconnectsUntil, active: others };
    const node = new Node(who, offerIn(record), connection, connectedAt, gateway, state);
    this.#offered.set(who.publicId, { node, record, others });
    hub.add(node);
    if (earned !== undefined) hub.reportEarned(node, earned);
  }

  #keepLoad(gateway: string, load: NodeLoad): void {
    const [nodeId, others, earned = FIRST_SLOTS] = load;
    const loads = this.#loads.get(gateway) ?? new Map<string, NodeLoad>();
    this.#loads.set(gateway, loads);
    if (others > 0 || earned !== FIRST_SLOTS) loads.set(nodeId, load);
    else loads.delete(nodeId);
  }

  #update(remote: RemoteNode, record: NodeRecord): void {
    const { hub } = this.parts;
    const { node } = remote;
    remote.record = record;
    const { isDraining, pause = null, reconnectsUntil = null } = record;
    hub.update(node, offerIn(record), isDraining, pause);
    if (reconnectsUntil === null) hub.reconnected(node);
    else hub.interrupted(node, reconnectsUntil);
  }
}

function isSame(a: NodeRecord, b: NodeRecord): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
