/** Renders errors, once, in the one shape that every path answers with. */

import type { ErrorView } from "../../protocol/mod.ts";
import type { Refusal } from "../call/blame.ts";
import { ColinkError, type ErrorCode } from "../error.ts";
import type { Log } from "../log.ts";
import type { AnswerHeaders } from "./env.ts";

export function errorView(error: ColinkError): ErrorView {
  const { type, code } = error.kind;
  return { error: { message: error.message, type, param: error.param, code } };
}

/** An error as a complete answer; `headers` go along (the request's id, limits). */
export function errorResponse(error: ColinkError, headers: AnswerHeaders = {}): Response {
  const all: AnswerHeaders = { ...headers, "content-type": "application/json" };
  if (error.retryAfterMs !== null) {
    all["retry-after-ms"] = String(Math.ceil(error.retryAfterMs));
    all["retry-after"] = String(Math.ceil(error.retryAfterMs / 1000));
  }
  // SDKs retry by status; where that cannot help, they are told so.
  if (isRetriedBySdks(error.kind.status)) {
    all["x-should-retry"] = String(error.kind.retry !== "never");
  }
  const status = error.kind.status === 499 ? 400 : error.kind.status;
  return new Response(JSON.stringify(errorView(error)), { status, headers: all });
}

/** The upstream's own refusal, as it came. */
export function refusalResponse({ status, body, headers }: Refusal, ours: AnswerHeaders): Response {
  const all: AnswerHeaders = { ...ours, ...headers, "content-type": "application/json" };
  // A conflict upstream will be one again; SDKs would try it twice more.
  if (isRetriedBySdks(status)) all["x-should-retry"] = "false";
  return new Response(body, { status, headers: all });
}

function isRetriedBySdks(status: number): boolean {
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

/** Whose request failed, for the log. */
export interface Asked {
  requestId: string;
  method: string;
  path: string;
}

/** What was thrown, as an answer. Unexpected errors are logged whole, and shown as the request's id. */
export function refused(error: unknown, asked: Asked, log: Log, headers?: AnswerHeaders): Response {
  const { requestId, method, path } = asked;
  const where = { request: requestId, method, path };
  if (error instanceof ColinkError && error.code !== "internal") {
    const { status } = error.kind;
    log.info({ ...where, status, cause: error.code }, "refused");
    return errorResponse(error, headers);
  }
  const malformed = badRequest(error);
  if (malformed) return errorResponse(malformed, headers);
  log.error({ ...where, err: error }, "unexpected error");
  return errorResponse(
    new ColinkError("internal", `Cannot answer: an unexpected error; report it as ${requestId}`),
    headers,
  );
}

/** Hono's own complaints about a body, by status. */
const complaints: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  400: ["invalid_json", "Cannot read the body: it is not valid JSON"],
  415: [
    "unsupported_media_type",
    "Cannot read the body: it must be JSON; send the header content-type: application/json",
  ],
};

function badRequest(error: unknown): ColinkError | null {
  const complaint = complaints[Number((error as { status?: unknown }).status)];
  return complaint === undefined ? null : new ColinkError(...complaint);
}
