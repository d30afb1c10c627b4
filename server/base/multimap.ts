/** Sets of values by key. */

const NONE: ReadonlySet<never> = new Set<never>();

/** A key without values takes no memory. */
export class Multimap<K, V> {
  readonly #sets = new Map<K, Set<V>>();

  /** The values of a key, in the order in which they were added. */
  of(key: K): ReadonlySet<V> {
    return this.#sets.get(key) ?? NONE;
  }

  /** The values of all keys. */
  *values(): Iterable<V> {
    for (const set of this.#sets.values()) yield* set;
  }

  add(key: K, value: V): void {
    const set = this.#sets.get(key) ?? new Set();
    this.#sets.set(key, set.add(value));
  }

  delete(key: K, value: V): void {
    const set = this.#sets.get(key);
    if (set?.delete(value) && set.size === 0) this.#sets.delete(key);
  }
}
