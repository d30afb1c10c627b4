/** A cache that evicts the entry which was unused for longest. */

import { LRUCache } from "lru-cache";

/** The library would make options for each look-up, and write into them. */
const NO_OPTIONS = {};

/**
 * Holds at most `count` entries. lru-cache, given `max`, allocates memory for all of them at once:
 * 8 to 12 MiB for the gateway's caches, against 0.4 MiB with a `maxSize` of which each entry is one.
 */
export class LruCache<K extends NonNullable<unknown>, V extends NonNullable<unknown>>
  extends LRUCache<K, V> {
  constructor(count: number) {
    super({ maxSize: count, sizeCalculation: () => 1 });
  }

  override get(key: K): V | undefined {
    return super.get(key, NO_OPTIONS);
  }

  override peek(key: K): V | undefined {
    return super.peek(key, NO_OPTIONS);
  }
}
