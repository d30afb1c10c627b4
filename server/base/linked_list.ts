/** A list whose items know their neighbours: one that is removed, wherever it stands, costs no search and no hash. */

export interface Linked<Item> {
  before: Item | null;
  after: Item | null;
}

export class LinkedList<Item extends Linked<Item>> {
  #first: Item | null = null;
  #last: Item | null = null;

  get first(): Item | null {
    return this.#first;
  }

  /** Adds an item that is in no list at the end. */
  add(item: Item): void {
    item.before = this.#last;
    if (this.#last === null) this.#first = item;
    else this.#last.after = item;
    this.#last = item;
  }

  /** Removes an item that is in the list. */
  remove(item: Item): void {
    const { before, after } = item;
    if (before === null) this.#first = after;
    else before.after = after;
    if (after === null) this.#last = before;
    else after.before = before;
    // Once a collection of the young has kept an item, the next ones would keep all that were ever behind it.
    item.before = item.after = null;
  }

  /** In the order in which they were added. Meanwhile the item that was given last may be removed, and no other. */
  *[Symbol.iterator](): Iterator<Item> {
    for (let item = this.#first, next; item !== null; item = next) {
      next = item.after;
      yield item;
    }
  }
}
