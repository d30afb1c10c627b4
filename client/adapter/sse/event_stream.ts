/** Reads an upstream's answer, as server-sent events or whole. */

import type { BodyReader, HttpResponse } from "../../http/http_response.ts";
import { Pieces } from "../../http/pieces.ts";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { UpstreamFailure } from "../adapter.ts";
import type { EndWait } from "./end_wait.ts";

/** The largest event accepted. */
const MAX_EVENT_BYTES = 7 * 1024 * 1024;

/** How long a connection whose answer is complete may take to end by itself. */
const LINGER_MS = 1_000;

/**
 * Yields events as they become complete. Throws an UpstreamFailure when the connection is lost. Once
 * `endWait` returns a wait, the answer is complete: the stream then ends with the connection, however
 * that ends, or with the wait.
 */
export async function* readEvents(
  response: HttpResponse,
  signal: AbortSignal,
  endWait?: () => EndWait | null,
): AsyncIterable<EventSourceMessage> {
  const parser = new EventParser();
  for await (const bytes of readBytes(response, signal, endWait)) yield* parser.feed(bytes);
  // The last event may lack its blank line, but its JSON must be whole.
  yield* parser.feed(BLANK_LINE).filter(({ data }) => isJsonText(data));
}

export const BLANK_LINE: Uint8Array = new TextEncoder().encode("\n\n");

function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Parses an event stream fed in arbitrary slices. */
export class EventParser {
  readonly #decoder = new TextDecoder();
  #events: EventSourceMessage[] = [];
  #isTooLarge = false;
  readonly #parser = createParser({
    maxBufferSize: MAX_EVENT_BYTES,
    onEvent: (event) => {
      this.#isTooLarge ||= !fits(event.data);
      this.#events.push(event);
    },
    onError: (error) => this.#isTooLarge ||= error.type === "max-buffer-size-exceeded",
  });

  /** Returns the events that these bytes complete. Throws an UpstreamFailure if one is too large. */
  feed(bytes: Uint8Array): EventSourceMessage[] {
    this.#parser.feed(this.#decoder.decode(bytes, { stream: true }));
    if (this.#isTooLarge) throw answerTooLarge(MAX_EVENT_BYTES);
    return this.#events.splice(0);
  }
}

/** Reads the whole body as text. Throws an UpstreamFailure for a lost connection or more than `maxBytes`. */
export async function readWhole(
  response: HttpResponse,
  signal: AbortSignal,
  maxBytes: number,
  /** Called with the size until now, before more is read; may throw. */
  onSize: (bytes: number) => void = () => {},
): Promise<string> {
  const known = knownSize(response, maxBytes);
  if (known !== null) {
    onSize(known);
    return await wholeText(response, signal);
  }
  const decoder = new TextDecoder();
  const texts: string[] = [];
  let size = 0;
  for await (const bytes of readBytes(response, signal)) {
    texts.push(decoder.decode(bytes, { stream: true }));
    size += bytes.byteLength;
    if (size > maxBytes) throw answerTooLarge(maxBytes);
    onSize(size);
  }
  return texts.join("");
}

/** An answer of which at most the beginning was read. */
export interface BegunAnswer {
  /** The whole answer; null: it is longer. */
  text: string | null;
  /** The beginning of a longer one, and where its rest comes from. */
  read: Uint8Array[];
  body: ResponseBody | null;
}

/** Reads a whole answer up to a size. The caller must release the `body` of a longer one. */
export async function beginWhole(
  response: HttpResponse,
  signal: AbortSignal,
  maxBytes: number,
): Promise<BegunAnswer> {
  if (knownSize(response, maxBytes) !== null) {
    return { text: await wholeText(response, signal), read: [], body: null };
  }
  const body = new ResponseBody(response, signal);
  const read = new Pieces();
  let size = 0;
  try {
    while (size <= maxBytes) {
      const { done, value } = await body.read();
      if (done) {
        body.release();
        return { text: new TextDecoder().decode(read.joined), read: [], body: null };
      }
      read.push(value);
      size += value.byteLength;
    }
  } catch (cause) {
    body.release();
    throw body.lossFrom(cause);
  }
  return { text: null, read: read.all, body };
}

/** The body's length where the headers guarantee one of at most `maxBytes`; a compressed body's is unknown. */
function knownSize({ headers }: HttpResponse, maxBytes: number): number | null {
  const length = headers.get("content-length");
  const isKnown = length !== null && Number(length) <= maxBytes && !headers.has("content-encoding");
  return isKnown ? Number(length) : null;
}

/** The runtime's own text() costs far less than a reader. */
async function wholeText(response: HttpResponse, signal: AbortSignal): Promise<string> {
  try {
    return await response.text();
  } catch (cause) {
    signal.throwIfAborted();
    throw disconnected(cause);
  }
}

/** Whether the response is labelled as an event stream. */
export function isEventStream({ headers }: HttpResponse): boolean {
  return /^text\/event-stream\b/i.test(headers.get("content-type") ?? "");
}

/** Whether a whole body is an event stream, whatever its label. */
export function isEventText(text: string): boolean {
  return /^(?::|data:|event:|id:|retry:)/.test(text);
}

/**
 * Whether a body begins with a JSON object, whatever its label; and the response to read it from,
 * since the given one is read up to there. Throws an UpstreamFailure when the connection is lost.
 */
export async function beginsWithObject(
  response: HttpResponse,
  signal: AbortSignal,
): Promise<{ isObject: boolean; response: HttpResponse }> {
  const source = readBytes(response, signal)[Symbol.asyncIterator]();
  const read: Uint8Array[] = [];
  let first: string | undefined;
  while (first === undefined) {
    const { done, value } = await source.next();
    if (done) break;
    read.push(value);
    first = /[^\s\ufeff]/.exec(new TextDecoder().decode(value))?.[0];
  }
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => read.forEach((bytes) => controller.enqueue(bytes)),
    pull: async (controller) => {
      const { done, value } = await source.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: async () => void await source.return?.(),
  });
  const rest = new Response(body);
  const { ok, status, headers } = response;
  const text = () => rest.text();
  return { isObject: first === "{", response: { ok, status, headers, body: rest.body, text } };
}

/** Cancels an answer that will not be read. */
export function discard(response: HttpResponse): void {
  response.body?.cancel().catch(() => {/* already closed */});
}

async function* readBytes(
  response: HttpResponse,
  signal: AbortSignal,
  endWait: () => EndWait | null = () => null,
): AsyncIterable<Uint8Array> {
  const body = new ResponseBody(response, signal);
  const lose = (cause: unknown): ReadResult => {
    const failure = body.lossFrom(cause);
    if (endWait() === null) throw failure;
    return { done: true, value: undefined };
  };
  try {
    for (;;) {
      const read = body.read();
      const { done, value } = await (endWait()?.orEnd(read) ?? read).catch(lose);
      if (done) return;
      yield value;
    }
  } finally {
    body.release();
  }
}

export type ReadResult = Bun.ReadableStreamDefaultReadResult<Uint8Array>;

/** An answer's bytes as they arrive. The creator must call `release` at the end, whatever happened. */
export class ResponseBody {
  readonly #reader: BodyReader | undefined;

  constructor(response: HttpResponse, private readonly signal: AbortSignal) {
    this.#reader = response.body?.getReader();
  }

  /** Rejects with the runtime's error when the connection is lost: see `lossFrom`. */
  read(): Promise<ReadResult> {
    return this.#reader?.read() ?? Promise.resolve({ done: true, value: undefined });
  }

  /** The failure for a rejected read. Throws the signal's reason if the signal aborted the connection. */
  lossFrom(cause: unknown): UpstreamFailure {
    this.signal.throwIfAborted();
    return disconnected(cause);
  }

  release(): void {
    if (this.#reader) release(this.#reader, this.signal);
  }
}

/**
 * A complete answer's connection usually ends a moment later and can then serve the next call. One
 * that stays open, or whose call was aborted, is cancelled.
 */
function release(reader: BodyReader, signal: AbortSignal): void {
  const cut = () => {
    clearTimeout(timer);
    reader.cancel().catch(() => {/* already closed */});
  };
  const timer = setTimeout(cut, signal.aborted ? 0 : LINGER_MS);
  reader.read().then(cut, cut);
}

/** The failure for a connection that ended before the answer did. */
export function disconnected(cause?: unknown): UpstreamFailure {
  const message = "The provider broke off in the middle of its answer";
  return new UpstreamFailure(502, message, {
    cause,
    error: { message, type: "server_error", param: null, code: "upstream_disconnected" },
  });
}

/** The failure for an answer, or an event of one, of more than so many bytes. */
export function answerTooLarge(maxBytes: number): UpstreamFailure {
  const mib = Math.floor(maxBytes / (1024 * 1024));
  const message =
    `The provider's answer is too large: over ${mib} MiB in one piece; ask for fewer results at once`;
  return new UpstreamFailure(413, message, {
    error: { message, type: "invalid_request_error", param: null, code: "answer_too_large" },
  });
}

/** Counting bytes is slow; a character takes at most three. */
function fits(text: string): boolean {
  return text.length * 3 <= MAX_EVENT_BYTES || byteLength(text) <= MAX_EVENT_BYTES;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}
