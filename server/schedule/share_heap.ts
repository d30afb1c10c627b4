/** A priority queue whose items can be moved and removed, and be walked through in order. */

/** An item holds its own index, so that it is found without a search. */
export interface Placed {
  /** Its index in the heap; -1: it is in none. */
  place: number;
}

/** A binary heap: adding, moving and removing cost O(log n), and so does each step of a walk. */
export class ShareHeap<T extends Placed> {
  readonly #items: T[] = [];

  /** Of two different items, exactly one is before the other. */
  constructor(private readonly isBefore: (a: T, b: T) => boolean) {}

  get size(): number {
    return this.#items.length;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  add(item: T): void {
    item.place = this.#items.length;
    this.#items.push(item);
    this.#rise(item);
  }

  remove(item: T): void {
    const { place } = item;
    item.place = -1;
    const last = this.#items.pop()!;
    if (last === item) return;
    this.#put(last, place);
    this.moved(last);
  }

  /** What orders the item has changed. */
  moved(item: T): void {
    this.#rise(item);
    this.#sink(item);
  }

  /** All items, the first one first. The heap must not change meanwhile. */
  *inOrder(): Iterable<T> {
    const next = new ShareHeap<Step<T>>((a, b) => this.isBefore(a.item, b.item));
    const add = (at: number) => {
      const item = this.#items[at];
      if (item !== undefined) next.add({ item, at, place: -1 });
    };
    for (add(0); next.first !== undefined;) {
      const { item, at } = next.first;
      next.remove(next.first);
      add(2 * at + 1);
      add(2 * at + 2);
      yield item;
    }
  }

  #rise(item: T): void {
    while (item.place > 0) {
      const above = this.#items[(item.place - 1) >> 1]!;
      if (!this.isBefore(item, above)) return;
      this.#swap(item, above);
    }
  }

  #sink(item: T): void {
    for (;;) {
      const left = this.#items[2 * item.place + 1];
      const right = this.#items[2 * item.place + 2];
      if (left === undefined) return;
      const first = right !== undefined && this.isBefore(right, left) ? right : left;
      if (!this.isBefore(first, item)) return;
      this.#swap(item, first);
    }
  }

  #swap(a: T, b: T): void {
    const { place } = a;
    this.#put(a, b.place);
    this.#put(b, place);
  }

  #put(item: T, place: number): void {
    this.#items[place] = item;
    item.place = place;
  }
}

/** An item that a walk has reached and not passed. */
interface Step<T> extends Placed {
  readonly item: T;
  readonly at: number;
}
