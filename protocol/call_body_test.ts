import { expect, test } from "bun:test";
import { CallBody, OtherCase } from "./call_body.ts";
import { JsonFault } from "./json_scan.ts";
import { MAX_JSON_DEPTH } from "./limits.ts";

const encoder = new TextEncoder();

function problemOf(body: string | Uint8Array): string | null {
  try {
    CallBody.of(typeof body === "string" ? encoder.encode(body) : body);
    return null;
  } catch (error) {
    if (error instanceof JsonFault) return error.problem;
    if (error instanceof OtherCase) return `other case of ${error.member}`;
    throw error;
  }
}

const bodies: [what: string, body: string | Uint8Array, problem: string | null][] = [
  ["an object", `{"model":"m","models":1,"streams":2}`, null],
  ["an object behind a byte order mark", `\ufeff{"model":"m"}`, null],
  ["other case in a nested object", `{"model":"m","metadata":{"Model":"other"}}`, null],
  ["no bytes", "", "invalid"],
  ["a list", "[]", "not an object"],
  ["an object with more behind it", "{} {}", "invalid"],
  ["bytes that are no UTF-8", new Uint8Array([0x7b, 0x22, 0xff, 0x22]), "not UTF-8"],
  ["an object too deep", `{"a":${"[".repeat(MAX_JSON_DEPTH)}`, "too deep"],
  ["Model", `{"Model":"other"}`, "other case of model"],
  ["Model beside model", `{"model":"m","Model":"other"}`, "other case of model"],
  ["Model as an escape", `{"model":"m","\\u004dodel":"other"}`, "other case of model"],
  ["STREAM", `{"STREAM":true}`, "other case of stream"],
  ["stream with a long s", `{"ſtream":true}`, "other case of stream"],
];
for (const [what, body, problem] of bodies) {
  test(`${what} is ${problem === null ? "a body" : `refused: ${problem}`}`, () => {
    expect(problemOf(body)).toBe(problem);
  });
}
