import { describe, expect, test } from "bun:test";
import { ColinkError, type ErrorCode } from "../base/error.ts";
import type { Log } from "../base/log.ts";
import { anthropic, openAi, openAiResponses } from "./error_format.ts";
import { errorResponse, rejectionResponse, renderError } from "./reply.ts";

const recipient = {
  format: openAi,
  requestId: "req-1",
  publicUrl: null,
  headers: { "x-request-id": "req-1" },
};

test("a caller who leaves before its body has arrived is no unexpected error; what the gateway aborts is", () => {
  const logged: string[] = [];
  const log = {
    info: (_: object, text: string) => void logged.push(text),
    error: (_: object, text: string) => void logged.push(text),
  } as unknown as Log;
  const cases: [name: string, hasLeft: boolean, status: number][] = [
    ["AbortError", true, 400],
    ["AbortError", false, 500],
    ["DataCloneError", true, 500],
  ];
  for (const [name, aborted, status] of cases) {
    const error = new DOMException("The connection was closed.", name);
    const asked = { method: "POST", path: "/v1/chat/completions", signal: { aborted } };
    expect(renderError(error, asked, recipient, log).status).toBe(status);
  }
  expect(logged).toEqual(["refused", "unexpected error", "unexpected error"]);
});

test("the runtime has aborted the signal of a request by the time that reading its body fails", async () => {
  const failed = Promise.withResolvers<Response>();
  const begun = Promise.withResolvers<void>();
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request: Request) => {
      begun.resolve();
      const { method, signal } = request;
      const body = await request.bytes().catch((error: unknown) => error);
      const log = { info: () => {}, error: () => {} } as unknown as Log;
      failed.resolve(renderError(body, { method, path: "/", signal }, recipient, log));
      return new Response();
    },
  });
  const { hostname, port } = server;
  const head = "POST / HTTP/1.1\r\nhost: gateway\r\ncontent-length: 9\r\n\r\n{";
  const socket = { open: (to: Bun.Socket) => void to.write(head), data: () => {} };
  const caller = await Bun.connect({ hostname: hostname!, port: port!, socket });
  await begun.promise;
  caller.end();
  expect(JSON.parse(await (await failed.promise).text()).error.code).toBe("caller_gone");
});

describe("an error", () => {
  const waits: [code: ErrorCode, retryAfterMs: number | undefined, retryAfter: string | null][] = [
    ["rate_limit_exceeded", 2500, "3"],
    ["store_unavailable", undefined, "1"],
    ["upstream_rate_limited", undefined, "1"],
    ["node_lost", undefined, null],
    ["node_lost", 500, "1"],
    ["model_not_found", undefined, null],
  ];
  for (const [code, retryAfterMs, retryAfter] of waits) {
    test(`${code}, retryable in ${retryAfterMs ?? "an unknown number of"} ms, has retry-after ${retryAfter}`, () => {
      const error = new ColinkError(code, "x", retryAfterMs === undefined ? {} : { retryAfterMs });
      const { headers } = errorResponse(error, recipient);
      expect(headers.get("retry-after")).toBe(retryAfter);
      expect(headers.has("retry-after-ms")).toBe(retryAfter !== null);
    });
  }

  const retries: [code: ErrorCode, isWorthIt: string | null][] = [
    ["queue_full", "true"],
    ["upstream_error", "true"],
    ["upstream_auth", "false"],
    ["answer_too_large", "false"],
    // Claude Code would try a wrong key again for minutes.
    ["invalid_api_key", "false"],
    ["invalid_request", null],
  ];
  for (const [code, isWorthIt] of retries) {
    test(`${code} has x-should-retry ${isWorthIt ?? "unset, because no SDK retries its status"}`, () => {
      const { headers } = errorResponse(new ColinkError(code, "x"), recipient);
      expect(headers.get("x-should-retry")).toBe(isWorthIt);
    });
  }

  test("has x-should-retry false where the time for it is later than SDKs wait", () => {
    for (const [retryAfterMs, isWorthIt] of [[60_000, "true"], [60_001, "false"]] as const) {
      const { headers } = errorResponse(
        new ColinkError("budget_exceeded", "x", { retryAfterMs }),
        recipient,
      );
      expect(headers.get("x-should-retry")).toBe(isWorthIt);
    }
  });

  test("links to the manual's entry for its code where the gateway's address is known", async () => {
    const full = new ColinkError("queue_full", "x");
    for (const format of [openAi, openAiResponses, anthropic]) {
      const to = { ...recipient, format };
      const linked = await errorResponse(full, { ...to, publicUrl: "https://lab.example/co" })
        .text();
      const address = "https://lab.example/co/docs/errors#queue_full";
      expect(JSON.parse(linked).error.doc_url).toBe(address);
      expect(format.event(linked, "")).toContain(address);
      expect(await errorResponse(full, to).text()).not.toContain("doc_url");
    }
  });

  test("has its request's id where the format's SDK looks for it", async () => {
    const answer = errorResponse(new ColinkError("internal_error", "x"), {
      ...recipient,
      format: anthropic,
    });
    expect(answer.headers.get("request-id")).toBe("req-1");
    expect(await answer.json()).toEqual({
      type: "error",
      error: { type: "api_error", message: "x" },
      request_id: "req-1",
    });
  });
});

describe("a rejection by the upstream", () => {
  test("does not replace the gateway's own headers", () => {
    const own = { "x-ratelimit-remaining-requests": "59" };
    const { headers } = rejectionResponse({
      status: 400,
      body: "{}",
      headers: { "x-ratelimit-remaining-requests": "1", "x-ratelimit-remaining-tokens": "7" },
    }, { ...recipient, headers: own });
    expect(headers.get("x-ratelimit-remaining-requests")).toBe("59");
    expect(headers.get("x-ratelimit-remaining-tokens")).toBe("7");
  });

  const bodies: [whose: string, sent: object, id: string][] = [
    ["a node wrote without it", { type: "error", error: {}, request_id: null }, "req-1"],
    ["a provider wrote without it", { type: "error", error: {} }, "req-1"],
    ["a provider wrote with its own", { type: "error", error: {}, request_id: "req_p" }, "req_p"],
  ];
  for (const [whose, sent, id] of bodies) {
    test(`at /v1/messages has a request's id in the body that ${whose}`, async () => {
      const rejection = { status: 400, body: JSON.stringify(sent), headers: {} };
      const answer = rejectionResponse(rejection, { ...recipient, format: anthropic });
      expect(await answer.json()).toEqual({ ...sent, request_id: id });
    });
  }
});

test("an upstream error of any shape ends a stream of responses", () => {
  const event = (said: string) => JSON.parse(openAiResponses.event(said, "").split("data: ")[1]!);
  for (const said of [`{}`, `{"error":"text"}`, `{"error":null}`, `{"type":"error","error":{}}`]) {
    expect(event(said)).toEqual({
      type: "error",
      code: null,
      message: expect.any(String),
      param: null,
      sequence_number: 0,
      error: {
        type: "server_error",
        code: "server_error",
        message: expect.any(String),
        param: null,
      },
    });
  }
});

test("the error that ends a stream of responses says the same in both of the shapes that clients read", () => {
  const error = { type: "too_long", code: 7, message: "no", param: "input" };
  const event = openAiResponses.event(JSON.stringify({ error }), "");
  expect(JSON.parse(event.split("data: ")[1]!)).toEqual({
    type: "error",
    code: 7,
    message: "no",
    param: "input",
    sequence_number: 0,
    error: { ...error, code: "7" },
  });
});

test("the error that ends a stream of responses is numbered after the last event before it", () => {
  const numberAfter = (before: string | Uint8Array) => {
    const event = openAiResponses.event("{}", before);
    return JSON.parse(event.split("data: ")[1]!).sequence_number;
  };
  const delta = (number: number, delta: string) =>
    `data: ${JSON.stringify({ type: "x", delta, sequence_number: number })}\n\n`;
  expect(numberAfter(delta(3, "a") + delta(4, '"sequence_number": 9'))).toBe(5);
  expect(numberAfter(new TextEncoder().encode(delta(41, "é")))).toBe(42);
  expect(numberAfter('data: {"type":"x"}\n\n')).toBe(0);
});

test("Anthropic's clients read what a status means from its type", () => {
  const type = (status: number) =>
    JSON.parse(anthropic.body({ status, message: "m", type: "t", param: null, code: null }, "r"))
      .error.type;
  expect([400, 413, 422, 429, 500, 503, 529].map(type)).toEqual([
    "invalid_request_error",
    "request_too_large",
    "invalid_request_error",
    "rate_limit_error",
    "api_error",
    "overloaded_error",
    "overloaded_error",
  ]);
});
