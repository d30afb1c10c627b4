import { expect, test } from "bun:test";
import { type ErrorWords, statusIn, type UpstreamFault, upstreamFault } from "./upstream_fault.ts";

const cases: [status: number, error: ErrorWords | null, fault: UpstreamFault][] = [
  [400, null, "request"],
  [409, null, "request"],
  [413, null, "request"],
  [422, null, "request"],
  [498, null, "request"],
  [499, null, "open"],
  [501, null, "request"],
  [501, { code: 501, type: "not_supported_error", message: "no images" }, "request"],
  // Whatever the status, a request's kind of error is the request's.
  [500, { type: "invalid_request_error" }, "request"],
  [500, { code: "context_length_exceeded" }, "request"],
  [502, { code: 400 }, "request"],
  [503, { type: "BadRequestError" }, "request"],
  [500, { status: "INVALID_ARGUMENT" }, "request"],
  [200, { type: "invalid_request_error" }, "request"],
  [200, { code: "context_length_exceeded" }, "request"],
  [200, { code: 400 }, "request"],
  [200, { code: "422" }, "request"],
  [200, { status: 413 }, "request"],
  [200, { code: "invalid_prompt" }, "request"],
  [200, { code: "model_not_found" }, "offer"],
  [200, { code: "server_error" }, "open"],
  [200, { code: 503 }, "overload"],
  [200, { type: "overloaded_error" }, "overload"],
  [200, null, "open"],
  // A limit that no wait gets past.
  [429, { message: "Request too large for m: limit 10000, requested 20000" }, "request"],
  [429, { message: "This model's maximum context length is 8192 tokens" }, "request"],
  [429, { message: "Rate limit reached: try again in 6 s" }, "limit"],
  [429, { type: "invalid_request_error", message: "slow down" }, "limit"],
  [429, { code: "insufficient_quota" }, "limit"],
  [429, null, "limit"],
  [200, { code: "rate_limit_exceeded" }, "limit"],
  // The node's own key, whatever type goes with it.
  [401, { type: "invalid_request_error", code: "invalid_api_key" }, "key"],
  [402, null, "key"],
  [403, { type: "invalid_request_error" }, "key"],
  [200, { type: "authentication_error" }, "key"],
  // A model or a path that the upstream does not have.
  [404, null, "offer"],
  [405, null, "offer"],
  [404, { type: "invalid_request_error", code: "model_not_found", param: null }, "offer"],
  [404, { type: "NotFoundError", code: 404, param: "model" }, "offer"],
  [404, { type: "invalid_request_error", message: "Invalid URL (POST /v1/responses)" }, "offer"],
  [400, { type: "invalid_model", code: "1500" }, "request"],
  [400, { code: "model_not_found" }, "offer"],
  // What the request names is missing.
  [404, { param: "response_id", code: 404 }, "request"],
  [404, { code: "previous_response_not_found" }, "request"],
  [400, { code: "model_not_found", param: "tools[0].model" }, "request"],
  [404, { param: "" }, "offer"],
  [408, null, "timeout"],
  [500, null, "open"],
  [500, { type: "server_error", message: "context length" }, "open"],
  [500, { code: 500, type: "server_error" }, "open"],
  [502, null, "open"],
  [503, null, "overload"],
  [503, { code: 503, type: "unavailable_error" }, "overload"],
  [504, null, "timeout"],
  [529, null, "overload"],
  [500, { type: { a: 1 }, code: ["x"], message: 7 }, "open"],
  [500, { type: `invalid_request_error${" ".repeat(64)}` }, "open"],
];

for (const [status, error, fault] of cases) {
  test(`an upstream's ${status} with ${JSON.stringify(error)} is its ${fault} fault`, () => {
    expect(upstreamFault(status, error)).toBe(fault);
  });
}

test("an error object names a status by its code or its status, as number or text", () => {
  expect(statusIn({ code: "429" })).toBe(429);
  expect(statusIn({ code: "x", status: 500 })).toBe(500);
  for (const code of [399, 600, "x", null, 400.5]) expect(statusIn({ code })).toBeUndefined();
  expect(statusIn(null)).toBeUndefined();
});
