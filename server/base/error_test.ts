import { expect, test } from "bun:test";
import { asColinkError, ColinkError, type ErrorCode, errorKinds } from "./error.ts";

test("the type of an error follows from its status, as in OpenAI's API", () => {
  const types: [code: ErrorCode, type: string][] = [
    ["invalid_json", "invalid_request_error"],
    ["caller_gone", "invalid_request_error"],
    ["rate_limit_exceeded", "requests"],
    ["upstream_rate_limited", "requests"],
    ["internal_error", "server_error"],
  ];
  for (const [code, type] of types) expect([code, errorKinds[code].type]).toEqual([code, type]);
});

test("an error has its code's kind, and the details that it was given", () => {
  const cause = new Error("why");
  const error = new ColinkError("queue_full", "Full", { param: "model", retryAfterMs: 5, cause });
  expect(error).toMatchObject({
    code: "queue_full",
    kind: errorKinds.queue_full,
    param: "model",
    retryAfterMs: 5,
    cause,
  });
  expect(new ColinkError("queue_full", "Full")).toMatchObject({ param: null, retryAfterMs: null });
});

test("an unexpected error becomes the cause of an internal one; the gateway's own stay as they are", () => {
  const known = new ColinkError("not_found", "None");
  expect(asColinkError(known)).toBe(known);
  const unexpected = new Error("broken");
  expect(asColinkError(unexpected)).toMatchObject({ code: "internal_error", cause: unexpected });
});
