/** The node pools of all services, kept up to date as nodes join, work and leave. */

import type { Node } from "../node/node.ts";
import { ByService, type Service } from "../node/service.ts";
import { NodePool, type Place, type Price } from "./node_pool.ts";

/** A node's places in all pools. */
interface Membership {
  readonly places: readonly Place[];
  /** Places whose key may be higher than the node's price. */
  readonly stale: ReadonlySet<Place>;
  /** Pools of the node that count running calls. */
  readonly counting: readonly NodePool[];
}

export class NodePools {
  readonly #pools = new ByService<NodePool>();
  readonly #memberships = new Map<Node, Membership>();

  /** `countsActive`: whether a service's pool counts the calls that run on its nodes, and their shares. */
  constructor(
    private readonly price: Price,
    private readonly countsActive: (service: Service) => boolean,
  ) {}

  /** Undefined: no node serves the model at the endpoint. */
  of(service: Service): NodePool | undefined {
    return this.#pools.get(service);
  }

  joined(node: Node): void {
    const stale = new Set<Place>();
    const places = [...node.services()].map((service) => this.#poolFor(service).add(node, stale));
    const counting = places.map(({ pool }) => pool).filter((pool) => pool.countsActive);
    this.#memberships.set(node, { places, stale, counting });
  }

  left(node: Node): void {
    for (const place of this.#memberships.get(node)?.places ?? []) {
      const { pool } = place;
      pool.remove(place);
      if (pool.isEmpty) this.#pools.delete(pool.service);
    }
    this.#memberships.delete(node);
  }

  /** `by` more of the node's slots are in use than before; negative: fewer. */
  loaded(node: Node, by: number): void {
    for (const pool of this.#memberships.get(node)?.counting ?? []) pool.active += by;
    if (by < 0) this.eased(node);
  }

  /** The node's share has grown by `by`; negative: shrunk. */
  shared(node: Node, by: number): void {
    for (const pool of this.#memberships.get(node)?.counting ?? []) pool.shares += by;
    if (by > 0) this.eased(node);
  }

  /** The node may have become cheaper. */
  eased(node: Node): void {
    for (const place of this.#memberships.get(node)?.stale ?? []) place.pool.update(place);
  }

  #poolFor(service: Service): NodePool {
    const known = this.#pools.get(service);
    if (known !== undefined) return known;
    const pool = new NodePool(service, this.price, this.countsActive(service));
    this.#pools.set(service, pool);
    return pool;
  }
}
