/** A response whose body is read from the socket only as fast as it is taken. */

import {
  type BodyReader,
  type HttpHeaders,
  type HttpResponse,
  wholeText,
} from "./http_response.ts";

type ReadResult = Bun.ReadableStreamDefaultReadResult<Uint8Array>;

const END: ReadResult = { done: true, value: undefined };

/** The connection that a response comes over. */
interface Source {
  resume(): void;
  terminate(): void;
}

export class PulledResponse implements HttpResponse, BodyReader {
  status = 0;
  headers!: HttpHeaders;
  readonly #pieces: Uint8Array[] = [];
  #hasEnded = false;
  #error: unknown = undefined;
  #isReadWhole = false;
  /** The read that waits for the next piece. */
  #waiting: PromiseWithResolvers<ReadResult> | null = null;
  readonly #begun = Promise.withResolvers<HttpResponse>();
  #source: Source | null = null;
  readonly #onAbort = () => {
    this.#source?.terminate();
    this.fail(this.signal.reason);
  };

  /** Rejects everything with the signal's reason when that aborts. */
  constructor(private readonly signal: AbortSignal) {
    signal.addEventListener("abort", this.#onAbort);
  }

  /** Says over which connection the response comes. */
  attach(source: Source): void {
    this.#source = source;
  }

  /** Resolves with the response once its head has come; rejects with the connection's error. */
  get begun(): Promise<HttpResponse> {
    return this.#begun.promise;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  get body(): this {
    return this;
  }

  /** Whether a piece waits for a reader. */
  get isUnread(): boolean {
    return this.#pieces.length > 0 && !this.#isReadWhole;
  }

  /** Whether a reader waits for the next piece. */
  get isAwaited(): boolean {
    return this.#waiting !== null || this.#isReadWhole;
  }

  getReader(): BodyReader {
    return this;
  }

  read(): Promise<ReadResult> {
    const value = this.#pieces.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#hasEnded) return Promise.resolve(END);
    this.#waiting = Promise.withResolvers<ReadResult>();
    this.#source?.resume();
    return this.#waiting.promise;
  }

  text(): Promise<string> {
    this.#isReadWhole = true;
    return wholeText(this);
  }

  cancel(): Promise<void> {
    if (!this.#hasEnded && this.#error === undefined) {
      this.#source?.terminate();
      this.end();
    }
    return Promise.resolve();
  }

  begin(status: number, headers: HttpHeaders): void {
    this.status = status;
    this.headers = headers;
    this.#begun.resolve(this);
  }

  add(value: Uint8Array): void {
    if (this.#waiting === null) return void this.#pieces.push(value);
    this.#waiting.resolve({ done: false, value });
    this.#waiting = null;
  }

  end(): void {
    this.#hasEnded = true;
    this.signal.removeEventListener("abort", this.#onAbort);
    this.#waiting?.resolve(END);
  }

  fail(error: unknown): void {
    if (this.#hasEnded || this.#error !== undefined) return;
    this.#error = error;
    this.signal.removeEventListener("abort", this.#onAbort);
    this.#begun.reject(error);
    this.#waiting?.reject(error);
  }
}
