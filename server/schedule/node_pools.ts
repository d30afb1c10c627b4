/** The rosters of all services, kept as nodes come, work and go. */

import type { Node } from "../node/node.ts";
import { ByService, type Service } from "../node/service.ts";
import { NodePool, type Place, type Price } from "./node_pool.ts";

/** Where a node stands. */
interface Standing {
  places: readonly Place[];
  /** Those of its places that may be dearer than it is now. */
  raised: Set<Place>;
  /** Those of its rosters that count running calls. */
  counting: readonly NodePool[];
}

export class NodePools {
  readonly #pools = new ByService<NodePool>();
  readonly #standings = new Map<Node, Standing>();

  /** `countsActive`: whether the calls that run on a service's nodes are to be counted. */
  constructor(
    private readonly price: Price,
    private readonly countsActive: (service: Service) => boolean,
  ) {}

  /** The nodes that serve the model at the endpoint; undefined: there are none. */
  of(service: Service): NodePool | undefined {
    return this.#pools.get(service);
  }

  joined(node: Node): void {
    const raised = new Set<Place>();
    const places = [...node.services()].map((one) => this.#rosterFor(one).add(node, raised));
    const counting = places.map(({ pool }) => pool).filter((pool) => pool.countsActive);
    this.#standings.set(node, { places, raised, counting });
  }

  left(node: Node): void {
    for (const place of this.#standings.get(node)?.places ?? []) {
      const { pool } = place;
      pool.remove(place);
      if (pool.isEmpty) this.#pools.delete(pool.service);
    }
    this.#standings.delete(node);
  }

  /** A slot was taken. */
  taken(node: Node): void {
    this.#count(node, 1);
  }

  /** A slot was given back. */
  freed(node: Node): void {
    this.#count(node, -1);
    this.eased(node);
  }

  /** So many more of the node's slots are in use by other gateways; below 0: fewer. */
  loaded(node: Node, by: number): void {
    this.#count(node, by);
    if (by < 0) this.eased(node);
  }

  /** The node may have become cheaper. */
  eased(node: Node): void {
    for (const place of this.#standings.get(node)?.raised ?? []) place.pool.update(place);
  }

  #count(node: Node, by: number): void {
    for (const pool of this.#standings.get(node)?.counting ?? []) pool.active += by;
  }

  #rosterFor(service: Service): NodePool {
    const known = this.#pools.get(service);
    if (known !== undefined) return known;
    const pool = new NodePool(service, this.price, this.countsActive(service));
    this.#pools.set(service, pool);
    return pool;
  }
}
