/** Renders errors as responses, in the format of the endpoint or of the caller's SDK. */

import { withMember } from "../../protocol/mod.ts";
import type { UpstreamRejection } from "../call/classify_failure.ts";
import { ColinkError, type ErrorCode, type ErrorKind } from "../base/error.ts";
import type { Log } from "../base/log.ts";
import { errorFormatOf } from "./endpoints.ts";
import type { AnswerHeaders, AppContext } from "./env.ts";
import { anthropic, contentOf, type ErrorFormat, isAnthropicSdk, openAi } from "./error_format.ts";
import { answerHeaders } from "./headers.ts";

/** Retry-After of errors that can pass when nothing tells how soon. */
const DEFAULT_RETRY_AFTER_MS = 1000;

/** The request that failed. */
interface Asked {
  method: string;
  path: string;
  /** Aborted: its caller has left. */
  signal: Pick<AbortSignal, "aborted">;
}

/** The request that an error answers. */
export interface Recipient {
  format: ErrorFormat;
  requestId: string;
  /** The gateway's address, whose manual explains the code; null: unknown. */
  publicUrl: string | null;
  /** The answer's other headers: rate limits, for instance. */
  headers?: Readonly<AnswerHeaders>;
}

/** The answer to a request whose handler threw `error`, or that no route matched. */
export function refuse(
  error: unknown,
  c: AppContext,
  log: Log,
  publicUrl: string | null,
): Response {
  const { method, path, raw } = c.req;
  const format = errorFormatOf(path) ?? (isAnthropicSdk(raw.headers) ? anthropic : openAi);
  const headers = answerHeaders(c);
  const recipient = { format, requestId: headers["x-request-id"], publicUrl, headers };
  return renderError(error, { method, path, signal: raw.signal }, recipient, log);
}

/** Logs and renders whatever was thrown. An unexpected error is logged whole; the caller gets the request's id. */
export function renderError(
  error: unknown,
  { method, path, signal }: Asked,
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
  const malformed = badRequest(error, signal);
  if (malformed) {
    log.info({ ...where, status: malformed.kind.status, cause: malformed.code }, "refused");
    return errorResponse(malformed, recipient);
  }
  log.error({ ...where, err: error }, "unexpected error");
  return errorResponse(
    new ColinkError(
      "internal_error",
      `Cannot answer: an unexpected error; report it as ${requestId}`,
    ),
    recipient,
  );
}

/** SDKs wait no longer than this for a retry: given a later time, they try again at once, without success. */
const SDKS_WAIT_MS = 60_000;

/** An error as a complete answer. */
export function errorResponse(error: ColinkError, recipient: Recipient): Response {
  const { kind } = error;
  const headers = headersFor(recipient);
  const retryAfterMs = error.retryAfterMs ?? defaultRetryAfterMs(kind);
  if (retryAfterMs !== null) {
    headers["retry-after-ms"] = String(Math.ceil(retryAfterMs));
    headers["retry-after"] = String(Math.ceil(retryAfterMs / 1000));
  }
  // Clients go by the status unless this header decides.
  if (isRetried(kind.status)) {
    const isSoon = (retryAfterMs ?? 0) <= SDKS_WAIT_MS;
    headers["x-should-retry"] = String(isRetryable(kind) && isSoon);
  }
  const status = kind.status === 499 ? 400 : kind.status;
  return new Response(errorBody(error, recipient), { status, headers });
}

/** JSON. */
export function errorBody(
  error: ColinkError,
  { format, requestId, publicUrl }: Recipient,
): string {
  return format.body(contentOf(error, publicUrl), requestId);
}

/** The upstream's rejection, with its own status, headers and words. */
export function rejectionResponse(rejection: UpstreamRejection, recipient: Recipient): Response {
  const { status, headers: upstreamHeaders } = rejection;
  // Of limits, the caller's own key's are sent where both name one: a provider's concern its node.
  const headers = { ...upstreamHeaders, ...headersFor(recipient) };
  // The same request would be rejected again unless the upstream says otherwise; SDKs would try it twice more.
  if (isRetried(status)) headers["x-should-retry"] ??= "false";
  return new Response(rejectionBody(rejection, recipient), { status, headers });
}

/** JSON: the upstream's own where it sent some. */
export function rejectionBody(
  { status, body }: UpstreamRejection,
  { format, requestId }: Recipient,
): string {
  if (typeof body !== "string") return format.body({ status, ...body }, requestId);
  return format.requestIdHeader === null ? body : withRequestId(body, requestId);
}

/** A node does not know the request's id, and some providers give none. A provider's own id stays. */
function withRequestId(body: string, requestId: string): string {
  try {
    const { request_id } = JSON.parse(body) as { request_id?: unknown };
    const hasOwn = typeof request_id === "string" && request_id !== "";
    return hasOwn ? body : withMember(body, "request_id", JSON.stringify(requestId));
  } catch {
    return body;
  }
}

function headersFor({ format, requestId, headers }: Recipient): AnswerHeaders {
  const { requestIdHeader } = format;
  return {
    ...headers,
    ...(requestIdHeader === null ? {} : { [requestIdHeader]: requestId }),
    "content-type": "application/json",
  };
}

/** Null: trying again cannot help, or the status does not ask for it. */
function defaultRetryAfterMs(kind: ErrorKind): number | null {
  const invitesRetry = (kind.status === 429 || kind.status === 503) && isRetryable(kind);
  return invitesRetry ? DEFAULT_RETRY_AFTER_MS : null;
}

/** Whether the same request can succeed later. */
function isRetryable({ retry }: ErrorKind): boolean {
  return retry === "later" || retry === "elsewhere";
}

/** Whether clients try again by the status alone: the SDKs, and after a 401 Claude Code, for minutes. */
function isRetried(status: number): boolean {
  return status === 401 || status === 408 || status === 409 || status === 429 || status >= 500;
}

/** What Hono's own errors about a body mean, by their status. */
const bodyErrors: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  400: ["invalid_json", "Cannot read the body: it is not valid JSON"],
  415: [
    "unsupported_media_type",
    "Cannot read the body: it must be JSON; send the header content-type: application/json",
  ],
};

function badRequest(error: unknown, signal: Asked["signal"]): ColinkError | null {
  // What the runtime throws where the caller leaves before its body has arrived. What is aborted in
  // the gateway has the same name, and its caller is still there.
  if (signal.aborted && error instanceof DOMException && error.name === "AbortError") {
    return new ColinkError("caller_gone", "Cannot read the body: its caller has left");
  }
  const row = bodyErrors[Number((error as { status?: unknown }).status)];
  return row === undefined ? null : new ColinkError(...row);
}
