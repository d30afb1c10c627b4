import { describe, expect, test } from "bun:test";
import { ColinkError } from "../base/error.ts";
import { JsonBody, readBody } from "./body.ts";

const MAX_BYTES = 1000;

async function read(body: string | Uint8Array<ArrayBuffer>): Promise<JsonBody> {
  const request = new Request("http://gateway/v1", { method: "POST", body });
  return JsonBody.of(await readBody(request, MAX_BYTES));
}

/** The error's code and message. */
async function refusal(body: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const error = await read(body).catch((error) => error);
  expect(error).toBeInstanceOf(ColinkError);
  return `${error.code}: ${error.message}`;
}

describe("a body", () => {
  test("keeps its bytes, and tells of its members what is asked", async () => {
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

  test("may begin with a byte order mark, which does not travel on", async () => {
    const body = await read(`\ufeff{"model":"m"}`);
    expect(Buffer.from(body.whole.bytes).toString()).toBe(`{"model":"m"}`);
  });

  test("is unpacked by the names of codings only", async () => {
    const headers = { "content-encoding": "constructor" };
    const request = new Request("http://gateway/v1", { method: "POST", body: "{}", headers });
    await expect(readBody(request, MAX_BYTES))
      .rejects.toMatchObject({ code: "unsupported_media_type" });
  });

  test("that is wrong is refused with the place or the reason", async () => {
    expect(await refusal(`{"a":1,}`)).toStartWith("invalid_json: ");
    expect(await refusal(`{"a":1,}`)).toContain("at byte 7");
    expect(await refusal("[]")).toContain("a JSON object was expected");
    expect(await refusal("[".repeat(65))).toStartWith("body_too_deep: ");
    expect(await refusal(new Uint8Array([0x22, 0xff, 0x22]))).toContain("not UTF-8");
    // Half of a surrogate pair, which is no UTF-8 either.
    expect(await refusal(new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]))).toContain("not UTF-8");
    expect(await refusal("x".repeat(MAX_BYTES + 1))).toStartWith("body_too_large: ");
  });
});
