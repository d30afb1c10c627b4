/** A priority queue for few distinct keys: items with equal keys share a bucket, and any item can be moved. */

/** An item of a BucketQueue; it holds its own index, so that it is removed without a search. */
export interface Bucketed<T> {
  bucket: Bucket<T> | null;
  /** Its index in the bucket. */
  index: number;
}

export interface Bucket<T> {
  key: number;
  /** Unordered. */
  readonly items: T[];
  /** One of the items, while it is in the bucket, that stands for all of them; see `NodePool.addCandidates`. */
  shown: T | null;
  /** How often it has stood for them. */
  looks: number;
}

/** Buckets are kept sorted by key. Adding and removing cost a binary search among buckets, however many items they hold. */
export class BucketQueue<T extends Bucketed<T>> {
  /** None is empty. */
  readonly #buckets: Bucket<T>[] = [];
  /** Their keys, which a search reads without looking at the buckets. */
  readonly #keys: number[] = [];
  /** An empty one: among few items, a move empties one bucket and needs another. */
  #spare: Bucket<T> | null = null;

  /** The bucket with the lowest key. */
  get lowest(): Bucket<T> | undefined {
    return this.#buckets[0];
  }

  /** The bucket at a position in the order of the keys, from 0. An item that is moved up changes no position before its bucket's. */
  at(position: number): Bucket<T> | undefined {
    return this.#buckets[position];
  }

  add(item: T, key: number): void {
    const position = this.#positionOf(key);
    let bucket = this.#buckets[position];
    if (bucket === undefined || bucket.key !== key) {
      bucket = this.#spare ?? { key, items: [], shown: null, looks: 0 };
      bucket.key = key;
      this.#spare = null;
      this.#buckets.splice(position, 0, bucket);
      this.#keys.splice(position, 0, key);
    }
    item.bucket = bucket;
    item.index = bucket.items.push(item) - 1;
  }

  /** Harmless for an item that is in no bucket. */
  remove(item: T): void {
    const { bucket, index } = item;
    if (bucket === null) return;
    item.bucket = null;
    const last = bucket.items.pop();
    if (last !== undefined && last !== item) {
      bucket.items[index] = last;
      last.index = index;
    }
    if (bucket.items.length > 0) return;
    const position = this.#positionOf(bucket.key);
    this.#buckets.splice(position, 1);
    this.#keys.splice(position, 1);
    bucket.shown = null;
    this.#spare = bucket;
  }

  move(item: T, key: number): void {
    if (item.bucket?.key === key) return;
    this.remove(item);
    this.add(item, key);
  }

  /** The position of the first bucket whose key is `key` or higher. */
  #positionOf(key: number): number {
    const keys = this.#keys;
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
