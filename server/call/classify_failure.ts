/** Decides whether a failed attempt is the answer to its request, or a failure that another node may not have. */

import { CALLER_GONE, type ErrorData, type FailureKind, isBusy } from "../../protocol/mod.ts";
import { ColinkError, type ErrorCode } from "../base/error.ts";
import type { AttemptFailure } from "../node/attempt.ts";

/** An upstream's error, in OpenAI's terms. */
export interface UpstreamError {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
}

/** The upstream rejects the request itself. The caller gets the rejection as the upstream sent it. */
export interface UpstreamRejection {
  status: number;
  /** The JSON that the upstream sent; an UpstreamError where it sent none. */
  body: string | UpstreamError;
  /** The upstream's headers that callers may see. */
  headers: Readonly<Record<string, string>>;
}

export type FailureClass =
  /** Not retried, and no node is at fault. */
  | { is: "rejection"; rejection: UpstreamRejection }
  /** Another node may do better; `error.kind` says whether this one is penalised. */
  | { is: "failure"; error: ColinkError };

/**
 * Upstream statuses that are about the node or its provider, not about the request. All other
 * statuses from 400 to 498 are rejections; all others from 500 to 599 are `upstream_error`.
 */
const nodeFailures: Readonly<Record<number, readonly [code: ErrorCode, what: string]>> = {
  401: ["upstream_auth", "the node's provider refused the node's own key"],
  402: ["upstream_auth", "the node's account at its provider has no credit"],
  403: ["upstream_auth", "the node's provider refused the node's own key"],
  408: ["upstream_timeout", "the node's model server gave up waiting"],
  429: ["upstream_rate_limited", "the node's provider limits its calls"],
  503: ["upstream_overloaded", "the node's model server is overloaded"],
  504: ["upstream_timeout", "the node's model server took too long"],
  529: ["upstream_overloaded", "the node's model server is overloaded"],
};

/** Failures whose node has named their kind. No node is at fault. */
const namedFailures: ReadonlyMap<FailureKind, readonly [code: ErrorCode, what: string]> = new Map([
  ["offer_withdrawn", ["offer_withdrawn", "the node's provider no longer has the model there"]],
  ["internal", ["node_internal", "the node's program could not handle this call"]],
]);

export function classifyFailure(failure: AttemptFailure): FailureClass {
  switch (failure.kind) {
    case "lost":
      return failureOf("node_lost", "the node's connection was lost");
    case "gateway lost":
      return failureOf("gateway_lost", "another gateway of this network does not answer");
    case "protocol":
      return failureOf("node_protocol", `the node broke the protocol (${failure.reason})`);
    case "refused":
      return classifyError(failure.error);
    case "answered":
      return classifyAnswer(failure);
  }
}

function classifyError(error: ErrorData, headers: UpstreamRejection["headers"] = {}): FailureClass {
  const { code: status, retry_after_ms: retryAfterMs } = error;
  if (isBusy(error)) return failureOf("node_busy", "the node is full or is leaving");
  const known = namedFailures.get(error.kind!) ?? nodeFailures[status];
  if (known) return failureOf(...known, retryAfterMs);
  if (status >= 400 && status < 500 && status !== CALLER_GONE) {
    return { is: "rejection", rejection: { status, body: errorObject(error), headers } };
  }
  if (status < 500 || status > 599) {
    return failureOf("node_protocol", "the node sent an error without a meaning");
  }
  return failureOf("upstream_error", "the node's model server failed", retryAfterMs);
}

/** Classifies an answer whose status is no success. */
function classifyAnswer(
  { status, headers, body }: Extract<AttemptFailure, { kind: "answered" }>,
): FailureClass {
  const retryAfterMs = retryAfterOf(headers);
  const failureClass = classifyError({
    code: status,
    message: `The model server answered ${status}`,
    ...(retryAfterMs !== undefined && { retry_after_ms: retryAfterMs }),
  }, headers);
  if (failureClass.is === "failure" || !isErrorBody(body)) return failureClass;
  return { is: "rejection", rejection: { status, body, headers } };
}

function failureOf(code: ErrorCode, what: string, retryAfterMs?: number): FailureClass {
  const message = `Cannot answer: ${what}; try again`;
  const details = retryAfterMs === undefined ? {} : { retryAfterMs };
  return { is: "failure", error: new ColinkError(code, message, details) };
}

/** SDKs read `error` from the body; a body without it is replaced by an UpstreamError. */
function isErrorBody(body: string): boolean {
  try {
    return typeof (JSON.parse(body) as { error?: unknown } | null)?.error === "object";
  } catch {
    return false;
  }
}

function retryAfterOf(headers: Readonly<Record<string, string>>): number | undefined {
  const ms = Number(headers["retry-after-ms"] ?? Number(headers["retry-after"]) * 1000);
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}

/** The upstream's error in OpenAI's shape. No other field is taken over. */
function errorObject({ message, error }: ErrorData): UpstreamError {
  return {
    message: error?.message ?? message,
    type: error?.type ?? "invalid_request_error",
    param: error?.param ?? null,
    code: error?.code === undefined || error.code === null ? null : String(error.code),
  };
}
