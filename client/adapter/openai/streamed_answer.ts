/**
 * The pieces of a streamed answer, produced on demand. A hand-written iterator: most pieces are one
 * read of the upstream, and a generator's promises would cost more than the rest of the work.
 */

import type { Piece } from "../adapter.ts";
import type { ReadResult, ResponseBody } from "../sse/event_stream.ts";
import type { EventRelay } from "./event_relay.ts";

const END = { done: true, value: undefined } as const;

/** How long a complete answer waits for its usage in all, whatever else comes, where the upstream keeps the connection open. */
const USAGE_WITHIN_MS = 2_000;

export class StreamedAnswer implements AsyncIterator<Piece> {
  /** What is left of the wait for usage. Time in which the consumer does not read is no wait. */
  #usageWaitMs = USAGE_WITHIN_MS;

  constructor(private readonly body: ResponseBody, private readonly relay: EventRelay) {}

  next(): Promise<IteratorResult<Piece>> {
    try {
      const piece = this.relay.next();
      if (piece !== null) return Promise.resolve({ done: false, value: piece });
      if (this.relay.isOver) return Promise.resolve(this.#end());
    } catch (failure) {
      this.body.release();
      return Promise.reject(failure);
    }
    const read = this.body.read();
    return (this.relay.isComplete ? this.#orEnd(read) : read).then(this.#feed, this.#lose);
  }

  return(): Promise<IteratorResult<Piece>> {
    this.body.release();
    return Promise.resolve(END);
  }

  readonly #feed = (read: ReadResult): IteratorResult<Piece> | Promise<IteratorResult<Piece>> => {
    try {
      if (read.done) this.relay.feedEnd();
      else this.relay.feed(read.value);
      const piece = this.relay.next();
      if (piece !== null) return { done: false, value: piece };
      if (read.done) return this.#end();
    } catch (failure) {
      this.body.release();
      throw failure;
    }
    return this.next();
  };

  readonly #lose = (cause: unknown): IteratorResult<Piece> => {
    this.body.release();
    const failure = this.body.lossFrom(cause);
    if (this.relay.isComplete) return END;
    throw failure;
  };

  #end(): IteratorResult<Piece> {
    this.body.release();
    this.relay.end();
    return END;
  }

  /** The read, or the end of the stream if usage takes too long. */
  #orEnd(read: Promise<ReadResult>): Promise<ReadResult> {
    const startMs = performance.now();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => resolve(END), this.#usageWaitMs);
      read.then(resolve, reject).finally(() => {
        clearTimeout(timer);
        this.#usageWaitMs -= performance.now() - startMs;
      });
    });
  }
}
