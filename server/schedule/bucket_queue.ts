/** Things on numbered shelves, lowest first: one of the lowest is found, and one is moved, without looking at the rest. */

/** What can lie on a shelf; it knows where, so that it is taken away without a search. */
export interface Bucketed<T> {
  shelf: Shelf<T> | null;
  /** Its index there. */
  at: number;
}

export interface Shelf<T> {
  readonly key: number;
  /** In no order. */
  readonly items: T[];
}

/**
 * BucketQueue exist only while something lies on them. They are kept sorted: there are few, since what
 * is alike shares one. Putting and taking cost a binary search among shelves, however many items lie there.
 */
export class BucketQueue<T extends Bucketed<T>> {
  readonly #shelves: Shelf<T>[] = [];

  get lowest(): Shelf<T> | undefined {
    return this.#shelves[0];
  }

  put(item: T, key: number): void {
    const index = this.#indexOf(key);
    let shelf = this.#shelves[index];
    if (shelf === undefined || shelf.key !== key) {
      shelf = { key, items: [] };
      this.#shelves.splice(index, 0, shelf);
    }
    item.shelf = shelf;
    item.at = shelf.items.push(item) - 1;
  }

  take(item: T): void {
    const { shelf, at } = item;
    if (shelf === null) return;
    item.shelf = null;
    const last = shelf.items.pop();
    if (last !== undefined && last !== item) {
      shelf.items[at] = last;
      last.at = at;
    }
    if (shelf.items.length === 0) this.#shelves.splice(this.#indexOf(shelf.key), 1);
  }

  move(item: T, key: number): void {
    this.take(item);
    this.put(item, key);
  }

  /** Where the first shelf with this key or a higher one stands. */
  #indexOf(key: number): number {
    let [low, high] = [0, this.#shelves.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#shelves[middle]!.key < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
