/**
 * The pieces of a streamed answer, produced on demand. A hand-written iterator: most pieces are one
 * read of the upstream, and a generator's promises would cost more than the rest of the work.
 */

import type { Piece } from "../adapter.ts";
import { EndWait } from "../sse/end_wait.ts";
import type { ReadResult, ResponseBody } from "../sse/event_stream.ts";
import type { EventRelay } from "./event_relay.ts";

const END = { done: true, value: undefined } as const;

export class StreamedAnswer implements AsyncIterator<Piece> {
  /** A complete answer waits for its usage. */
  readonly #usageWait = new EndWait();

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
    return (this.relay.isComplete ? this.#usageWait.orEnd(read) : read).then(
      this.#feed,
      this.#lose,
    );
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
}
