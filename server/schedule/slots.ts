/** The slots of all nodes: which node a call gets, and what follows when a slot is given back. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Hub, HubWatcher } from "../node/hub.ts";
import type { Node } from "../node/node.ts";
import type { PenaltyBook } from "../node/penalty.ts";
import type { Service } from "../node/service.ts";
import type { CallRequest } from "./call.ts";
import { Lease } from "./lease.ts";
import { FULL, type Price } from "./node_pool.ts";
import { NodePools } from "./node_pools.ts";
import type { Policies } from "./policy/policy.ts";
import type { RemoteWaiters } from "./remote_waiters.ts";

export interface SlotsParts {
  hub: Hub;
  penalties: PenaltyBook;
  policies: Policies;
  clock: Clock;
  log: Log;
  /** From 0 up to 1. */
  random?: () => number;
  /** Calls of other gateways that wait for slots of nodes connected to this one. */
  remoteWaiters?: RemoteWaiters;
}

/** How long a node that answered BUSY counts as full, unless one of its slots is given back first. */
const BUSY_PAUSE_MS = 500;

/** Added to the cost of another gateway's node, so that a node of this gateway is preferred at equal cost. */
const AWAY_COST = 1e-6;

/**
 * Added to the cost of a slot beyond its node's share, which is above the cost of all others. Small
 * enough that AWAY_COST still shows beside it.
 */
const BEYOND_SHARE_COST = 2e9;

const NONE: ReadonlySet<string> = new Set();

/** A service of any node, or of the only node that can serve the call. */
export type Wanted = Service & Partial<Pick<CallRequest, "requiredNode">>;

export class Slots implements HubWatcher {
  readonly #pools: NodePools;
  /** Pools of the nodes connected to this gateway; null in a gateway that is not part of a cluster. */
  readonly #localPools: NodePools | null;
  /** Nodes that answered BUSY a moment ago, each with what cancels the end of their pause. */
  readonly #busy = new Map<Node, () => void>();
  /** Leases of calls that probe a node, each with what ends the probe. */
  readonly #probes = new Map<Lease, () => void>();
  readonly #random: () => number;

  /** `onRoom` is called when a node may have a free slot, `onUse` when a slot was taken or given back. */
  constructor(
    private readonly parts: SlotsParts,
    private readonly onRoom: (node: Node) => void,
    private readonly onUse: (node: Node) => void,
  ) {
    const { hub, penalties, policies, remoteWaiters, random = Math.random } = parts;
    this.#random = random;
    const price: Price = (node, service) => this.#price(node, service);
    const countsActive = ({ model }: Service) => policies(model).preferred !== undefined;
    this.#pools = new NodePools(price, countsActive);
    this.#localPools = remoteWaiters ? new NodePools(price, countsActive) : null;
    hub.watch(this);
    penalties.onRelief.subscribe((nodeKey) => this.#relieved(nodeKey));
  }

  /** The node that the model's policy chooses for the call among those with a free slot; `tried` are skipped. */
  choose(request: CallRequest, tried: ReadonlySet<string>): Node | null {
    if (request.requiredNode) {
      const required = this.#requiredNode(request, tried);
      return required && this.isOpen(required, request) ? required : null;
    }
    const pool = this.#pools.of(request);
    if (pool === undefined) return null;
    const preferred = this.parts.policies(request.model).preferred?.(request, pool) ?? null;
    const isAvailable = preferred !== null && !tried.has(preferred.who.publicId) &&
      this.isOpen(preferred, request);
    if (isAvailable && !preferred.isBeyondShare) return preferred;
    const cheapest = pool.cheapest(tried, this.#random);
    return isAvailable && cheapest?.isBeyondShare ? preferred : cheapest;
  }

  /** The cheapest node among those connected to this gateway; `skipped` are public ids. */
  chooseLocal(service: Service, skipped: ReadonlySet<string>): Node | null {
    return this.#localPools?.of(service)?.cheapest(skipped, this.#random) ?? null;
  }

  /** Whether the node, which offers the service, can take a call of it at once. */
  isOpen(node: Node, service: Service): boolean {
    return this.#price(node, service) < FULL;
  }

  /** Whether a node that was not tried can take such a call, now or when it has room. */
  hasAble(wanted: Wanted, tried: ReadonlySet<string>): boolean {
    if (!wanted.requiredNode) return this.#pools.of(wanted)?.hasAble(tried) ?? false;
    const required = this.#requiredNode(wanted, tried);
    return required !== null && this.#price(required, wanted) <= FULL;
  }

  /** Whether another node than this one can take such a call and has not failed lately. */
  hasHealthyOther(node: Node, service: Service): boolean {
    const { hub, penalties } = this.parts;
    for (const other of hub.nodesOf(service.model)) {
      if (other === node || other.isOut || !other.serves(service)) continue;
      if (penalties.circuit(other.who.nodeKey, service.model) === "clear") return true;
    }
    return false;
  }

  /**
   * When, if no node that was not tried takes such calls now, the first one takes them again, by
   * `penalties.nowMs`; 0 or less: one takes them now, or as soon as it has room; Infinity: unknown.
   */
  opensAt(wanted: Wanted, tried: ReadonlySet<string> = NONE): number {
    if (!wanted.requiredNode) return (this.#pools.of(wanted)?.opensAt(tried) ?? Infinity) - FULL;
    const required = this.#requiredNode(wanted, tried);
    return required === null ? Infinity : this.#price(required, wanted) - FULL;
  }

  /** The slots for the service, free or not. */
  count(service: Service): number {
    return this.#pools.of(service)?.slots ?? 0;
  }

  /** Takes a slot of the node, which is open for the service. */
  take(node: Node, service: Service): Lease {
    const { penalties } = this.parts;
    const { nodeKey } = node.who;
    const { model } = service;
    const isProbe = penalties.circuit(nodeKey, model) === "probation";
    const lease = new Lease(node, service, this.#released);
    if (isProbe) this.#probes.set(lease, penalties.beginProbe(nodeKey, model));
    this.#use(node, 1);
    return lease;
  }

  /** The node answered BUSY to the lease's call: it counts as full for a moment. */
  bounced(lease: Lease): void {
    const { node } = lease;
    lease.isBounced = true;
    this.#busy.get(node)?.();
    const cancel = this.parts.clock.after(BUSY_PAUSE_MS, () => {
      this.#busy.delete(node);
      this.eased(node);
    });
    this.#busy.set(node, cancel);
  }

  joined(node: Node): void {
    this.#pools.joined(node);
    if (node.gateway === null) this.#localPools?.joined(node);
    this.onRoom(node);
  }

  left(node: Node): void {
    this.#pools.left(node);
    this.#localPools?.left(node);
    this.#endBusyPause(node);
  }

  eased(node: Node): void {
    this.#pools.eased(node);
    this.#localPools?.eased(node);
    this.onRoom(node);
  }

  loaded(node: Node, by: number): void {
    // The node's own gateway knows its load better than a BUSY of a moment ago tells.
    this.#endBusyPause(node);
    this.#pools.loaded(node, by);
    if (by < 0) this.onRoom(node);
  }

  shared(node: Node, by: number): void {
    this.#pools.shared(node, by);
    this.#localPools?.shared(node, by);
  }

  /** The only node that can serve the call, if it is connected, offers the service and was not tried. */
  #requiredNode(wanted: Wanted, tried: ReadonlySet<string>): Node | null {
    const node = this.parts.hub.find(wanted.requiredNode ?? "");
    return node?.serves(wanted) && !tried.has(node.who.publicId) ? node : null;
  }

  /** See Price. Whatever can lower it is followed by `eased` or is the release of a lease. */
  #price(node: Node, service: Service): number {
    if (node.isOut) return Infinity;
    const { penalties, policies } = this.parts;
    const { model } = service;
    const circuit = penalties.circuit(node.who.nodeKey, model);
    if (circuit === "penalized") return FULL + penalties.opensAtMs(node.who.nodeKey, model);
    // A node whose connection is lost has no room until it is back, which is soon.
    const isFull = node.active >= node.offer.maxParallel || this.#busy.has(node) ||
      node.reconnectsUntil !== null;
    if (isFull || circuit === "probing") return FULL;
    const cost = policies(model).cost(node, service);
    const more = (node.gateway === null ? 0 : AWAY_COST) +
      (node.isBeyondShare ? BEYOND_SHARE_COST : 0);
    return cost + more;
  }

  readonly #released = (lease: Lease): void => {
    const { node, isBounced } = lease;
    this.#probes.get(lease)?.();
    this.#probes.delete(lease);
    if (!isBounced) this.#endBusyPause(node);
    this.#use(node, -1);
    if (node.isConnected) return;
    // If the node has reconnected meanwhile, the probe that has ended was the new connection's, too.
    const connected = this.parts.hub.find(node.who.nodeKey);
    if (connected !== undefined) this.eased(connected);
  };

  /** A call may outlast its node's connection: then only the node itself is counted. */
  #use(node: Node, by: 1 | -1): void {
    this.parts.hub.use(node, by);
    if (!node.isConnected) return;
    this.#pools.loaded(node, by);
    this.#localPools?.loaded(node, by);
    if (by < 0) this.onRoom(node);
    this.onUse(node);
  }

  #endBusyPause(node: Node): void {
    this.#busy.get(node)?.();
    this.#busy.delete(node);
  }

  #relieved(nodeKey: string): void {
    const { hub, log } = this.parts;
    const node = hub.find(nodeKey);
    if (node === undefined) return;
    log.info({ node: node.who.publicId }, "penalty over: one call probes the node");
    this.eased(node);
  }
}
