/** Reads an upstream's answer: as server-sent events, or whole. Always through a reader, never passed on. */

import { createParser, type EventSourceMessage } from "eventsource-parser";
import { UpstreamFailure } from "../adapter.ts";

/** The largest event or whole answer that is taken; a frame that carries more would end the link. */
export const MAX_PIECE_BYTES = 7 * 1024 * 1024;

/** How long an answer that was read far enough may take to end by itself. */
const LINGER_MS = 1_000;

/** Yields events as they become complete. Throws an UpstreamFailure when the connection breaks. */
export async function* readEvents(
  response: Response,
  signal: AbortSignal,
): AsyncIterable<EventSourceMessage> {
  const parser = new EventParser();
  for await (const bytes of readBytes(response, signal)) yield* parser.feed(bytes);
}

/** Takes an event stream apart, wherever its bytes are cut. */
export class EventParser {
  readonly #decoder = new TextDecoder();
  #events: EventSourceMessage[] = [];
  #isTooLarge = false;
  readonly #parser = createParser({
    maxBufferSize: MAX_PIECE_BYTES,
    onEvent: (event) => {
      this.#isTooLarge ||= !fits(event.data);
      this.#events.push(event);
    },
    onError: (error) => this.#isTooLarge ||= error.type === "max-buffer-size-exceeded",
  });

  /** The events that these bytes complete. Throws an UpstreamFailure where one is too large. */
  feed(bytes: Uint8Array): EventSourceMessage[] {
    this.#parser.feed(this.#decoder.decode(bytes, { stream: true }));
    if (this.#isTooLarge) throw answerTooLarge();
    return this.#events.splice(0);
  }
}

/** The whole body as text, at most `maxBytes`. Throws an UpstreamFailure when the connection breaks. */
export async function readWhole(
  response: Response,
  signal: AbortSignal,
  maxBytes = MAX_PIECE_BYTES,
): Promise<string> {
  if (saysItsSize(response, maxBytes)) return await wholeText(response, signal);
  const decoder = new TextDecoder();
  const texts: string[] = [];
  let size = 0;
  for await (const bytes of readBytes(response, signal)) {
    texts.push(decoder.decode(bytes, { stream: true }));
    size += bytes.byteLength;
    if (size > maxBytes) throw answerTooLarge();
  }
  return texts.join("");
}

/** Whether it is no larger than that, which can be told only of what is not compressed. */
function saysItsSize({ headers }: Response, maxBytes: number): boolean {
  const length = headers.get("content-length");
  return length !== null && Number(length) <= maxBytes && !headers.has("content-encoding");
}

/** What the runtime gathers by itself costs far less than reading it. */
async function wholeText(response: Response, signal: AbortSignal): Promise<string> {
  try {
    return await response.text();
  } catch (cause) {
    signal.throwIfAborted();
    throw disconnected(cause);
  }
}

/** Lets an answer go that nobody will read. */
export function discard(response: Response): void {
  response.body?.cancel().catch(() => {/* it is gone already */});
}

async function* readBytes(response: Response, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const body = new ResponseBody(response, signal);
  const lose = (cause: unknown) => {
    throw body.lossFrom(cause);
  };
  try {
    for (;;) {
      const { done, value } = await body.read().catch(lose);
      if (done) return;
      yield value;
    }
  } finally {
    body.letGo();
  }
}

type Reader = Pick<ReadableStreamDefaultReader<Uint8Array>, "read" | "cancel">;

export type ReadResult = Bun.ReadableStreamDefaultReadResult<Uint8Array>;

/** An answer's bytes as they come. Whoever opens one lets it go in the end, however that comes. */
export class ResponseBody {
  readonly #reader: Reader | undefined;

  constructor(response: Response, private readonly signal: AbortSignal) {
    this.#reader = response.body?.getReader();
  }

  /** Rejects when the connection breaks, with whatever the runtime says: see `lossFrom`. */
  read(): Promise<ReadResult> {
    return this.#reader?.read() ?? Promise.resolve({ done: true, value: undefined });
  }

  /** What a read that was rejected means. Throws the signal's reason where that broke the connection. */
  lossFrom(cause: unknown): UpstreamFailure {
    this.signal.throwIfAborted();
    return disconnected(cause);
  }

  letGo(): void {
    if (this.#reader) letGo(this.#reader, this.signal);
  }
}

/**
 * An answer that is complete for us usually ends a moment later, and its connection can then serve
 * the next call; one that does not end, or that nobody wants, is cut.
 */
function letGo(reader: Reader, signal: AbortSignal): void {
  const cut = () => {
    clearTimeout(timer);
    reader.cancel().catch(() => {/* it is gone already */});
  };
  const timer = setTimeout(cut, signal.aborted ? 0 : LINGER_MS);
  reader.read().then(cut, cut);
}

/** The upstream's connection ended before its answer did. */
export function disconnected(cause?: unknown): UpstreamFailure {
  const message = "The provider broke off in the middle of its answer";
  return new UpstreamFailure(502, message, {
    cause,
    error: { message, type: "server_error", param: null, code: "upstream_disconnected" },
  });
}

function answerTooLarge(): UpstreamFailure {
  const message =
    "The provider's answer is too large: over 7 MiB in one piece; ask for less at once";
  return new UpstreamFailure(413, message, {
    error: { message, type: "invalid_request_error", param: null, code: "answer_too_large" },
  });
}

/** Counting bytes costs; text of a third of the limit fits whatever it holds. */
function fits(text: string): boolean {
  return text.length * 3 <= MAX_PIECE_BYTES || byteLength(text) <= MAX_PIECE_BYTES;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}
