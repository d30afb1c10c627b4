/** Reads a request's body, once and bounded, and checks it. */

import {
  CallBody,
  JsonFault,
  MAX_JSON_DEPTH,
  MAX_JSON_MEMBERS,
  MAX_SMALL_PIECES,
  MIN_PIECE_BYTES,
  OtherCase,
} from "../../protocol/mod.ts";
import { ColinkError } from "../base/error.ts";
import { LoopTurns } from "../base/loop_turns.ts";
import type { HeldBody } from "./body_budget.ts";
import { isEncoding, roomsFor, unpack } from "./unpack.ts";

/** Smaller bodies may share their buffer with others. */
const LARGE_BYTES = 64 * 1024;

/** The check of a shorter body, and what its call does next, take a fraction of a millisecond. */
const SHORT_BYTES = 16 * 1024;

/** How long calls with longer bodies may take of one turn: hundreds of them may have arrived in it. */
const TURN_MS = 5;
const turns = new LoopTurns(TURN_MS);

/** Checks a body; a promise for a long one. Throws invalid_json, body_too_deep or invalid_request, and then the bytes are gone. */
export function checkedBody(received: Uint8Array): CallBody | Promise<CallBody> {
  try {
    const turn = received.byteLength < SHORT_BYTES ? null : turns.take();
    const body = turn === null
      ? CallBody.inSlices(received)
      : turn.then(() => CallBody.inSlices(received));
    return body instanceof Promise ? body.catch((error) => refuseBody(received, error)) : body;
  } catch (error) {
    return refuseBody(received, error);
  }
}

/** Frees a large body without waiting for the collector, which lets a dozen of them lie about. */
function freeNow({ buffer, byteLength }: Uint8Array): void {
  const isOwn = byteLength >= LARGE_BYTES && buffer.byteLength < 2 * byteLength;
  if (isOwn && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

function refuseBody(received: Uint8Array, error: unknown): never {
  freeNow(received);
  if (error instanceof JsonFault) throw jsonErrors[error.problem](error.at);
  if (!(error instanceof OtherCase)) throw error;
  const { member: param, message } = error;
  throw new ColinkError("invalid_request", `Cannot read the body: ${message}`, { param });
}

/**
 * Reads the whole body, whose memory is counted as `held` from the beginning. Throws body_too_large,
 * unsupported_media_type, invalid_json, account_bodies_full or gateway_bodies_full.
 */
export function readBody(
  request: Request,
  maxBytes: number,
  held: Pick<HeldBody, "resize">,
): Promise<Uint8Array> {
  const { headers } = request;
  const announced = headers.get("content-length");
  if (Number(announced ?? 0) > maxBytes) throw tooLarge(maxBytes);
  held.resize(Number(announced ?? 0) || 0);
  // Reading a stream costs more than the rest of this function; a body of known length needs none.
  const bytes = announced === null ? readBytes(request.body, maxBytes, held) : request.bytes();
  const encoding = headers.get("content-encoding")?.toLowerCase() ?? "identity";
  return encoding === "identity" ? bytes : decompress(bytes, encoding, maxBytes, held);
}

const jsonErrors: Readonly<Record<JsonFault["problem"], (at: number) => ColinkError>> = Object
  .freeze(
    {
      "invalid": (at) =>
        new ColinkError("invalid_json", `Cannot read the body: it is not valid JSON at byte ${at}`),
      "not UTF-8": () => new ColinkError("invalid_json", "Cannot read the body: it is not UTF-8"),
      "not an object": () =>
        new ColinkError("invalid_json", "Cannot read the body: a JSON object was expected"),
      "too deep": () =>
        new ColinkError(
          "body_too_deep",
          `Cannot read the body: its JSON nests deeper than ${MAX_JSON_DEPTH} levels`,
        ),
      "too many members": () =>
        new ColinkError(
          "invalid_request",
          `Cannot read the body: it has more than ${MAX_JSON_MEMBERS} members; a call needs a few`,
        ),
    },
  );

/** Checks the size while reading: a chunked body does not announce it. Throws as `readBody`. */
export async function readBytes(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
  held?: Pick<HeldBody, "resize">,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge(maxBytes);
    if (chunks.length >= MAX_SMALL_PIECES && size < chunks.length * MIN_PIECE_BYTES) {
      throw new ColinkError(
        "invalid_request",
        "Cannot read the body: it comes in thousands of chunks of a few bytes; send larger ones",
      );
    }
    held?.resize(size);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

async function decompress(
  packed: Promise<Uint8Array>,
  encoding: string,
  maxBytes: number,
  held: Pick<HeldBody, "resize">,
) {
  const bytes = await packed;
  if (!isEncoding(encoding)) {
    throw new ColinkError(
      "unsupported_media_type",
      `Cannot read the body: content-encoding must be gzip, zstd or none`,
    );
  }
  for (const room of roomsFor(bytes, encoding, maxBytes)) {
    // Counted before anything is unpacked: a small body may unpack to a huge one.
    held.resize(bytes.byteLength + room);
    const whole = await unpack(bytes, encoding, room);
    if (whole === "invalid") {
      throw new ColinkError("invalid_json", `Cannot read the body: it is not valid ${encoding}`);
    }
    if (whole === "too large") continue;
    held.resize(whole.byteLength);
    return whole;
  }
  throw tooLarge(maxBytes);
}

export function tooLarge(maxBytes: number): ColinkError {
  const mib = maxBytes / (1024 * 1024);
  const kib = maxBytes / 1024;
  const limit = mib >= 1
    ? `${Math.round(mib)} MiB`
    : Number.isInteger(kib)
    ? `${kib} KiB`
    : `${maxBytes} bytes`;
  return new ColinkError("body_too_large", `Cannot read the body: it is larger than ${limit}`);
}
