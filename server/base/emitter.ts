/** Reports what happened to everyone who subscribed. */

export class Emitter<Args extends unknown[] = []> {
  readonly #listeners = new Set<(...args: Args) => void>();

  /** Calls `listener` on every report from now on. Returns how to unsubscribe. */
  subscribe(listener: (...args: Args) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls every listener before it returns, in the order in which they subscribed. */
  emit(...args: Args): void {
    for (const listener of this.#listeners) listener(...args);
  }
}
