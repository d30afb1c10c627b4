/** An iterator that opens its source at the first `next`, and forwards to it from then on. */

export class LazyIterator<T> implements AsyncIterableIterator<T> {
  #source: AsyncIterator<T> | null = null;

  /** If `open` rejects, so does the first `next`. */
  constructor(private readonly open: () => Promise<AsyncIterator<T>>) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T>> {
    return this.#source?.next() ?? this.#first();
  }

  async return(): Promise<IteratorResult<T>> {
    await this.#source?.return?.();
    return { done: true, value: undefined };
  }

  async #first(): Promise<IteratorResult<T>> {
    this.#source = await this.open();
    return await this.#source.next();
  }
}
