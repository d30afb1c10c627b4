/** An iteration whose source is opened when the first value is asked for; from then on it is that source. */

export class OpenedLater<T> implements AsyncIterableIterator<T> {
  #source: AsyncIterator<T> | null = null;

  /** `open` may reject: so does the first `next` then. */
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
