import { expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import { UpstreamFailure } from "./adapter.ts";
import { errorBody } from "./error_body.ts";

const refusal = (endpoint: Endpoint, failure: UpstreamFailure): unknown =>
  JSON.parse(errorBody(endpoint, failure));

test("OpenAI's endpoints have all four members of its errors", () => {
  const error = { message: "too long", param: "n" };
  expect(refusal(Endpoint.responses, new UpstreamFailure(400, "x", { error }))).toEqual({
    error: { message: "too long", type: "invalid_request_error", param: "n", code: null },
  });
});

test("Anthropic's endpoints have its errors, typed by their status", () => {
  const types = { 400: "invalid_request_error", 404: "not_found_error", 429: "rate_limit_error" };
  for (const [code, type] of Object.entries(types)) {
    expect(refusal(Endpoint.messages, new UpstreamFailure(Number(code), "no"))).toEqual({
      type: "error",
      error: { type, message: "no" },
      request_id: null,
    });
  }
});

test("Anthropic's errors have no field for a parameter, so the message names it", () => {
  const failure = new UpstreamFailure(400, "x", { error: { message: "too long", param: "n" } });
  expect(refusal(Endpoint.messages, failure)).toMatchObject({ error: { message: "n: too long" } });
});

test("a body that the adapter kept goes out to the letter", () => {
  const bodyText = '{ "error": {"message":"m", "extra":1.0} }';
  expect(errorBody(Endpoint.chat, new UpstreamFailure(400, "x", { bodyText }))).toBe(bodyText);
});
