/** Whose fault a failed attempt is: the request's, the node's, the upstream's, or nobody's. */

import { CALLER_GONE, type ErrorData, isBusy } from "../../protocol/mod.ts";
import { ColinkError, type ErrorCode } from "../base/error.ts";
import type { AttemptFailure } from "../node/attempt.ts";

/** What an upstream has to say of a request, in OpenAI's words. */
export interface UpstreamError {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
}

/** What the caller gets when the request itself was wrong: the upstream's own refusal. */
export interface UpstreamRejection {
  status: number;
  /** The JSON that the upstream sent; where it sent none, what is to be said. */
  said: string | UpstreamError;
  /** The upstream's headers that callers may see. */
  headers: Readonly<Record<string, string>>;
}

export type FailureClass =
  /** The failure is the answer: relayed as it came, not retried, nobody is blamed. */
  | { is: "answer"; refusal: UpstreamRejection }
  /** Somebody else may do better. `error.kind` says whether the node is penalised. */
  | { is: "failure"; error: ColinkError };

interface Reading {
  code: ErrorCode;
  message: string;
}

/**
 * Statuses of an upstream that speak of the node or its provider, not of the request. All others
 * from 400 to 498 are answers; all others from 500 on are `upstream_error`.
 */
const upstreamFaults: Record<number, Reading> = {
  401: { code: "upstream_auth", message: "the node's provider refused the node's own key" },
  402: { code: "upstream_auth", message: "the node's account at its provider has no credit" },
  403: { code: "upstream_auth", message: "the node's provider refused the node's own key" },
  408: { code: "upstream_timeout", message: "the node's model server gave up waiting" },
  429: { code: "upstream_rate_limited", message: "the node's provider limits its calls" },
  503: { code: "upstream_overloaded", message: "the node's model server is overloaded" },
  504: { code: "upstream_timeout", message: "the node's model server took too long" },
  529: { code: "upstream_overloaded", message: "the node's model server is overloaded" },
};

export function classifyFailure(failure: AttemptFailure): FailureClass {
  switch (failure.kind) {
    case "lost":
      return fault("node_lost", "the node's connection was lost");
    case "gateway lost":
      return fault("gateway_lost", "another gateway of this network does not answer");
    case "protocol":
      return fault("node_protocol", `the node broke the protocol (${failure.reason})`);
    case "refused":
      return judgeRefusal(failure.error);
    case "answered":
      return judgeAnswer(failure);
  }
}

function judgeRefusal(error: ErrorData, headers: UpstreamRejection["headers"] = {}): FailureClass {
  if (isBusy(error)) return fault("node_busy", "the node is full or is leaving");
  const reading = upstreamFaults[error.code];
  if (reading) return fault(reading.code, reading.message, error.retry_after_ms);
  if (error.code >= 400 && error.code < 500 && error.code !== CALLER_GONE) {
    return { is: "answer", refusal: { status: error.code, said: errorObject(error), headers } };
  }
  if (error.code < 500 || error.code > 599) {
    return fault("node_protocol", "the node sent an error without a meaning");
  }
  return fault("upstream_error", "the node's model server failed", error.retry_after_ms);
}

function fault(code: ErrorCode, what: string, retryAfterMs?: number): FailureClass {
  const error = new ColinkError(code, `Cannot answer: ${what}; try again`, { retryAfterMs });
  return { is: "failure", error };
}

/** A status that is no success, with the upstream's own body. */
function judgeAnswer(
  { status, headers, body }: Extract<AttemptFailure, { kind: "answered" }>,
): FailureClass {
  const verdict = judgeRefusal({
    code: status,
    message: `The model server answered ${status}`,
    retry_after_ms: retryAfterMs(headers),
  }, headers);
  if (verdict.is === "failure" || !isErrorBody(body)) return verdict;
  return { is: "answer", refusal: { status, said: body, headers } };
}

/** SDKs read `error` out of the body; what has none is put in words of ours. */
function isErrorBody(body: string): boolean {
  try {
    return typeof (JSON.parse(body) as { error?: unknown } | null)?.error === "object";
  } catch {
    return false;
  }
}

function retryAfterMs(headers: Readonly<Record<string, string>>): number | undefined {
  const ms = Number(headers["retry-after-ms"] ?? Number(headers["retry-after"]) * 1000);
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}

/** What the upstream said, in OpenAI's shape. Only these fields are taken over. */
function errorObject({ message, error }: ErrorData): UpstreamError {
  return {
    message: error?.message ?? message,
    type: error?.type ?? "invalid_request_error",
    param: error?.param ?? null,
    code: error?.code === undefined || error.code === null ? null : String(error.code),
  };
}
