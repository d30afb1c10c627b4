/** The slots of all nodes: which node a call gets, and what follows when a slot is given back. */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import {
  audienceTag,
  covers,
  mayUse,
  type Memberships,
  noMemberships,
  routeTo,
  type Viewer,
  viewerOf,
} from "../node/audience.ts";
import type { Hub, HubWatcher } from "../node/hub.ts";
import type { Node } from "../node/node.ts";
import type { PenaltyBook } from "../node/penalty.ts";
import type { Service } from "../node/service.ts";
import type { CallRequest, Wanted } from "./call.ts";
import { Lease } from "./lease.ts";
import { FULL, keyOf, NodePool, type Place, type Price } from "./node_pool.ts";
import { NodePools } from "./node_pools.ts";
import {
  type Candidate,
  candidate,
  type Policies,
  type PoolLoad,
  type SpeedMemo,
} from "./policy/policy.ts";
import type { RemoteWaiters } from "./remote_waiters.ts";
import type { TokenShares } from "./token_shares.ts";

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
  /** Default: no account is in a group. */
  memberships?: Memberships;
}

/** What follows when slots are taken and given back. */
export interface SlotEvents {
  /** The node may have a free slot. */
  onRoom(node: Node): void;
  /** A slot of the node was taken or given back. */
  onUse(node: Node): void;
  /** A call of the service has ended whose node has left: no other call gets its slot. */
  onLostCall(service: Service): void;
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

/** Steps of the cost that a policy which picks among nodes is shown. */
const CANDIDATES = 4;

const NO_NODES: readonly Node[] = [];
const NONE: ReadonlySet<string> = new Set();
const EVERY_MODEL = () => true;

export class Slots implements HubWatcher {
  readonly #pools: NodePools;
  /** Pools of the nodes connected to this gateway; null in a gateway that is not part of a cluster. */
  readonly #localPools: NodePools | null;
  /** Nodes that answered BUSY a moment ago, each with what cancels the end of their pause. */
  readonly #busy = new Map<Node, () => void>();
  /** Leases of calls that probe a node, each with what ends the probe. */
  readonly #probes = new Map<Lease, () => void>();
  readonly #random: () => number;
  readonly #memberships: Memberships;

  constructor(
    private readonly parts: SlotsParts,
    private readonly shares: TokenShares,
    private readonly events: SlotEvents,
  ) {
    const { hub, penalties, policies, remoteWaiters, random = Math.random } = parts;
    this.#random = random;
    this.#memberships = parts.memberships ?? noMemberships;
    const price: Price = (node, service, memo) => this.#price(node, service, memo);
    const countsActive = ({ model }: Service) => policies(model).preferred !== undefined;
    this.#pools = new NodePools(price, countsActive);
    this.#localPools = remoteWaiters ? new NodePools(price, countsActive) : null;
    hub.watch(this);
    penalties.onRelief.subscribe((nodeKey) => this.#relieved(nodeKey));
    penalties.onBar.subscribe((nodeKey, model) => {
      const node = hub.find(nodeKey);
      const isBarred = model === null ? EVERY_MODEL : (one: string) => one === model;
      if (node !== undefined) this.#opened(node, false, isBarred);
    });
  }

  /** The caller, as the groups are now. */
  viewerOf(wanted: Wanted): Viewer {
    return viewerOf(wanted, this.#memberships);
  }

  /** Whether the node is one that such a call may use. */
  mayUse(node: Node, wanted: Wanted): boolean {
    return mayUse(node, this.viewerOf(wanted));
  }

  /**
   * A node with a free slot: one of the account's own where there is one, whatever the policy; else
   * the one that the model's policy chooses among those that the call may use. `tried` are skipped.
   */
  choose(request: CallRequest, tried: ReadonlySet<string>): Node | null {
    if (request.requiredNode) {
      const required = this.#requiredNode(request, tried);
      return required && this.isOpen(required, request) ? required : null;
    }
    const { accountId, route } = request;
    const own = this.#pools.own(request, accountId);
    const chosen = own === undefined ? null : this.#chooseIn(own, request, tried);
    if (chosen !== null) return chosen;
    const groups = this.#memberships.groupsOf(accountId);
    const others = this.#pools.others(request, accountId, groups, route);
    return others === undefined ? null : this.#chooseIn(others, request, tried);
  }

  /** The node that `choose` would choose without a policy among those connected to this gateway. */
  chooseLocal(wanted: Wanted, tried: ReadonlySet<string>): Node | null {
    if (this.#localPools === null) return null;
    if (wanted.requiredNode) {
      const required = this.#requiredNode(wanted, tried);
      return required?.gateway === null && this.isOpen(required, wanted) ? required : null;
    }
    return this.#cheapest(this.#localPools.all(wanted, this.viewerOf(wanted)), tried);
  }

  #chooseIn(
    pools: NodePool | readonly NodePool[],
    request: CallRequest,
    tried: ReadonlySet<string>,
  ): Node | null {
    const policy = this.parts.policies(request.model);
    // Where one node alone serves the model, there is nothing to compare.
    if (pools instanceof NodePool && pools.size === 1) return this.#cheapest(pools, tried);
    if (policy.pick !== undefined) {
      const candidates: Candidate[] = [];
      if (pools instanceof NodePool) {
        pools.addCandidates(candidates, CANDIDATES, tried, this.#random);
      } else {
        for (const pool of pools) pool.addCandidates(candidates, CANDIDATES, tried, this.#random);
      }
      if (candidates.length === 0) return null;
      for (const node of policy.others?.(request) ?? NO_NODES) {
        const isNew = candidates.every((other) => other.node !== node);
        if (isNew && this.#isOpenIn(pools, node, request, tried)) {
          candidates.push(candidate(node, 1));
        }
      }
      return policy.pick(request, candidates, this.#random);
    }
    if (policy.preferred === undefined) return this.#cheapest(pools, tried);
    const preferred = policy.preferred(request, loadOf(pools));
    const isAvailable = preferred !== null && this.#isOpenIn(pools, preferred, request, tried);
    if (isAvailable && !preferred.isBeyondShare) return preferred;
    const cheapest = this.#cheapest(pools, tried);
    return isAvailable && cheapest?.isBeyondShare ? preferred : cheapest;
  }

  /** Whether the node was not tried, can take the call at once, and is one of those that its pools are for: its own, or others that it may use. */
  #isOpenIn(
    pools: NodePool | readonly NodePool[],
    node: Node,
    request: CallRequest,
    tried: ReadonlySet<string>,
  ): boolean {
    if (tried.has(node.who.publicId)) return false;
    const isIn = pools === this.#pools.own(request, request.accountId)
      ? node.who.accountId === request.accountId
      : this.mayUse(node, request);
    return isIn && this.isOpen(node, request);
  }

  /** One of the cheapest nodes of all these pools, at random. */
  #cheapest(pools: NodePool | readonly NodePool[], tried: ReadonlySet<string>): Node | null {
    if (pools instanceof NodePool) return pools.cheapest(tried, this.#random)?.node ?? null;
    let best: Place | null = null;
    let equals = 0;
    for (const pool of pools) {
      const place = pool.cheapest(tried, this.#random);
      if (place === null) continue;
      const count = place.bucket?.items.length ?? 1;
      if (best === null || keyOf(place) < keyOf(best)) {
        best = place;
        equals = count;
      } else if (keyOf(place) === keyOf(best)) {
        equals += count;
        if (this.#random() * equals < count) best = place;
      }
    }
    return best?.node ?? null;
  }

  /** Whether the node, which offers the service, can take a call of it at once. */
  isOpen(node: Node, service: Service): boolean {
    return this.#price(node, service) < FULL;
  }

  /** Whether a node that was not tried can take such a call, now or when it has room. */
  hasAble(wanted: Wanted, tried: ReadonlySet<string>): boolean {
    return this.opensAt(wanted, tried) <= 0;
  }

  /** Whether another node than this one can take the calls that this one takes and has not failed lately. */
  hasHealthyOther(node: Node, service: Service): boolean {
    const { hub, penalties } = this.parts;
    for (const other of hub.nodesOf(service.model)) {
      if (
        other === node || other.isOut || !hub.isServedBy(service, other) || !covers(other, node)
      ) continue;
      if (penalties.circuit(other.who.nodeKey, service.model) === "clear") return true;
    }
    return false;
  }

  /**
   * When, if no node that was not tried takes such calls now, the first one takes them again, by
   * `penalties.nowMs`; 0 or less: one takes them now, or as soon as it has room; Infinity: unknown.
   */
  opensAt(wanted: Wanted, tried: ReadonlySet<string> = NONE): number {
    if (wanted.requiredNode) {
      const required = this.#requiredNode(wanted, tried);
      return required === null ? Infinity : this.#price(required, wanted) - FULL;
    }
    let opensAt = Infinity;
    for (const pool of this.#pools.all(wanted, this.viewerOf(wanted))) {
      opensAt = Math.min(opensAt, pool.opensAt(tried));
    }
    return opensAt - FULL;
  }

  /**
   * About how many slots such calls may use, free or not: a node that is for several groups of the
   * account counts as often.
   */
  count(wanted: Wanted): number {
    const viewer = this.viewerOf(wanted);
    const own = this.#pools.own(wanted, viewer.accountId);
    const all = this.#pools.all(wanted, viewer).reduce((sum, { slots }) => sum + slots, 0);
    // The account's nodes for everyone are in two pools, unless it wants only its own or its groups'.
    return viewer.route === "any" && own !== undefined ? all - own.slots + own.confidedSlots : all;
  }

  /** Takes a slot of the node, which is open for the call. `promptBytes`: the size of its body; 0: it is not known yet. */
  take(node: Node, wanted: Wanted, promptBytes = 0): Lease {
    const { penalties } = this.parts;
    const { nodeKey } = node.who;
    const { model } = wanted;
    const isProbe = penalties.circuit(nodeKey, model) === "probation";
    const lease = new Lease(node, wanted, this.#released);
    lease.route = routeTo(node, wanted.accountId ?? "");
    if (!node.audience.isForEveryone) lease.audience = audienceTag(node, this.viewerOf(wanted));
    if (isProbe) this.#probes.set(lease, penalties.beginProbe(nodeKey, model));
    lease.charge = this.shares.take(node, wanted, promptBytes);
    this.#use(node, 1);
    return lease;
  }

  /** The node answered BUSY to the lease's call: it counts as full for a moment. */
  answeredBusy(lease: Lease): void {
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
    this.#opened(node, true);
    this.#pools.joined(node);
    if (node.gateway === null) this.#localPools?.joined(node);
    this.events.onRoom(node);
  }

  left(node: Node): void {
    this.#opened(node, false);
    this.#pools.left(node);
    this.#localPools?.left(node);
    this.#endBusyPause(node);
  }

  barred(node: Node): void {
    this.#opened(node, false);
  }

  interrupted(node: Node): void {
    this.#opened(node, false);
  }

  eased(node: Node, service?: Service): void {
    if (service === undefined) this.#opened(node, true);
    this.#pools.eased(node, service);
    this.#localPools?.eased(node, service);
    if (service === undefined) this.events.onRoom(node);
  }

  loaded(node: Node, by: number): void {
    // The load that the node's own gateway reports is newer than the last BUSY.
    this.#endBusyPause(node);
    this.#pools.loaded(node, by);
    if (by < 0) this.events.onRoom(node);
  }

  shared(node: Node, by: number): void {
    this.#pools.shared(node, by);
    this.#localPools?.shared(node, by);
  }

  /** The only node that can serve the call, if it is connected, offers the service and was not tried. */
  #requiredNode(wanted: Wanted, tried: ReadonlySet<string>): Node | null {
    const node = this.parts.hub.find(wanted.requiredNode ?? "");
    const mayServe = node?.serves(wanted) && !tried.has(node.who.publicId) &&
      this.mayUse(node, wanted);
    return mayServe ? node! : null;
  }

  /** See Price. Whatever can lower it is followed by `eased` or is the release of a lease. */
  #price(node: Node, service: Service, memo?: SpeedMemo): number {
    if (node.isOut) return Infinity;
    const { penalties, policies } = this.parts;
    const { model } = service;
    const circuit = penalties.circuit(node.who.nodeKey, model);
    if (circuit === "penalized") return FULL + penalties.opensAtMs(node.who.nodeKey, model);
    // A node whose connection is lost has no room until it has reconnected.
    const isFull = node.active >= node.offer.maxParallel || this.#busy.has(node) ||
      node.reconnectsUntil !== null;
    if (isFull || circuit === "probing") return FULL;
    const cost = policies(model).cost(node, service, memo);
    const more = (node.gateway === null ? 0 : AWAY_COST) +
      (node.isBeyondShare ? BEYOND_SHARE_COST : 0);
    return cost + more;
  }

  readonly #released = (lease: Lease): void => {
    const { node, service, isBounced } = lease;
    lease.charge?.end();
    if (this.#probes.size > 0) {
      this.#probes.get(lease)?.();
      this.#probes.delete(lease);
    }
    if (!isBounced) this.#endBusyPause(node);
    if (service.plan) this.parts.policies(service.model).released?.(node, service);
    this.#use(node, -1);
    if (node.isConnected) return;
    this.events.onLostCall(service);
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
    if (by < 0) this.events.onRoom(node);
    this.events.onUse(node);
  }

  #endBusyPause(node: Node): void {
    if (this.#busy.size === 0) return;
    this.#busy.get(node)?.();
    this.#busy.delete(node);
  }

  /** The node may have begun to take new calls of these models, but for those that are penalised, or takes none for now. */
  #opened(node: Node, isOpen: boolean, concerns: (model: string) => boolean = EVERY_MODEL): void {
    const { policies, penalties } = this.parts;
    const { nodeKey } = node.who;
    // Policies need this of nodes with running calls only.
    if (node.active === 0 || (isOpen && (node.isOut || node.reconnectsUntil !== null))) return;
    const isServed = isOpen && penalties.of(nodeKey).length > 0
      ? (model: string) => concerns(model) && penalties.circuit(nodeKey, model) !== "penalized"
      : concerns;
    for (const policy of policies.all) policy.opened?.(node, isOpen, isServed);
  }

  #relieved(nodeKey: string): void {
    const { hub, log } = this.parts;
    const node = hub.find(nodeKey);
    if (node === undefined) return;
    log.info({ node: node.who.publicId }, "penalty over: one call probes the node");
    this.eased(node);
  }
}

function loadOf(pools: NodePool | readonly NodePool[]): PoolLoad {
  if (pools instanceof NodePool) return pools;
  const sum = (of: (pool: NodePool) => number) =>
    pools.reduce((total, pool) => total + of(pool), 0);
  return { shares: sum(({ shares }) => shares), active: sum(({ active }) => active) };
}
