/** The nodes that serve one model at one endpoint, kept so that the cheapest is found without a look at the others. */

import type { Node } from "../node/node.ts";
import type { Service } from "../node/service.ts";
import { type Bucketed, BucketQueue } from "./bucket_queue.ts";

/** A node in a pool. */
export interface Place extends Bucketed<Place> {
  readonly node: Node;
  readonly pool: NodePool;
  /** Where places stand that were found dearer than free: when the node is eased, only they are looked at. */
  readonly stale: Set<Place>;
}

/**
 * What the next call of the service costs on the node, on one scale: below FULL, the policy's cost;
 * FULL: it has to wait until the node has room; above: the node takes no calls until that moment, in
 * UTC milliseconds (Infinity: nobody knows). It may rise at any time. When it may have fallen,
 * `reprice` must be called.
 */
export type Price = (node: Node, service: Service) => number;

export const FULL = 1e11;

/**
 * Every node lies on the shelf of a price that is no higher than its own: what it was when somebody
 * last looked. A lease makes a node dearer for all of its models at once; to note that everywhere
 * would cost a node of 1,000 models 1,000 moves a call. So it is noted nowhere: whoever meets a node
 * on too low a shelf moves it up and draws again. Only a fall is noted, and only where the node had
 * been moved up. Each move up is paid for by an earlier fall, so a choice costs the same with 10
 * nodes as with 10,000, whether they are idle, full, penalised or draining, and with nodes of 1,000
 * models as with those of one: 0.3 to 0.6 µs with the lease and its release (`bun run bench --only
 * choice`). Only where a policy asks for the crowd is a lease counted in each of its node's pools.
 *
 * The choice is exact all the same. On the lowest shelf, a node whose price is the shelf's is one of
 * the cheapest, for no other is cheaper than its own shelf; and since all of the cheapest lie there,
 * each is as likely to be drawn.
 */
export class NodePool {
  readonly #shelves = new BucketQueue<Place>();
  /** Slots of all its nodes. */
  slots = 0;
  /** Calls that run on its nodes, of whatever service; 0 where nobody asks. */
  active = 0;

  constructor(
    readonly service: Service,
    private readonly price: Price,
    readonly countsActive: boolean,
  ) {}

  get isEmpty(): boolean {
    return this.#shelves.lowest === undefined;
  }

  add(node: Node, stale: Set<Place>): Place {
    const place: Place = { node, pool: this, stale, shelf: null, at: 0 };
    // No price is lower: whoever meets it there looks.
    this.#shelves.put(place, 0);
    this.slots += node.offer.maxParallel;
    if (this.countsActive) this.active += node.active;
    return place;
  }

  remove(place: Place): void {
    this.#shelves.take(place);
    this.slots -= place.node.offer.maxParallel;
    if (this.countsActive) this.active -= place.node.active;
  }

  /** The node's price may have fallen. */
  update(place: Place): void {
    if (place.shelf !== null) this.#move(place, this.price(place.node, this.service));
  }

  /** One of the cheapest nodes that can take a call now, by lot; `tried` (public ids) are passed over. */
  cheapest(tried: ReadonlySet<string>, random: () => number): Node | null {
    const place = this.#draw(tried, random);
    return place !== null && keyOf(place) < FULL ? place.node : null;
  }

  /** Whether a node that was not tried can take a call, now or when it has room. */
  hasAble(tried: ReadonlySet<string>): boolean {
    const place = this.#draw(tried);
    return place !== null && keyOf(place) <= FULL;
  }

  /** UTC milliseconds from which on one of its nodes takes calls again, where none does now; Infinity: nobody knows. */
  opensAt(): number {
    const place = this.#draw(NOBODY);
    return place === null ? Infinity : keyOf(place);
  }

  #draw(tried: ReadonlySet<string>, random: () => number = () => 0): Place | null {
    const passedOver: [place: Place, key: number][] = [];
    let found: Place | null = null;
    for (let shelf; found === null && (shelf = this.#shelves.lowest) !== undefined;) {
      const place = shelf.items[Math.floor(random() * shelf.items.length)]!;
      const price = this.price(place.node, this.service);
      if (price > shelf.key) {
        this.#move(place, price);
      } else if (tried.has(place.node.who.publicId)) {
        this.#shelves.take(place);
        passedOver.push([place, shelf.key]);
      } else {
        found = place;
      }
    }
    for (const [place, key] of passedOver) this.#shelves.put(place, key);
    return found;
  }

  #move(place: Place, price: number): void {
    this.#shelves.move(place, price);
    if (price > 0) place.stale.add(place);
    else place.stale.delete(place);
  }
}

const NOBODY: ReadonlySet<string> = new Set();

function keyOf(place: Place): number {
  return place.shelf?.key ?? Infinity;
}
