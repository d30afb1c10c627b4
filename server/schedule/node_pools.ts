/** The node pools of all services, for everyone and for those whom nodes are for, kept up to date as nodes join, work and leave. */

import type { Route, Viewer } from "../node/audience.ts";
import type { Node } from "../node/node.ts";
import { ByService, type Service } from "../node/service.ts";
import { NodePool, type Place, type Price } from "./node_pool.ts";

/** A node's places in all pools. */
interface Membership {
  readonly places: readonly Place[];
  /** Places whose key may be higher than the node's price once a slot is given back. */
  readonly stale: readonly Place[];
  /** Pools of the node that count running calls. */
  readonly counting: readonly NodePool[];
}

/** The pools of one audience. */
type Pools = ByService<NodePool>;
type PoolsById = Map<string, Pools>;

/** Where the pools of one of a node's audiences are. */
type Home = readonly [byId: PoolsById, id: string];

/** The id of the audience that everyone is in. */
const EVERYONE = "";

const NO_POOLS: readonly NodePool[] = [];

/**
 * A node has a place for each of its services in its owner's pool, and in the pool for everyone or in
 * those of the accounts and groups that it names. A call looks into the few pools that are its
 * account's, however many nodes there are for others.
 */
export class NodePools {
  readonly #common: PoolsById = new Map();
  readonly #byOwner: PoolsById = new Map();
  readonly #byAccount: PoolsById = new Map();
  readonly #byGroup: PoolsById = new Map();
  readonly #memberships = new Map<Node, Membership>();
  /** Whether any pool counts running calls. */
  #hasCounting = false;

  /** `countsActive`: whether a service's pool counts the calls that run on its nodes, and their shares. */
  constructor(
    private readonly price: Price,
    private readonly countsActive: (service: Service) => boolean,
  ) {}

  /** The account's own nodes; undefined: none serves the model at the endpoint. */
  own(service: Service, accountId: string): NodePool | undefined {
    return this.#byOwner.get(accountId)?.get(service);
  }

  /**
   * The pools of the other nodes that the account wants to use and may, which can have nodes in
   * common. A pool that is the only one, as for most calls, comes without a list.
   */
  others(
    service: Service,
    accountId: string,
    groups: readonly string[],
    route: Route,
  ): NodePool | readonly NodePool[] | undefined {
    if (route === "own") return undefined;
    let found: NodePool | NodePool[] | undefined = route === "any"
      ? this.#common.get(EVERYONE)?.get(service)
      : undefined;
    if (this.#byAccount.size > 0) {
      found = joined(found, this.#byAccount.get(accountId)?.get(service));
    }
    if (this.#byGroup.size > 0) {
      for (let i = 0; i < groups.length; i++) {
        found = joined(found, this.#byGroup.get(groups[i]!)?.get(service));
      }
    }
    return found;
  }

  /** All pools of the nodes that the viewer wants to use and may, its own first. */
  all(service: Service, { accountId, groups, route }: Viewer): readonly NodePool[] {
    const own = this.own(service, accountId);
    const others = this.others(service, accountId, groups, route);
    const list = others === undefined ? NO_POOLS : others instanceof NodePool ? [others] : others;
    return own === undefined ? list : [own, ...list];
  }

  joined(node: Node): void {
    const stale: Place[] = [];
    const homes = this.#homesOf(node);
    const services = [...node.services()];
    const places = homes.flatMap((home) =>
      services.map((service) => this.#poolFor(home, service).add(node, stale))
    );
    const counting = places.map(({ pool }) => pool).filter((pool) => pool.countsActive);
    if (counting.length > 0) this.#hasCounting = true;
    this.#memberships.set(node, { places, stale, counting });
  }

  left(node: Node): void {
    const { places = [] } = this.#memberships.get(node) ?? {};
    this.#memberships.delete(node);
    for (const place of places) place.pool.remove(place);
    // Its offer and its audience are still those with which it has joined.
    for (const [byId, id] of this.#homesOf(node)) {
      const pools = byId.get(id);
      if (pools === undefined) continue;
      for (const service of node.services()) {
        if (pools.get(service)?.size === 0) pools.delete(service);
      }
      if (pools.size === 0) byId.delete(id);
    }
  }

  /** `by` more of the node's slots are in use than before; negative: fewer. */
  loaded(node: Node, by: number): void {
    if (by > 0 && !this.#hasCounting) return;
    const membership = this.#memberships.get(node);
    if (membership === undefined) return;
    const { counting, stale } = membership;
    if (this.#hasCounting) { for (const pool of counting) pool.active += by; }
    if (by > 0) return;
    // Backwards: a place that is not stale any more leaves the list, and the last takes its place.
    for (let i = stale.length - 1; i >= 0; i--) stale[i]!.pool.update(stale[i]!);
  }

  /** The node's share has grown by `by`; negative: shrunk. */
  shared(node: Node, by: number): void {
    for (const pool of this.#memberships.get(node)?.counting ?? []) pool.shares += by;
    if (by > 0) this.eased(node);
  }

  /** The node may have become cheaper; with a service, only for its calls. */
  eased(node: Node, only?: Service): void {
    for (const place of this.#memberships.get(node)?.places ?? []) {
      if (only === undefined || isSame(place.pool.service, only)) place.pool.eased(place);
    }
  }

  #homesOf({ who, audience: { isForEveryone, accounts, groups } }: Node): Home[] {
    return [
      ...isForEveryone ? [[this.#common, EVERYONE] as const] : [],
      ...[...accounts.keys()].map((id) => [this.#byAccount, id] as const),
      ...[...groups.keys()].map((id) => [this.#byGroup, id] as const),
      [this.#byOwner, who.accountId],
    ];
  }

  #poolFor([byId, id]: Home, service: Service): NodePool {
    const pools = byId.get(id) ?? new ByService<NodePool>();
    byId.set(id, pools);
    const known = pools.get(service);
    if (known !== undefined) return known;
    const pool = new NodePool(service, this.price, this.countsActive(service));
    pools.set(service, pool);
    return pool;
  }
}

function isSame(a: Service, b: Service): boolean {
  return a.endpoint === b.endpoint && a.model === b.model;
}

function joined(
  found: NodePool | NodePool[] | undefined,
  more: NodePool | undefined,
): NodePool | NodePool[] | undefined {
  if (more === undefined || found === undefined) return more ?? found;
  if (found instanceof NodePool) return [found, more];
  found.push(more);
  return found;
}
