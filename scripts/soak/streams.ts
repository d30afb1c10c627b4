/** Callers that read one paced stream after the other, and note how long they wait between two pieces. */

import { chatBody, type Streaming } from "../bench/chat.ts";
import { EventCounter } from "../bench/event_counter.ts";
import type { HttpSocket } from "../bench/http_socket.ts";
import { quantile } from "../bench/statistics.ts";
import { connectAll } from "../bench/stream_load.ts";
import { requestBytes, type Target } from "../bench/target.ts";

/** Two seconds each. */
const STREAMING: Streaming = { chunks: 40, paceMs: 50 };

/** What the readers saw. */
export interface Gaps {
  /** Streams that came whole. */
  streams: number;
  /** Why others did not. */
  problems: readonly string[];
  /** Between two pieces of one stream, in milliseconds. */
  p50Ms: number;
  p99Ms: number;
  longestMs: number;
}

export class PacedStreams {
  #isEnding = false;
  #streams = 0;
  readonly #problems: string[] = [];
  readonly #gapsMs: number[] = [];
  readonly #request: Buffer;
  #readers: Promise<void>[] = [];

  private constructor(target: Target, model: string) {
    this.#request = requestBytes(target, chatBody({ model, streaming: STREAMING }));
  }

  /** So many readers begin; their pieces are not in step. */
  static async begin(target: Target, model: string, count: number): Promise<PacedStreams> {
    const own = new PacedStreams(target, model);
    const sockets = await connectAll(target, count);
    own.#readers = sockets.map((socket, i) => own.#follow(socket, STREAMING.paceMs * i / count));
    return own;
  }

  /** Lets the streams that run come to their end. */
  async end(): Promise<Gaps> {
    this.#isEnding = true;
    await Promise.all(this.#readers);
    const gapsMs = this.#gapsMs.length > 0 ? this.#gapsMs : [NaN];
    return {
      streams: this.#streams,
      problems: this.#problems,
      p50Ms: quantile(gapsMs, 0.5),
      p99Ms: quantile(gapsMs, 0.99),
      longestMs: gapsMs.reduce((a, b) => Math.max(a, b)),
    };
  }

  async #follow(socket: HttpSocket, afterMs: number): Promise<void> {
    await Bun.sleep(afterMs);
    try {
      do await this.#read(socket); while (!this.#isEnding);
    } catch (error) {
      this.#problems.push(error instanceof Error ? error.message : String(error));
    }
    socket.close();
  }

  #read(socket: HttpSocket): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const counter = new EventCounter();
    let lastMs = 0;
    socket.send(this.#request, {
      content: (piece) => {
        counter.take(piece);
        const nowMs = performance.now();
        if (lastMs > 0) this.#gapsMs.push(nowMs - lastMs);
        lastMs = nowMs;
      },
      end: () => {
        if (counter.events === STREAMING.chunks && counter.isDone) this.#streams++;
        else this.#problems.push(`a stream of ${counter.events} pieces, done: ${counter.isDone}`);
        resolve();
      },
      fail: reject,
    });
    return promise;
  }
}

/** The same; throws when a stream did not come whole. */
export function wholeOnly(gaps: Gaps): Gaps {
  if (gaps.problems.length === 0) return gaps;
  throw new Error(`${gaps.problems.length} streams were not whole: ${gaps.problems[0]}`);
}

export function shownGaps({ p50Ms, p99Ms, longestMs }: Gaps): string {
  return `p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms, longest ${
    longestMs.toFixed(0)
  } ms`;
}
