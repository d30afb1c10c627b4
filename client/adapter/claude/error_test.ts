import { expect, test } from "bun:test";
import { claudeError } from "./error.ts";

const body = (type: string, message = "m") => ({ type: "error", error: { type, message } });

/** Status, Anthropic's type → reported code, OpenAI's type and code. */
const rows: [number, string, number, string, string | null][] = [
  [400, "invalid_request_error", 400, "invalid_request_error", null],
  [401, "authentication_error", 401, "server_error", "upstream_auth"],
  [402, "billing_error", 429, "insufficient_quota", "insufficient_quota"],
  [403, "permission_error", 403, "server_error", "upstream_auth"],
  [404, "not_found_error", 404, "invalid_request_error", "model_not_found"],
  [413, "request_too_large", 413, "invalid_request_error", "request_too_large"],
  [429, "rate_limit_error", 429, "requests", "rate_limit_exceeded"],
  [500, "api_error", 502, "server_error", "server_error"],
  [504, "timeout_error", 504, "server_error", "timeout"],
  [529, "overloaded_error", 503, "server_error", "overloaded"],
];

for (const [status, type, code, openAiType, openAiCode] of rows) {
  test(`${status} ${type} becomes ${code} ${openAiType}`, () => {
    const expected = {
      code,
      error: { message: "m", type: openAiType, param: null, code: openAiCode },
    };
    expect(claudeError(status, body(type))).toEqual(expected);
    // The same in a stream, which has no status.
    expect(claudeError(200, body(type))).toEqual(expected);
  });
}

test("an error of unknown type is mapped by its status", () => {
  const code = (status: number) => claudeError(status, "<html>").code;
  expect([400, 401, 402, 404, 413, 422, 429, 500, 502, 529].map(code)).toEqual([
    ...[400, 401, 429, 404, 413, 422, 429, 502, 502, 503],
  ]);
});

test("a prompt that is too long becomes context_length_exceeded", () => {
  const long = body("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum");
  expect(claudeError(400, long)).toMatchObject({
    code: 400,
    error: { code: "context_length_exceeded" },
  });
});

test("an account at its limit becomes insufficient_quota, not a bad request", () => {
  for (const words of ["Your credit balance is too low", "You have reached your usage limits"]) {
    expect(claudeError(400, body("invalid_request_error", words))).toMatchObject({
      code: 429,
      error: { code: "insufficient_quota" },
    });
  }
});
