import { describe, expect, test } from "bun:test";
import { constants, createGzip, createZstdCompress, gzipSync, zstdCompressSync } from "node:zlib";
import { type EncodingName, isEncoding, roomsFor, unpack } from "./unpack.ts";

const MAX_BYTES = 1024 * 1024;

const packers = { gzip: gzipSync, zstd: (bytes: Buffer) => zstdCompressSync(bytes) };

/** As a caller packs a body whose end it does not know yet. */
async function packedInPieces(bytes: Buffer, encoding: EncodingName): Promise<Buffer> {
  const stream = encoding === "gzip" ? createGzip() : createZstdCompress();
  stream.write(bytes.subarray(0, 1));
  stream.end(bytes.subarray(1));
  return Buffer.concat(await Array.fromAsync(stream));
}

/** What the body is after the first room that is enough. */
async function unpacked(bytes: Uint8Array, encoding: EncodingName) {
  for (const room of roomsFor(bytes, encoding, MAX_BYTES)) {
    const whole = await unpack(bytes, encoding, room);
    if (whole !== "too large") return { whole, room };
  }
  return { whole: "too large", room: 0 };
}

for (const encoding of ["gzip", "zstd"] as const) {
  describe(encoding, () => {
    for (const size of [0, 1, 64, 255, 256, 1000, 65_791, 65_792, 300_000, MAX_BYTES]) {
      test(`a body of ${size} bytes is unpacked at once, into a buffer of its own size`, async () => {
        const body = Buffer.alloc(size, "a");
        const packed = packers[encoding](body);
        expect(roomsFor(packed, encoding, MAX_BYTES)[0]).toBe(Math.max(1, size));
        const { whole } = await unpacked(packed, encoding);
        expect(Buffer.from(whole as Uint8Array).equals(body)).toBe(true);
        expect((whole as Uint8Array).buffer.byteLength).toBeLessThanOrEqual(2 * size + 64);
      });
    }

    test("a body that was packed before its size was known is unpacked as well", async () => {
      const body = Buffer.alloc(700_000, "ab");
      const { whole } = await unpacked(await packedInPieces(body, encoding), encoding);
      expect(Buffer.from(whole as Uint8Array).equals(body)).toBe(true);
    });

    test("a body that is a byte too large is refused", async () => {
      expect((await unpacked(packers[encoding](Buffer.alloc(MAX_BYTES + 1)), encoding)).whole)
        .toBe("too large");
    });

    test("what is not packed so is invalid", async () => {
      const packed = packers[encoding](Buffer.from("hello"));
      for (const bytes of [packed.subarray(4), Buffer.from("{}")]) {
        expect((await unpacked(bytes, encoding)).whole).toBe("invalid");
      }
    });
  });
}

test("a body that lies about its size is unpacked whole, or refused", async () => {
  const body = Buffer.alloc(500_000, "a");
  for (const lie of [0, 7, 1_000_000, 0xffff_ffff]) {
    const packed = gzipSync(body);
    packed.writeUInt32LE(lie, packed.byteLength - 4);
    const { whole } = await unpacked(packed, "gzip");
    // Its own check of the size may fail.
    if (whole !== "invalid") expect(Buffer.from(whole as Uint8Array).equals(body)).toBe(true);
  }
});

test("the size of a zstd body is read behind the byte that names its window", () => {
  const params = { [constants.ZSTD_c_windowLog]: 10 };
  const packed = zstdCompressSync(Buffer.alloc(5000, "a"), { params });
  expect(packed.readUInt8(4) & 0x20).toBe(0);
  expect(roomsFor(packed, "zstd", MAX_BYTES)[0]).toBe(5000);
});

test("names of properties that every object has are no encodings", () => {
  expect(isEncoding("constructor")).toBe(false);
  expect(isEncoding("zstd")).toBe(true);
});
