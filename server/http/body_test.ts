import { describe, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { ColinkError } from "../base/error.ts";
import type { CallBody } from "../../protocol/mod.ts";
import { checkedBody, readBody } from "./body.ts";

const MAX_BYTES = 1000;

async function read(body: string | Uint8Array<ArrayBuffer>): Promise<CallBody> {
  const request = new Request("http://gateway/v1", { method: "POST", body });
  return checkedBody(await readBody(request, MAX_BYTES));
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
    await expect(readBody(request, MAX_BYTES))
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
      const bytes = await readBody(sent(pack(text), { "content-encoding": encoding }), MAX_BYTES);
      expect(Buffer.from(bytes).toString()).toBe(text);
      const bomb = sent(pack("x".repeat(MAX_BYTES + 1)), { "content-encoding": encoding });
      await expect(readBody(bomb, MAX_BYTES)).rejects.toMatchObject({ code: "body_too_large" });
      const broken = sent("not compressed", { "content-encoding": encoding.toUpperCase() });
      await expect(readBody(broken, MAX_BYTES)).rejects.toMatchObject({
        code: "invalid_json",
        message: expect.stringContaining(encoding),
      });
    }
    const plain = sent(text, { "content-encoding": "Identity" });
    expect(Buffer.from(await readBody(plain, MAX_BYTES)).toString()).toBe(text);
  });

  test("of unknown length is read piece by piece, up to the limit", async () => {
    const whole = await readBody(sent(pieces(4, MAX_BYTES / 4)), MAX_BYTES);
    expect(Buffer.from(whole).toString()).toBe("x".repeat(MAX_BYTES));
    await expect(readBody(sent(pieces(5, MAX_BYTES / 4)), MAX_BYTES))
      .rejects.toMatchObject({ code: "body_too_large" });
    expect(Buffer.from(await readBody(sent(pieces(1, 3)), MAX_BYTES)).toString()).toBe("xxx");
    expect(await readBody(new Request("http://gateway/v1", { method: "POST" }), MAX_BYTES))
      .toHaveLength(0);
  });

  test("that announces too much is not read", () => {
    const request = sent("{}", { "content-length": String(MAX_BYTES + 1) });
    expect(() => readBody(request, MAX_BYTES)).toThrow("larger than 1000 bytes");
    expect(request.bodyUsed).toBe(false);
    const large = sent("{}", { "content-length": String(3 * 1024 * 1024) });
    expect(() => readBody(large, 2 * 1024 * 1024)).toThrow("larger than 2 MiB");
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
