/** Claude's errors → OpenAI's. */

import type { UpstreamErrorObject } from "../adapter.ts";
import { CONTEXT_OVERFLOW, isContextOverflow } from "../upstream/context_overflow.ts";
import { errorObject } from "../upstream/upstream_error.ts";

type Row = [code: number, type: string, errorCode: string | null];

/** Anthropic's error type → status, OpenAI's type and code. */
const rows: Readonly<Record<string, Row>> = Object.freeze({
  invalid_request_error: [400, "invalid_request_error", null],
  authentication_error: [401, "server_error", "upstream_auth"],
  permission_error: [403, "server_error", "upstream_auth"],
  billing_error: [429, "insufficient_quota", "insufficient_quota"],
  not_found_error: [404, "invalid_request_error", "model_not_found"],
  request_too_large: [413, "invalid_request_error", "request_too_large"],
  rate_limit_error: [429, "requests", "rate_limit_exceeded"],
  api_error: [502, "server_error", "server_error"],
  timeout_error: [504, "server_error", "timeout"],
  overloaded_error: [503, "server_error", "overloaded"],
});

/** Anthropic's error types by status, for bodies without a type, such as a proxy's. */
export const typesByStatus: Readonly<Record<number, string>> = Object.freeze({
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  504: "timeout_error",
  529: "overloaded_error",
});

/** Reads an error body, or an `error` event (status 200). */
export function claudeError(
  status: number,
  body: unknown,
): { code: number; error: UpstreamErrorObject } {
  const read = errorObject(body, status === 200 ? "The provider failed" : `HTTP ${status}`);
  const [code, type, errorCode] = rowOf(status, read);
  return { code, error: { message: read.message, type, param: null, code: errorCode } };
}

function rowOf(status: number, { type = "", message }: UpstreamErrorObject): Row {
  const overflow: Row = [400, "invalid_request_error", CONTEXT_OVERFLOW];
  if (isContextOverflow({ message, type })) return overflow;
  const known = Object.hasOwn(rows, type) ? type : typesByStatus[status] ?? "api_error";
  if (known === "invalid_request_error") {
    if (/context window/i.test(message)) return overflow;
    // An account out of credit is reported as a bad request, but the request is not at fault.
    if (/credit balance|usage limit|spend limit/i.test(message)) return rows.billing_error!;
  }
  const isOddStatus = !Object.hasOwn(rows, type) && typesByStatus[status] === undefined &&
    status >= 400 && status < 500;
  return isOddStatus ? [status, "invalid_request_error", null] : rows[known]!;
}
