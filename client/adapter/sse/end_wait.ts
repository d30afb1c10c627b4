/** The wait for what may follow a complete answer, where the upstream keeps the connection open. */

/** How long it takes in all, whatever else comes. */
const WAIT_MS = 2_000;

type ReadResult = Bun.ReadableStreamDefaultReadResult<Uint8Array>;

export class EndWait {
  /** Time in which the consumer does not read is no wait. */
  #leftMs = WAIT_MS;

  /** The read, or the end of the stream if it takes too long. */
  orEnd(read: Promise<ReadResult>): Promise<ReadResult> {
    const startMs = performance.now();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => resolve({ done: true, value: undefined }),
        Math.max(0, this.#leftMs),
      );
      read.then(resolve, reject).finally(() => {
        clearTimeout(timer);
        this.#leftMs -= performance.now() - startMs;
      });
    });
  }
}
