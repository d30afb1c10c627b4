/** Renders errors, once, in the words of the endpoint that was asked. */

import type { UpstreamRejection } from "../call/classify_failure.ts";
import { ColinkError, type ErrorCode, type ErrorKind } from "../base/error.ts";
import type { Log } from "../base/log.ts";
import { errorFormatOf } from "./endpoints.ts";
import type { AnswerHeaders, AppContext } from "./env.ts";
import { anthropic, contentOf, type ErrorFormat, isAnthropicSdk, openAi } from "./error_format.ts";
import { answerHeaders } from "./headers.ts";

const GUESSED_PATIENCE_MS = 1000;

/** Who is told of an error. */
export interface Recipient {
  format: ErrorFormat;
  requestId: string;
  /** Go along: limits, for instance. */
  headers?: Readonly<AnswerHeaders>;
}

/** JSON. */
export function errorBody(error: ColinkError, { format, requestId }: Recipient): string {
  return format.body(contentOf(error), requestId);
}

/** JSON: the upstream's own where it sent some. */
export function rejectionBody(
  { status, body }: UpstreamRejection,
  { format, requestId }: Recipient,
): string {
  return typeof body === "string" ? body : format.body({ status, ...body }, requestId);
}

/** An error as a complete answer. */
export function errorResponse(error: ColinkError, recipient: Recipient): Response {
  const all = headersFor(recipient);
  const retryAfterMs = error.retryAfterMs ?? patienceMs(error.kind);
  if (retryAfterMs !== null) {
    all["retry-after-ms"] = String(Math.ceil(retryAfterMs));
    all["retry-after"] = String(Math.ceil(retryAfterMs / 1000));
  }
  // SDKs retry by status; where that cannot help, they are told so.
  if (isRetriedBySdks(error.kind.status)) {
    all["x-should-retry"] = String(isRetryable(error.kind));
  }
  const status = error.kind.status === 499 ? 400 : error.kind.status;
  return new Response(errorBody(error, recipient), { status, headers: all });
}

/** The upstream's own rejection, as it came. */
export function rejectionResponse(rejection: UpstreamRejection, recipient: Recipient): Response {
  const { status, headers } = rejection;
  // A provider's limits are its node's affair; the caller goes by those of its own key.
  const all = { ...headers, ...headersFor(recipient) };
  // A conflict upstream will be one again, unless it says otherwise; SDKs would try it twice more.
  if (isRetriedBySdks(status)) all["x-should-retry"] ??= "false";
  return new Response(rejectionBody(rejection, recipient), { status, headers: all });
}

function headersFor({ format, requestId, headers }: Recipient): AnswerHeaders {
  const { requestIdHeader } = format;
  return {
    ...headers,
    ...(requestIdHeader === null ? {} : { [requestIdHeader]: requestId }),
    "content-type": "application/json",
  };
}

/** Who is asked to come again is told when, though nobody knows: null where that is not asked. */
function patienceMs(kind: ErrorKind): number | null {
  const isAskedAgain = (kind.status === 429 || kind.status === 503) && isRetryable(kind);
  return isAskedAgain ? GUESSED_PATIENCE_MS : null;
}

/** Whether the same can succeed later. */
function isRetryable({ retry }: ErrorKind): boolean {
  return retry === "later" || retry === "elsewhere";
}

function isRetriedBySdks(status: number): boolean {
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

/**
 * The answer to a request whose handler threw `error`, or that no route matched: in the format of its
 * endpoint, or elsewhere in that of the caller's SDK.
 */
export function refuse(error: unknown, c: AppContext, log: Log): Response {
  const { path, raw } = c.req;
  const format = errorFormatOf(path) ?? (isAnthropicSdk(raw.headers) ? anthropic : openAi);
  const headers = answerHeaders(c);
  return renderError(error, c.req, { format, requestId: headers["x-request-id"], headers }, log);
}

/** Renders and logs whatever was thrown. An unexpected error is logged whole; the caller gets the request's id. */
export function renderError(
  error: unknown,
  { method, path }: { method: string; path: string },
  recipient: Recipient,
  log: Log,
): Response {
  const { requestId } = recipient;
  const where = { request: requestId, method, path };
  if (error instanceof ColinkError && error.code !== "internal_error") {
    const { status } = error.kind;
    log.info({ ...where, status, cause: error.code }, "refused");
    return errorResponse(error, recipient);
  }
  const malformed = badRequest(error);
  if (malformed) return errorResponse(malformed, recipient);
  log.error({ ...where, err: error }, "unexpected error");
  return errorResponse(
    new ColinkError(
      "internal_error",
      `Cannot answer: an unexpected error; report it as ${requestId}`,
    ),
    recipient,
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
