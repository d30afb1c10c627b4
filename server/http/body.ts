/** Reads a request's body, once and bounded, and gives access to single members of its JSON. */

import { isUtf8 } from "node:buffer";
import { promisify } from "node:util";
import { gunzip, zstdDecompress } from "node:zlib";
import {
  isEmptyArray,
  JsonFault,
  type JsonKind,
  type JsonSpan,
  MAX_JSON_DEPTH,
  scanObject,
} from "../../protocol/mod.ts";
import { ColinkError } from "../base/error.ts";
import type { Body } from "../node/attempt.ts";
import { ReceivedBody } from "../node/body.ts";

const decoder = new TextDecoder();

/** A body that is a valid JSON object. It is passed on as received; only the members that are asked for are parsed. */
export class JsonBody {
  readonly #members: ReadonlyMap<string, JsonSpan>;

  private constructor(private readonly bytes: Uint8Array) {
    this.#members = scanObject(bytes, MAX_JSON_DEPTH);
  }

  /** Throws invalid_json or body_too_deep. */
  static of(received: Uint8Array): JsonBody {
    const bytes = withoutByteOrderMark(received);
    if (!isUtf8(bytes)) {
      throw new ColinkError("invalid_json", "Cannot read the body: it is not UTF-8");
    }
    try {
      return new JsonBody(bytes);
    } catch (error) {
      throw error instanceof JsonFault ? jsonErrors[error.problem](error.at) : error;
    }
  }

  /** The body as a call keeps it. */
  get whole(): Body {
    return new ReceivedBody(this.bytes);
  }

  /** The names of all members, each once. */
  get names(): Iterable<string> {
    return this.#members.keys();
  }

  /** The kind of a member's value; undefined: there is no such member. */
  kind(name: string): JsonKind | undefined {
    return this.#members.get(name)?.kind;
  }

  /** Whether a member is an empty list. */
  isEmptyList(name: string): boolean {
    const span = this.#members.get(name);
    return span !== undefined && isEmptyArray(this.bytes, span);
  }

  /** A member's value, parsed on each call; undefined: there is no such member. */
  value(name: string): unknown {
    const span = this.#members.get(name);
    if (span === undefined) return undefined;
    return JSON.parse(decoder.decode(this.bytes.subarray(span.start, span.end)));
  }
}

/** Reads the whole body. Throws body_too_large, unsupported_media_type or invalid_json. */
export function readBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  const { headers } = request;
  const announced = headers.get("content-length");
  if (Number(announced ?? 0) > maxBytes) throw tooLarge(maxBytes);
  // Reading a stream costs more than the rest of this function; a body of known length needs none.
  const bytes = announced === null ? readBytes(request.body, maxBytes) : request.bytes();
  const encoding = headers.get("content-encoding")?.toLowerCase() ?? "identity";
  return encoding === "identity" ? bytes : decompress(bytes, encoding, maxBytes);
}

type Decode = (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Uint8Array>;

const decoders: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ["gzip", promisify(gunzip)],
  ["zstd", promisify(zstdDecompress)],
]);

const jsonErrors: Readonly<Record<JsonFault["problem"], (at: number) => ColinkError>> = Object
  .freeze(
    {
      "invalid": (at) =>
        new ColinkError("invalid_json", `Cannot read the body: it is not valid JSON at byte ${at}`),
      "not an object": () =>
        new ColinkError("invalid_json", "Cannot read the body: a JSON object was expected"),
      "too deep": () =>
        new ColinkError(
          "body_too_deep",
          `Cannot read the body: its JSON nests deeper than ${MAX_JSON_DEPTH} levels`,
        ),
    },
  );

/** Some editors and shells write a byte order mark, which is not JSON. */
function withoutByteOrderMark(bytes: Uint8Array): Uint8Array {
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return hasMark ? bytes.subarray(3) : bytes;
}

/** Checks the size while reading: a chunked body does not announce it. */
async function readBytes(body: ReadableStream<Uint8Array> | null, maxBytes: number) {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

async function decompress(packed: Promise<Uint8Array>, encoding: string, maxBytes: number) {
  const bytes = await packed;
  const decode = decoders.get(encoding);
  if (decode === undefined) {
    throw new ColinkError(
      "unsupported_media_type",
      `Cannot read the body: content-encoding must be gzip, zstd or none`,
    );
  }
  try {
    // The limit holds during decompression: a small body may unpack to a huge one.
    return await decode(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(maxBytes);
    throw new ColinkError("invalid_json", `Cannot read the body: it is not valid ${encoding}`);
  }
}

function tooLarge(maxBytes: number): ColinkError {
  const mib = maxBytes / (1024 * 1024);
  const limit = mib >= 1 ? `${Math.round(mib)} MiB` : `${maxBytes} bytes`;
  return new ColinkError("body_too_large", `Cannot read the body: it is larger than ${limit}`);
}
