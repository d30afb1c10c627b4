/** Reads a request's body, once and bounded, and finds in it what routing needs. */

import { promisify } from "node:util";
import { gunzip, zstdDecompress } from "node:zlib";
import { MAX_JSON_DEPTH, nestsDeeperThan } from "../../protocol/mod.ts";
import { ColinkError } from "../error.ts";
import type { AppContext } from "./env.ts";

/** A body that is valid JSON, with its bytes and text unchanged. */
export interface JsonBody {
  bytes: Uint8Array;
  text: string;
  value: Record<string, unknown>;
}

const decoders: Record<
  string,
  (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Uint8Array>
> = { gzip: promisify(gunzip), zstd: promisify(zstdDecompress) };

/** Throws body_too_large, unsupported_media_type, body_too_deep or invalid_json. */
export async function readJson(c: AppContext, maxBytes: number): Promise<JsonBody> {
  const { bytes, text } = await readText(c, maxBytes);
  if (nestsDeeperThan(text, MAX_JSON_DEPTH)) {
    throw new ColinkError(
      "body_too_deep",
      `Cannot read the body: its JSON nests deeper than ${MAX_JSON_DEPTH} levels`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ColinkError("invalid_json", "Cannot read the body: it is not valid JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ColinkError("invalid_json", "Cannot read the body: a JSON object was expected");
  }
  return { bytes, text, value: value as Record<string, unknown> };
}

async function readText(c: AppContext, maxBytes: number) {
  const announced = c.req.header("content-length");
  if (Number(announced ?? 0) > maxBytes) throw tooLarge(maxBytes);
  // A body of known length arrives in one piece; walking a stream costs more than all the rest here.
  let bytes = announced === undefined
    ? await readBytes(c.req.raw.body, maxBytes)
    : new Uint8Array(await c.req.raw.arrayBuffer());
  const encoding = c.req.header("content-encoding")?.toLowerCase() ?? "identity";
  if (encoding !== "identity") bytes = await decoded(bytes, encoding, maxBytes);
  try {
    return { bytes, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    throw new ColinkError("invalid_json", "Cannot read the body: it is not UTF-8");
  }
}

/** Counts while it reads: a chunked body tells its size only at its end. */
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

async function decoded(bytes: Uint8Array, encoding: string, maxBytes: number) {
  const decode = decoders[encoding];
  if (decode === undefined) {
    throw new ColinkError(
      "unsupported_media_type",
      `Cannot read the body: content-encoding must be gzip, zstd or none`,
    );
  }
  try {
    // Bounded while it unpacks: a small body may hide a huge one.
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
