/** Reads an upstream's answer: as server-sent events, or whole. Always through a reader, never passed on. */

import { createParser, type EventSourceMessage } from "eventsource-parser";
import { UpstreamFailure } from "./adapter.ts";

/** The largest event or whole answer that is taken; a frame that carries more would end the link. */
export const MAX_PIECE_BYTES = 7 * 1024 * 1024;

/** How long an answer that was read far enough may take to end by itself. */
const LINGER_MS = 1_000;

/** Yields events as they become complete. Throws an UpstreamFailure when the connection breaks. */
export async function* readEvents(
  response: Response,
  signal: AbortSignal,
): AsyncIterable<EventSourceMessage> {
  const events: EventSourceMessage[] = [];
  let tooLarge = false;
  const parser = createParser({
    maxBufferSize: MAX_PIECE_BYTES,
    onEvent: (event) => {
      tooLarge ||= !fits(event.data);
      events.push(event);
    },
    onError: (error) => tooLarge ||= error.type === "max-buffer-size-exceeded",
  });
  for await (const text of readPieces(response, signal)) {
    parser.feed(text);
    if (tooLarge) throw answerTooLarge();
    yield* events.splice(0);
  }
}

/** The whole body as text, at most `maxBytes`. Throws an UpstreamFailure when the connection breaks. */
export async function readWhole(
  response: Response,
  signal: AbortSignal,
  maxBytes = MAX_PIECE_BYTES,
): Promise<string> {
  const pieces: string[] = [];
  let bytes = 0;
  for await (const text of readPieces(response, signal)) {
    pieces.push(text);
    bytes += byteLength(text);
    if (bytes > maxBytes) throw answerTooLarge();
  }
  return pieces.join("");
}

/** Lets an answer go that nobody will read. */
export function discard(response: Response): void {
  response.body?.cancel().catch(() => {/* it is gone already */});
}

async function* readPieces(response: Response, signal: AbortSignal): AsyncIterable<string> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) return;
      const text = decoder.decode(value, { stream: true });
      if (text !== "") yield text;
    }
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof UpstreamFailure) throw cause;
    throw disconnected(cause);
  } finally {
    letGo(reader, signal);
  }
}

/**
 * An answer that is complete for us usually ends a moment later, and its connection can then serve
 * the next call; one that does not end, or that nobody wants, is cut.
 */
function letGo(
  reader: Pick<ReadableStreamDefaultReader<unknown>, "read" | "cancel">,
  signal: AbortSignal,
): void {
  const cut = () => {
    clearTimeout(timer);
    reader.cancel().catch(() => {/* it is gone already */});
  };
  const timer = setTimeout(cut, signal.aborted ? 0 : LINGER_MS);
  reader.read().then(cut, cut);
}

const DISCONNECTED = "upstream_disconnected";

/** The upstream's connection ended before its answer did. */
export function disconnected(cause?: unknown): UpstreamFailure {
  const message = "The provider broke off in the middle of its answer";
  return new UpstreamFailure(502, message, {
    cause,
    error: { message, type: "server_error", param: null, code: DISCONNECTED },
  });
}

/** Whether that is what went wrong. */
export function isLoss(error: unknown): boolean {
  return error instanceof UpstreamFailure && error.error?.code === DISCONNECTED;
}

function answerTooLarge(): UpstreamFailure {
  return new UpstreamFailure(502, "The provider's answer is too large: over 7 MiB in one piece");
}

/** Counting bytes costs; text of a third of the limit fits whatever it holds. */
function fits(text: string): boolean {
  return text.length * 3 <= MAX_PIECE_BYTES || byteLength(text) <= MAX_PIECE_BYTES;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}
