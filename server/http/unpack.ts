/** Unpacks compressed bodies into no more memory than they need. */

import { promisify } from "node:util";
import { gunzip, zstdDecompress } from "node:zlib";
import { owned } from "../../protocol/mod.ts";

/** Bodies that do not say how large they are unpack first to so many times their size, or to so many bytes. */
const FIRST_RATIO = 16;
const FIRST_BYTES = 64 * 1024;

/** Beyond the room for a whole body, so that the decoder does not ask for a second buffer. */
const SPARE_BYTES = 64;

interface Encoding {
  decode(
    bytes: Uint8Array,
    options: { maxOutputLength: number; chunkSize: number },
  ): Promise<Uint8Array>;
  /** The size of the unpacked body as it says itself; null: it does not. May be wrong. */
  announcedBytes(bytes: Uint8Array): number | null;
}

const encodings = {
  gzip: { decode: promisify(gunzip), announcedBytes: gzipBytes },
  zstd: { decode: promisify(zstdDecompress), announcedBytes: zstdBytes },
} satisfies Record<string, Encoding>;

export type EncodingName = keyof typeof encodings;

export function isEncoding(name: string): name is EncodingName {
  return Object.hasOwn(encodings, name);
}

/** The sizes to try, one after the other: a body that unpacks to more than the last is too large. */
export function roomsFor(bytes: Uint8Array, encoding: EncodingName, maxBytes: number): number[] {
  const announced = encodings[encoding].announcedBytes(bytes);
  const isAnnounced = announced !== null && announced <= maxBytes;
  const guess = isAnnounced ? announced : Math.max(FIRST_BYTES, FIRST_RATIO * bytes.byteLength);
  const first = Math.max(1, guess);
  return first < maxBytes ? [first, maxBytes] : [maxBytes];
}

/** The whole body, if it fits into so many bytes. */
export async function unpack(
  bytes: Uint8Array,
  encoding: EncodingName,
  room: number,
): Promise<Uint8Array | "too large" | "invalid"> {
  try {
    // One buffer for the whole body: pieces would take its memory twice, and leave half of it as garbage.
    const options = { maxOutputLength: room, chunkSize: room + SPARE_BYTES };
    return owned(await encodings[encoding].decode(bytes, options));
  } catch (error) {
    const { code } = error as { code?: string };
    return code === "ERR_BUFFER_TOO_LARGE" ? "too large" : "invalid";
  }
}

/** The last four bytes (RFC 1952): the size of the last member. */
function gzipBytes(bytes: Uint8Array): number | null {
  return bytes.byteLength < 4 ? null : viewOf(bytes).getUint32(bytes.byteLength - 4, true);
}

const ZSTD_MAGIC = 0xfd2fb528;
const SINGLE_SEGMENT = 0x20;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;

/** The frame's header (RFC 8878, 3.1.1.1): the size of the first frame, where the compressor knew it. */
function zstdBytes(bytes: Uint8Array): number | null {
  const longestHeader = 18;
  const header = new DataView(new ArrayBuffer(longestHeader));
  new Uint8Array(header.buffer).set(bytes.subarray(0, longestHeader));
  if (header.getUint32(0, true) !== ZSTD_MAGIC) return null;
  const descriptor = header.getUint8(4);
  const isSingleSegment = (descriptor & SINGLE_SEGMENT) !== 0;
  const at = 5 + (isSingleSegment ? 0 : 1) + DICTIONARY_ID_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3];
  switch (descriptor >> 6) {
    case 0:
      return isSingleSegment ? header.getUint8(at) : null;
    case 1:
      return header.getUint16(at, true) + 256;
    case 2:
      return header.getUint32(at, true);
    default:
      return Number(header.getBigUint64(at, true));
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
