/** The free slots of all nodes: which one a call gets, and what comes of it when it is given back. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Hub, HubWatcher } from "../node/hub.ts";
import type { Node } from "../node/node.ts";
import type { PenaltyBook } from "../node/penalty.ts";
import type { Service } from "../node/service.ts";
import type { CallRequest } from "./call.ts";
import { Lease } from "./lease.ts";
import type { Policies } from "./policy/policy.ts";
import type { RemoteWaiters } from "./remote_waiters.ts";
import { FULL, type Price } from "./node_pool.ts";
import { NodePools } from "./node_pools.ts";

export interface SlotsParts {
  hub: Hub;
  penalties: PenaltyBook;
  policies: Policies;
  clock: Clock;
  log: Log;
  /** From 0 up to 1. */
  random?: () => number;
  /** Calls of other gateways that wait for slots of nodes that are connected here. */
  remoteWaiters?: RemoteWaiters;
}

/** How long a node that said BUSY counts as full, unless one of its slots is given back first. */
const BUSY_PAUSE_MS = 500;

/** Added to the cost of another gateway's node: one of this gateway's own is preferred where it is as good. */
const AWAY_COST = 1e-6;

const NOBODY: ReadonlySet<string> = new Set();

/** What is asked for: a service of any node, or of the only one that can serve the call. */
export type Wanted = Service & Partial<Pick<CallRequest, "requiredNode">>;

export class Slots implements HubWatcher {
  readonly #pools: NodePools;
  /** The same for the nodes alone that are connected to this gateway, where there are others. */
  readonly #here: NodePools | null;
  /** Nodes that said BUSY a moment ago, each with what calls the end of that moment off. */
  readonly #busy = new Map<Node, () => void>();
  /** Calls that try a node on probation, each with what ends the trial. */
  readonly #trials = new Map<Lease, () => void>();
  readonly #random: () => number;

  /** Called with a node that may have a free slot now. */
  onRoom: (node: Node) => void = () => {};
  /** Called with a node of which a slot was taken or given back. */
  onUse: (node: Node) => void = () => {};

  constructor(private readonly parts: SlotsParts) {
    const { hub, penalties, policies, remoteWaiters, random = Math.random } = parts;
    this.#random = random;
    const price: Price = (node, service) => this.#price(node, service);
    const isCrowdAsked = ({ model }: Service) => policies(model).preferred !== undefined;
    this.#pools = new NodePools(price, isCrowdAsked);
    this.#here = remoteWaiters ? new NodePools(price, isCrowdAsked) : null;
    hub.watch(this);
    penalties.onRelief = (identity) => this.#relieved(identity);
  }

  /** The node that the model's policy chooses for the call among those with a free slot; `tried` are passed over. */
  choose(request: CallRequest, tried: ReadonlySet<string>): Node | null {
    if (request.requiredNode) {
      const home = this.#requiredNodeOf(request, tried);
      return home && this.isOpen(home, request) ? home : null;
    }
    const pool = this.#pools.of(request);
    if (pool === undefined) return null;
    const preferred = this.parts.policies(request.model).preferred?.(request, pool) ?? null;
    const isToBeHad = preferred !== null && !tried.has(preferred.who.publicId) &&
      this.isOpen(preferred, request);
    return isToBeHad ? preferred : pool.cheapest(tried, this.#random);
  }

  /** As `choose`, among the nodes that are connected here, and by their cost alone. */
  chooseHere(service: Service, passedOver: ReadonlySet<string>): Node | null {
    return this.#here?.of(service)?.cheapest(passedOver, this.#random) ?? null;
  }

  /** Whether the node, which offers the service, can take a call of it at once. */
  isOpen(node: Node, service: Service): boolean {
    return this.#price(node, service) < FULL;
  }

  /** Whether a node that was not tried can take such a call, now or when it has room. */
  hasAble(wanted: Wanted, tried: ReadonlySet<string>): boolean {
    if (!wanted.requiredNode) return this.#pools.of(wanted)?.hasAble(tried) ?? false;
    const home = this.#requiredNodeOf(wanted, tried);
    return home !== null && this.#price(home, wanted) <= FULL;
  }

  /** UTC milliseconds from which on a node takes such calls again, where none does; Infinity: nobody knows. */
  opensAt(wanted: Wanted): number {
    if (!wanted.requiredNode) return this.#pools.of(wanted)?.opensAt() ?? Infinity;
    const home = this.#requiredNodeOf(wanted, NOBODY);
    return home === null ? Infinity : this.#price(home, wanted);
  }

  /** How many slots there are for the service, free or not. */
  count(service: Service): number {
    return this.#pools.of(service)?.slots ?? 0;
  }

  /** Takes a slot of the node, which is open for the service. */
  take(node: Node, service: Service): Lease {
    const { penalties } = this.parts;
    const { nodeKey } = node.who;
    const { model } = service;
    const isTrial = penalties.circuit(nodeKey, model) === "probation";
    const lease = new Lease(node, service, this.#released);
    if (isTrial) this.#trials.set(lease, penalties.beginTrial(nodeKey, model));
    this.#pools.taken(node);
    this.#here?.taken(node);
    this.onUse(node);
    return lease;
  }

  /** The node says that it is full, so that this lease was of no slot: it counts as full for a moment. */
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
    if (node.gateway === null) this.#here?.joined(node);
    this.onRoom(node);
  }

  left(node: Node): void {
    this.#pools.left(node);
    this.#here?.left(node);
    this.#notBusy(node);
  }

  eased(node: Node): void {
    this.#pools.eased(node);
    this.#here?.eased(node);
    this.onRoom(node);
  }

  loaded(node: Node, by: number): void {
    // Its own gateway knows better than a BUSY of a moment ago.
    this.#notBusy(node);
    this.#pools.loaded(node, by);
    if (by < 0) this.onRoom(node);
  }

  /** The only node that can serve the call, if it is connected, offers that and was not tried. */
  #requiredNodeOf(wanted: Wanted, tried: ReadonlySet<string>): Node | null {
    const node = this.parts.hub.find(wanted.requiredNode ?? "");
    return node?.serves(wanted) && !tried.has(node.who.publicId) ? node : null;
  }

  /** See Price. Everything that can lower it comes through `eased` or is a release. */
  #price(node: Node, service: Service): number {
    if (node.isOut) return Infinity;
    const { penalties, policies } = this.parts;
    const { model } = service;
    const circuit = penalties.circuit(node.who.nodeKey, model);
    if (circuit === "penalized") return penalties.until(node.who.nodeKey, model);
    const isFull = node.active >= node.offer.maxParallel || this.#busy.has(node);
    if (isFull || circuit === "on trial") return FULL;
    const cost = policies(model).cost(node, service);
    return node.gateway === null ? cost : cost + AWAY_COST;
  }

  readonly #released = (lease: Lease): void => {
    const { node, isBounced } = lease;
    this.#trials.get(lease)?.();
    this.#trials.delete(lease);
    if (!isBounced) this.#notBusy(node);
    const connected = this.parts.hub.find(node.who.nodeKey);
    if (connected === undefined) return;
    // It may have come back meanwhile: then the trial that has ended was its own.
    if (connected !== node) return this.eased(connected);
    this.#pools.freed(node);
    this.#here?.freed(node);
    this.onRoom(node);
    this.onUse(node);
  };

  #notBusy(node: Node): void {
    this.#busy.get(node)?.();
    this.#busy.delete(node);
  }

  #relieved(identity: string): void {
    const { hub, log } = this.parts;
    const node = hub.find(identity);
    if (node === undefined) return;
    log.info({ node: node.who.publicId }, "penalty over: one call tries the node");
    this.eased(node);
  }
}
