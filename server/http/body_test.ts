import { describe, expect, test } from "bun:test";
import { ColinkError } from "../base/error.ts";
import { JsonBody, readBody } from "./body.ts";

const MAX_BYTES = 1000;

async function read(body: string | Uint8Array<ArrayBuffer>): Promise<JsonBody> {
  const request = new Request("http://gateway/v1", { method: "POST", body });
  return JsonBody.of(await readBody(request, MAX_BYTES));
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
    expect(Buffer.from(body.whole.bytes).toString()).toBe(text);
    expect(body.whole.text).toBe(text);
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
    expect(Buffer.from(body.whole.bytes).toString()).toBe(`{"model":"m"}`);
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
});
