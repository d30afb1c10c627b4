/** A map of what is removed soon, such as the calls that run. */

/**
 * A Map that had to grow or shrink leaves its former table behind, which refers to the new one. Once a
 * collection of the young has kept a single one of these tables, the next ones keep all later tables,
 * with every entry that was in them, until a full collection. Here they keep a cell that is empty.
 */
export class EphemeralMap<Key, Value extends NonNullable<unknown>> {
  readonly #cells = new Map<Key, { value: Value | undefined }>();

  get size(): number {
    return this.#cells.size;
  }

  has(key: Key): boolean {
    return this.#cells.has(key);
  }

  get(key: Key): Value | undefined {
    return this.#cells.get(key)?.value;
  }

  set(key: Key, value: Value): void {
    this.#cells.set(key, { value });
  }

  /** Whether there was an entry. */
  delete(key: Key): boolean {
    const cell = this.#cells.get(key);
    if (cell === undefined) return false;
    cell.value = undefined;
    return this.#cells.delete(key);
  }

  clear(): void {
    for (const key of this.#cells.keys()) this.delete(key);
  }

  keys(): Iterable<Key> {
    return this.#cells.keys();
  }

  *values(): Iterable<Value> {
    for (const { value } of this.#cells.values()) yield value!;
  }

  *[Symbol.iterator](): Iterator<[Key, Value]> {
    for (const [key, { value }] of this.#cells) yield [key, value!];
  }
}
