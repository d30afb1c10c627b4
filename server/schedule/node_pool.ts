/** The nodes that serve one model at one endpoint, kept so that the cheapest is found without looking at the others. */

import type { Node } from "../node/node.ts";
import type { Service } from "../node/service.ts";
import { type Bucket, type Bucketed, BucketQueue } from "./bucket_queue.ts";
import { type Candidate, candidate, COST_STEP, type SpeedMemo } from "./policy/policy.ts";

/** A node's membership in a pool. */
export interface Place extends Bucketed<Place>, SpeedMemo {
  readonly node: Node;
  readonly pool: NodePool;
  /** The node's places, over all pools, whose key is too high once a slot of the node is given back. */
  readonly stale: Place[];
  /** Its index among those; −1: it is none of them. */
  staleIndex: number;
}

/**
 * What the next call of the service costs on the node, on one scale. Below FULL: the policy's cost.
 * FULL: the call has to wait until the node has room. Above FULL: the node takes no calls until the
 * moment by which it exceeds FULL, in the penalties' own time; Infinity: until an unknown moment. A price may rise at any time; when
 * it may have fallen, `NodePool.update` must be called.
 */
export type Price = (node: Node, service: Service, memo?: SpeedMemo) => number;

export const FULL = 1e11;

/** How many choices look at the same node of a bucket before another one stands for it. */
const LOOKS = 16;

/**
 * A place's key is a lower bound of its node's price: the price when it was last looked at. A lease
 * raises a node's price in all of its pools at once, and updating every key would cost a node of
 * 1,000 models 1,000 moves a call. So rises are not recorded: a place that is drawn with too low a
 * key is moved to its present price, and the draw is repeated. Falls are recorded, and only for
 * places that were moved up. Each move up is thus paid for by an earlier fall, and a choice costs the
 * same with 10 nodes as with 10,000, whether they are idle, full, penalised or draining, and with
 * nodes of 1,000 models as with those of one (`bun run bench --only choice`). A key that was
 * computed while no call ran on the node is not too high until something else than a given back slot
 * makes the node cheaper. A lease is counted in each of its node's pools only where a policy asks for
 * the pool's load.
 *
 * The choice is exact. In the lowest bucket, a node whose price equals the key is one of the
 * cheapest, because no other node is cheaper than its own key; and since all of the cheapest are in
 * that bucket, each is drawn with the same probability.
 */
export class NodePool {
  readonly #queue = new BucketQueue<Place>();
  /** Slots of all its nodes. */
  slots = 0;
  /** Slots of its nodes that are not for everyone. */
  confidedSlots = 0;
  #size = 0;
  /** Calls of any service that run on its nodes; stays 0 unless `countsActive`. */
  active = 0;
  /** The shares of all its nodes; stays 0 unless `countsActive`. */
  shares = 0;

  constructor(
    readonly service: Service,
    private readonly price: Price,
    readonly countsActive: boolean,
  ) {}

  /** How many nodes it has. */
  get size(): number {
    return this.#size;
  }

  add(node: Node, stale: Place[]): Place {
    const place: Place = {
      node,
      pool: this,
      stale,
      staleIndex: -1,
      bucket: null,
      index: 0,
      speed: undefined,
    };
    // A lower bound of every price; the first draw computes the real one.
    this.#queue.add(place, 0);
    this.#size++;
    this.#countSlots(node, node.offer.maxParallel);
    if (this.countsActive) {
      this.active += node.active;
      this.shares += node.share;
    }
    return place;
  }

  remove(place: Place): void {
    this.#queue.remove(place);
    this.#size--;
    this.#countSlots(place.node, -place.node.offer.maxParallel);
    if (!this.countsActive) return;
    this.active -= place.node.active;
    this.shares -= place.node.share;
  }

  /** Recomputes the key of a place whose node's price may have fallen. */
  update(place: Place): void {
    // A key of 0 is a lower bound already.
    if (place.bucket !== null && place.bucket.key > 0) this.#move(place, this.#priceOf(place));
  }

  /** The same for other reasons than a slot that was given back. */
  eased(place: Place): void {
    place.speed = undefined;
    this.update(place);
  }

  #priceOf(place: Place): number {
    return this.price(place.node, this.service, place);
  }

  /** One of the cheapest nodes that can take a call now, at random; `tried` (public ids) are skipped. */
  cheapest(tried: ReadonlySet<string>, random: () => number): Place | null {
    const place = this.#draw(tried, random);
    return place !== null && keyOf(place) < FULL ? place : null;
  }

  /**
   * Adds to `found` a node of each of the lowest steps of the price that can take a call now, at
   * random among equals; at most so many. `tried` (public ids) are skipped.
   *
   * The node that stands for its bucket does so for some choices, or until it is taken: to look at
   * another one each time would cost more than all else, because it is in no processor's cache.
   */
  addCandidates(
    found: Candidate[],
    most: number,
    tried: ReadonlySet<string>,
    random: () => number,
  ): void {
    // A place that is moved up leaves the buckets before its own as they are.
    let position = 0;
    for (let bucket; most > 0 && (bucket = this.#queue.at(position)) !== undefined;) {
      const { key, items } = bucket;
      if (key >= FULL) return;
      const weight = items.length;
      const place = tried.size === 0
        ? shownOf(bucket, random)
        : this.#untried(bucket, tried, random);
      const price = place === null ? 0 : this.#priceOf(place);
      if (place === null) {
        // All of its nodes were tried: the next bucket may be of the same step.
        position++;
      } else if (price > key) {
        this.#move(place, price);
      } else {
        found.push(candidate(place.node, weight, place.speed));
        most--;
        position = this.#afterStep(position, key);
      }
    }
  }

  /** The position of the first bucket of a higher step than the one at `position`, which has the key. */
  #afterStep(position: number, key: number): number {
    const nextStep = (Math.floor(key / COST_STEP) + 1) * COST_STEP;
    do position++; while ((this.#queue.at(position)?.key ?? Infinity) < nextStep);
    return position;
  }

  /** A place of the bucket at random, whose node was not tried; null: there is none. */
  #untried({ items }: Bucket<Place>, tried: ReadonlySet<string>, random: () => number) {
    const start = Math.floor(random() * items.length);
    for (let i = 0; i < items.length && i <= tried.size; i++) {
      const place = items[(start + i) % items.length]!;
      if (!tried.has(place.node.who.publicId)) return place;
    }
    return null;
  }

  /**
   * The price of the node that takes a call first, now, when it has room, or, in a pool that takes no
   * calls, later; Infinity: that is unknown. `tried` (public ids) are skipped.
   */
  opensAt(tried: ReadonlySet<string>): number {
    const place = this.#draw(tried);
    return place === null ? Infinity : keyOf(place);
  }

  #countSlots({ audience }: Node, by: number): void {
    this.slots += by;
    if (!audience.isForEveryone) this.confidedSlots += by;
  }

  #draw(tried: ReadonlySet<string>, random: () => number = () => 0): Place | null {
    let skipped: [place: Place, key: number][] | null = null;
    let found: Place | null = null;
    for (let bucket; found === null && (bucket = this.#queue.lowest) !== undefined;) {
      const place = bucket.items[Math.floor(random() * bucket.items.length)]!;
      const price = this.#priceOf(place);
      if (price > bucket.key) {
        this.#move(place, price);
      } else if (tried.has(place.node.who.publicId)) {
        this.#queue.remove(place);
        (skipped ??= []).push([place, bucket.key]);
      } else {
        found = place;
      }
    }
    for (const [place, key] of skipped ?? []) this.#queue.add(place, key);
    return found;
  }

  #move(place: Place, price: number): void {
    this.#queue.move(place, price);
    const isStale = place.node.active > 0;
    if (isStale !== place.staleIndex >= 0) setStale(place, isStale);
  }
}

function setStale(place: Place, isStale: boolean): void {
  const { stale, staleIndex } = place;
  if (isStale) {
    place.staleIndex = stale.push(place) - 1;
    return;
  }
  const last = stale.pop()!;
  if (last !== place) {
    stale[staleIndex] = last;
    last.staleIndex = staleIndex;
  }
  place.staleIndex = -1;
}

function shownOf(bucket: Bucket<Place>, random: () => number): Place {
  const { shown, items } = bucket;
  if (shown?.bucket === bucket && ++bucket.looks < LOOKS) return shown;
  bucket.looks = 0;
  return bucket.shown = items[Math.floor(random() * items.length)]!;
}

/** The price of the node of a place that was drawn just now. */
export function keyOf(place: Place): number {
  return place.bucket?.key ?? Infinity;
}
