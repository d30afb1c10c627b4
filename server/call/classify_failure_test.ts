/** Which failures of an attempt are the answer to its request, and which are its node's. */

import { describe, expect, test } from "bun:test";
import type { AttemptFailure } from "../node/attempt.ts";
import { classifyFailure } from "./classify_failure.ts";

type Answered = Extract<AttemptFailure, { kind: "answered" }>;

function answered(status: number, rest: Partial<Answered> = {}): AttemptFailure {
  return { kind: "answered", status, headers: {}, body: `{"error":{}}`, ...rest };
}

function refused(code: number, message = "no"): AttemptFailure {
  return { kind: "refused", error: { code, message } };
}

/** The error's code, or the status of a rejection. */
function classOf(failure: AttemptFailure): string | number {
  const found = classifyFailure(failure);
  return found.is === "rejection" ? found.rejection.status : found.failure.error.code;
}

function retryAfterMs(headers: Record<string, string>): number | null {
  const found = classifyFailure(answered(429, { headers }));
  return found.is === "failure" ? found.failure.error.retryAfterMs : null;
}

describe("a failure", () => {
  const classes: [failure: AttemptFailure, is: string | number][] = [
    [{ kind: "lost", reason: "x" }, "node_lost"],
    [{ kind: "restarted", reason: "x" }, "node_lost"],
    [{ kind: "gateway lost", reason: "x" }, "gateway_lost"],
    [{ kind: "protocol", reason: "x" }, "node_protocol"],
    [refused(503, "BUSY: full"), "node_busy"],
    [{ kind: "refused", error: { code: 500, message: "x", kind: "internal" } }, "node_internal"],
    [
      { kind: "refused", error: { code: 404, message: "x", kind: "offer_withdrawn" } },
      "offer_withdrawn",
    ],
    [
      { kind: "refused", error: { code: 502, message: "x", kind: "unreachable" } },
      "upstream_error",
    ],
    [refused(399), "node_protocol"],
    [refused(400), 400],
    [refused(401), "upstream_auth"],
    [refused(402), "upstream_auth"],
    [refused(403), "upstream_auth"],
    [refused(404), "upstream_error"],
    [refused(405), "upstream_error"],
    [refused(409), 409],
    [refused(501), 501],
    [refused(408), "upstream_timeout"],
    [refused(429), "upstream_rate_limited"],
    [refused(498), 498],
    [refused(499), "node_protocol"],
    [refused(500), "upstream_error"],
    [refused(503), "upstream_overloaded"],
    [refused(504), "upstream_timeout"],
    [refused(529), "upstream_overloaded"],
    [refused(599), "upstream_error"],
    [refused(600), "node_protocol"],
    [answered(422), 422],
    [answered(500), "upstream_error"],
    [answered(500, { body: `{"error":{"type":"invalid_request_error"}}` }), 500],
    [answered(429, { body: `{"error":{"message":"Request too large"}}` }), 429],
    [answered(404, { body: `{"error":{"param":"response_id"}}` }), 404],
    [answered(302), "node_protocol"],
    [{ kind: "no answer", reason: "x" }, "upstream_error"],
  ];
  for (const [failure, is] of classes) {
    test(`of ${JSON.stringify(failure)} is ${is}`, () => expect(classOf(failure)).toBe(is));
  }
});

describe("a rejection", () => {
  test("has the upstream's body and headers where the body is an error", () => {
    const rejection = { status: 422, headers: { "x-a": "1" }, body: `{ "error":{"x":1}}` };
    expect(classifyFailure(answered(422, rejection))).toEqual({ is: "rejection", rejection });
  });

  for (const body of ["", "not JSON", "null", "[]", `{"detail":"x"}`, `{"error":"x"}`]) {
    test(`has an error of our shape where the upstream's body is ${body || "empty"}`, () => {
      expect(classifyFailure(answered(422, { body, headers: { "x-a": "1" } }))).toMatchObject({
        rejection: {
          status: 422,
          headers: { "x-a": "1" },
          body: {
            message: body.includes("error") ? "x" : "The model server answered 422",
            type: "invalid_request_error",
          },
        },
      });
    });
  }

  test("of a node's ERROR has its error, with the code as text", () => {
    const error = { message: "too long", type: "t", param: "messages", code: 7 };
    expect(classifyFailure({ kind: "refused", error: { code: 400, message: "x", error } }))
      .toMatchObject({ rejection: { body: { ...error, code: "7" } } });
    expect(classifyFailure(refused(400, "why"))).toMatchObject({
      rejection: {
        body: { message: "why", type: "invalid_request_error", param: null, code: null },
      },
    });
  });
});

test("Retry-After is read from either header, in milliseconds first, and only if it is positive", () => {
  expect(retryAfterMs({ "retry-after": "2" })).toBe(2_000);
  expect(retryAfterMs({ "retry-after-ms": "150", "retry-after": "2" })).toBe(150);
  for (const value of ["0", "-1", "soon", ""]) {
    expect(retryAfterMs({ "retry-after": value })).toBeNull();
  }
  expect(retryAfterMs({})).toBeNull();
});

test("a node's ERROR may say when to retry", () => {
  const error = { code: 503, message: "x", retry_after_ms: 700 };
  expect(classifyFailure({ kind: "refused", error })).toMatchObject({
    failure: { error: { code: "upstream_overloaded", retryAfterMs: 700 } },
  });
});

describe("a failure that may be the request's", () => {
  const failureOf = (failure: AttemptFailure) => {
    const found = classifyFailure(failure);
    if (found.is !== "failure") throw new Error("a rejection");
    return found.failure;
  };

  test("keeps the provider's words: its body, or the node's message", () => {
    const body = `{"error":{"message":"CUDA error"}}`;
    expect(failureOf(answered(500, { body })).words).toEqual({
      status: 500,
      message: "CUDA error",
      rejection: { status: 500, body, headers: {} },
    });
    expect(failureOf(refused(502, "broke off")).words)
      .toEqual({ status: 502, message: "broke off", rejection: null });
    const error = { code: 500, message: "x", error: { message: "CUDA error" } };
    expect(failureOf({ kind: "refused", error }).words?.rejection?.body)
      .toEqual({ message: "CUDA error", type: "server_error", param: null, code: null });
  });

  test("says nothing of the provider's words to those who look at the node", () => {
    expect(failureOf(refused(500, "prompt: secret")).what).toBe("the node's model server failed");
  });

  test("is like another one with the same status and words, whatever numbers are in them", () => {
    const likeness = (code: number, message: string) => failureOf(refused(code, message)).likeness;
    expect(likeness(500, "failed, request req-1a2b at 12:30")).toBe(
      likeness(500, "failed, request req-99 at 1:02"),
    );
    expect(likeness(500, "failed")).not.toBe(likeness(502, "failed"));
    expect(likeness(500, "failed")).not.toBe(likeness(500, "broke"));
  });

  test("is not what a provider says of the node's key or limits: the caller does not get its words", () => {
    for (const status of [401, 429, 404]) {
      expect(failureOf(answered(status, { body: `{"error":{"message":"org-1"}}` })).words)
        .toBeNull();
    }
  });
});
