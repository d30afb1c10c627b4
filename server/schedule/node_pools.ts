/** The node pools of all services, for everyone and for those whom nodes are for, kept up to date as nodes join, work and leave. */

import type { Endpoint } from "../../protocol/mod.ts";
import type { Route, Viewer } from "../node/audience.ts";
import type { Node } from "../node/node.ts";
import type { Service } from "../node/service.ts";
import { NodePool, type Place, type Price } from "./node_pool.ts";

/** A node's places in all pools. */
interface Membership {
  readonly places: Place[];
  /** Places whose key may be higher than the node's price once a slot is given back. */
  readonly stale: Place[];
  /** Pools of the node that count running calls. */
  readonly counting: NodePool[];
}

/** The nodes of one audience that offer one model. */
interface Offered {
  readonly nodes: Set<Node>;
  /** The pools of the endpoints at which the model was asked for; null: it was not. */
  pools: Map<Endpoint, NodePool> | null;
}

/** What the nodes of one audience offer, by model. */
type OfferedByModel = Map<string, Offered>;
type OfferedById = Map<string, OfferedByModel>;

/** Where one of a node's audiences is. */
type Home = readonly [byId: OfferedById, id: string];

/** The id of the audience that everyone is in. */
const EVERYONE = "";

const NO_POOLS: readonly NodePool[] = [];

/**
 * A node has a place for each of its services in its owner's pool, and in the pool for everyone or in
 * those of the accounts and groups that it names. A call looks into the few pools that are its
 * account's, however many nodes there are for others.
 *
 * A pool is made when the first call asks for its service: most services of a node with a thousand
 * models are never called, and places in all of them would be most of what its coming and going costs.
 */
export class NodePools {
  readonly #common: OfferedById = new Map();
  readonly #byOwner: OfferedById = new Map();
  readonly #byAccount: OfferedById = new Map();
  readonly #byGroup: OfferedById = new Map();
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
    return this.#poolIn(this.#byOwner.get(accountId), service);
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
      ? this.#poolIn(this.#common.get(EVERYONE), service)
      : undefined;
    if (this.#byAccount.size > 0) {
      found = joined(found, this.#poolIn(this.#byAccount.get(accountId), service));
    }
    if (this.#byGroup.size > 0) {
      for (let i = 0; i < groups.length; i++) {
        found = joined(found, this.#poolIn(this.#byGroup.get(groups[i]!), service));
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
    const membership: Membership = { places: [], stale: [], counting: [] };
    this.#memberships.set(node, membership);
    for (const home of this.#homesOf(node)) {
      const offers = offersOf(home);
      for (const model of node.offer.models) {
        const offered = offers.get(model);
        if (offered === undefined) offers.set(model, { nodes: new Set([node]), pools: null });
        else {
          offered.nodes.add(node);
          for (const pool of offered.pools?.values() ?? []) this.#enter(pool, node, membership);
        }
      }
    }
  }

  left(node: Node): void {
    const { places = [] } = this.#memberships.get(node) ?? {};
    this.#memberships.delete(node);
    for (const place of places) place.pool.remove(place);
    // Its offer and its audience are still those with which it has joined.
    for (const [byId, id] of this.#homesOf(node)) {
      const offers = byId.get(id);
      if (offers === undefined) continue;
      for (const model of node.offer.models) {
        const nodes = offers.get(model)?.nodes;
        if (nodes?.delete(node) && nodes.size === 0) offers.delete(model);
      }
      if (offers.size === 0) byId.delete(id);
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

  /** The pool of the service in one audience; undefined: no node of it offers the service. */
  #poolIn(offers: OfferedByModel | undefined, service: Service): NodePool | undefined {
    const offered = offers?.get(service.model);
    if (offered === undefined) return undefined;
    const pool = offered.pools?.get(service.endpoint) ?? this.#open(offered, service);
    return pool.size === 0 ? undefined : pool;
  }

  #open(offered: Offered, { model, endpoint }: Service): NodePool {
    const service = { model, endpoint };
    const pool = new NodePool(service, this.price, this.countsActive(service));
    (offered.pools ??= new Map()).set(endpoint, pool);
    for (const node of offered.nodes) this.#enter(pool, node, this.#memberships.get(node)!);
    return pool;
  }

  /** Adds the node to the pool of one of its models, where it offers the pool's endpoint. */
  #enter(pool: NodePool, node: Node, { places, stale, counting }: Membership): void {
    const { model, endpoint } = pool.service;
    if (!node.factsOf(model).endpoints.includes(endpoint)) return;
    places.push(pool.add(node, stale));
    if (!pool.countsActive) return;
    counting.push(pool);
    this.#hasCounting = true;
  }
}

function offersOf([byId, id]: Home): OfferedByModel {
  const known = byId.get(id);
  if (known !== undefined) return known;
  const offers: OfferedByModel = new Map();
  byId.set(id, offers);
  return offers;
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
