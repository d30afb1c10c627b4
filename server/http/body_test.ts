import { describe, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { ColinkError } from "../base/error.ts";
import { CallBody } from "../../protocol/mod.ts";
import { checkedBody, readBody } from "./body.ts";

const MAX_BYTES = 1000;
const MIB = 1024 * 1024;

/** A budget without an end. */
const unlimited = { resize() {} };

async function read(body: string | Uint8Array<ArrayBuffer>): Promise<CallBody> {
  const request = new Request("http://gateway/v1", { method: "POST", body });
  return checkedBody(await readBody(request, MAX_BYTES, unlimited));
}

/** The error's code and message. */
async function errorOf(body: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const error = await read(body).catch((error) => error);
  expect(error).toBeInstanceOf(ColinkError);
  return `${error.code}: ${error.message}`;
}

describe("a body", () => {
  test("keeps its bytes and gives access to its members", async () => {
    const text = `{ "model":"é", "n":1.0, "messages":[ ], "stop":null, "n":2.50 }`;
    const body = await read(text);
    expect(Buffer.from(body.bytes).toString()).toBe(text);
    expect(body.value("model")).toBe("é");
    expect(body.value("n")).toBe(2.5);
    expect(body.value("none")).toBe(undefined);
    expect(body.kind("stop")).toBe("null");
    expect(body.kind("none")).toBe(undefined);
    expect(body.isEmptyList("messages")).toBe(true);
    expect(body.isEmptyList("model")).toBe(false);
    expect(body.isEmptyList("none")).toBe(false);
  });

  test("may begin with a byte order mark, which is not passed on", async () => {
    const body = await read(`\ufeff{"model":"m"}`);
    expect(Buffer.from(body.bytes).toString()).toBe(`{"model":"m"}`);
  });

  test("has no encoding that is named like a property of objects", async () => {
    const headers = { "content-encoding": "constructor" };
    const request = new Request("http://gateway/v1", { method: "POST", body: "{}", headers });
    await expect(readBody(request, MAX_BYTES, unlimited))
      .rejects.toMatchObject({ code: "unsupported_media_type" });
  });

  test("that is invalid is refused with the position or the reason", async () => {
    expect(await errorOf(`{"a":1,}`)).toStartWith("invalid_json: ");
    expect(await errorOf(`{"a":1,}`)).toContain("at byte 7");
    expect(await errorOf("[]")).toContain("a JSON object was expected");
    expect(await errorOf("[".repeat(65))).toStartWith("body_too_deep: ");
    expect(await errorOf(new Uint8Array([0x22, 0xff, 0x22]))).toContain("not UTF-8");
    // Half of a surrogate pair is not UTF-8 either.
    expect(await errorOf(new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]))).toContain("not UTF-8");
    expect(await errorOf("x".repeat(MAX_BYTES + 1))).toStartWith("body_too_large: ");
  });

  test("may be compressed, and is bounded by its size before and after", async () => {
    const text = `{"model":"m"}`;
    const packers = { gzip: gzipSync, zstd: zstdCompressSync };
    for (const [encoding, pack] of Object.entries(packers)) {
      const bytes = await readBody(
        sent(pack(text), { "content-encoding": encoding }),
        MAX_BYTES,
        unlimited,
      );
      expect(Buffer.from(bytes).toString()).toBe(text);
      const bomb = sent(pack("x".repeat(MAX_BYTES + 1)), { "content-encoding": encoding });
      await expect(readBody(bomb, MAX_BYTES, unlimited)).rejects.toMatchObject({
        code: "body_too_large",
      });
      const broken = sent("not compressed", { "content-encoding": encoding.toUpperCase() });
      await expect(readBody(broken, MAX_BYTES, unlimited)).rejects.toMatchObject({
        code: "invalid_json",
        message: expect.stringContaining(encoding),
      });
    }
    const plain = sent(text, { "content-encoding": "Identity" });
    expect(Buffer.from(await readBody(plain, MAX_BYTES, unlimited)).toString()).toBe(text);
  });

  test("of thousands of tiny pieces is refused, and of as many larger ones is not", async () => {
    const refused = readBody(sent(pieces(6_000, 2)), MIB, unlimited);
    await expect(refused).rejects.toThrow("it comes in thousands of chunks of a few bytes");
    expect(await readBody(sent(pieces(4_000, 2)), MIB, unlimited)).toHaveLength(8_000);
    expect(await readBody(sent(pieces(6_000, 100)), MIB, unlimited)).toHaveLength(600_000);
  });

  test("of unknown length is read piece by piece, up to the limit", async () => {
    const whole = await readBody(sent(pieces(4, MAX_BYTES / 4)), MAX_BYTES, unlimited);
    expect(Buffer.from(whole).toString()).toBe("x".repeat(MAX_BYTES));
    await expect(readBody(sent(pieces(5, MAX_BYTES / 4)), MAX_BYTES, unlimited))
      .rejects.toMatchObject({ code: "body_too_large" });
    expect(Buffer.from(await readBody(sent(pieces(1, 3)), MAX_BYTES, unlimited)).toString()).toBe(
      "xxx",
    );
    expect(
      await readBody(new Request("http://gateway/v1", { method: "POST" }), MAX_BYTES, unlimited),
    )
      .toHaveLength(0);
  });

  test("that announces too much is not read", () => {
    const request = sent("{}", { "content-length": String(MAX_BYTES + 1) });
    expect(() => readBody(request, MAX_BYTES, unlimited)).toThrow("larger than 1000 bytes");
    expect(request.bodyUsed).toBe(false);
    const large = sent("{}", { "content-length": String(3 * 1024 * 1024) });
    expect(() => readBody(large, 2 * 1024 * 1024, unlimited)).toThrow("larger than 2 MiB");
  });
});

function sent(
  body: string | Uint8Array | ReadableStream<Uint8Array>,
  headers: Record<string, string> = {},
): Request {
  return new Request("http://gateway/v1", { method: "POST", body: body as string, headers });
}

function pieces(count: number, bytes: number): ReadableStream<Uint8Array> {
  let left = count;
  return new ReadableStream({
    pull(controller) {
      if (left-- === 0) controller.close();
      else controller.enqueue(new Uint8Array(bytes).fill("x".charCodeAt(0)));
    },
  });
}

describe("a body that costs much", () => {
  const sizesOf = async (body: string | Uint8Array | ReadableStream<Uint8Array>, headers = {}) => {
    const sizes: number[] = [];
    await readBody(sent(body, headers), 10 * MIB, { resize: (bytes) => sizes.push(bytes) });
    return sizes;
  };

  test("is counted before it is read, as its pieces come, and as it is unpacked", async () => {
    expect(await sizesOf("{}", { "content-length": "5000" })).toEqual([5000]);
    expect(await sizesOf(pieces(3, 10))).toEqual([0, 10, 20, 30]);
    const packed = zstdCompressSync(Buffer.alloc(2 * MIB));
    const sizes = await sizesOf(packed, { "content-encoding": "zstd" });
    expect(sizes.at(-1)).toBe(2 * MIB);
    // Never more is unpacked than was counted before.
    expect(Math.max(...sizes)).toBeGreaterThanOrEqual(2 * MIB + packed.byteLength);
    expect(sizes.slice(0, -1)).toEqual(sizes.slice(0, -1).toSorted((a, b) => a - b));
  });

  test("is not unpacked further than its budget reaches", async () => {
    const packed = zstdCompressSync(Buffer.alloc(8 * MIB));
    const resize = (bytes: number) => {
      if (bytes > MIB) throw new ColinkError("account_bodies_full", "full");
    };
    await expect(readBody(sent(packed, { "content-encoding": "zstd" }), 10 * MIB, { resize }))
      .rejects.toMatchObject({ code: "account_bodies_full" });
  });

  test("is freed at once when it is refused, unless others may share its buffer", async () => {
    const padding = "x".repeat(300_000);
    for (const text of [`["${padding}"]`, `{"a":"${padding}"`, `{"a":"${padding}",}`]) {
      const bytes = new TextEncoder().encode(text);
      await expect((async () => await checkedBody(bytes))()).rejects.toThrow();
      expect(bytes.byteLength).toBe(0);
    }
    const whole = new TextEncoder().encode(`["${padding}"]["x"]`);
    for (const part of [whole.subarray(whole.byteLength - 5), whole.subarray(0, 1000)]) {
      expect(() => checkedBody(part)).toThrow();
      expect(part.byteLength).toBeGreaterThan(0);
    }
  });

  test("is refused for its many members with their limit", async () => {
    const members = (count: number, name: (i: number) => string) =>
      checkedBody(
        new TextEncoder().encode(
          `{${Array.from({ length: count }, (_, i) => `"${name(i)}":1`).join()}}`,
        ),
      );
    expect(await members(1000, (i) => `k${i}`)).toBeInstanceOf(CallBody);
    for (const name of [(i: number) => `k${i}`, () => "same"]) {
      expect(() => members(1001, name)).toThrow("it has more than 1000 members");
    }
  });

  test("of 16 KiB or more lets others go on between it and those that came with it", async () => {
    const bytes = new TextEncoder().encode(`{"a":[${"1,".repeat(8 * 1024)}1]}`);
    let turn = 0;
    let isOver = false;
    const count = () => {
      turn++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    // All together they take many times what they may take of one turn.
    const turns = await Promise.all(Array.from({ length: 500 }, async () => {
      await checkedBody(bytes);
      return turn;
    }));
    isOver = true;
    expect(new Set(turns).size).toBeGreaterThan(2);
    expect(turns).toEqual(turns.toSorted((a, b) => a - b));
  });

  test("lets other work in between while it is checked", async () => {
    const bytes = new TextEncoder().encode(`{"a":[${"1,".repeat(MIB)}1],"model":"m"}`);
    let turns = 0;
    let isOver = false;
    const count = () => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    const body = await checkedBody(bytes);
    isOver = true;
    expect(body.value("model")).toBe("m");
    expect(turns).toBeGreaterThan(5);
    expect(body.size("model")).toBe(3);
    await expect(Promise.resolve(checkedBody(bytes.subarray(0, -2)))).rejects.toThrow("at byte");
  });
});
