/** A cache of the entries that were used last. */

import { LRUCache } from "lru-cache";

/**
 * Holds at most `count` entries, and takes memory for those that are there: told of a number of
 * entries, lru-cache reserves room for all of them at once, which is megabytes for caches that
 * most gateways never fill. So it is told of a size, of which each entry is one.
 */
export class LruCache<K extends NonNullable<unknown>, V extends NonNullable<unknown>>
  extends LRUCache<K, V> {
  constructor(count: number) {
    super({ maxSize: count, sizeCalculation: () => 1 });
  }
}
