/** Decides whether a failed attempt is the answer to its request, or a failure, and whose. */

import {
  CALLER_GONE,
  type ErrorData,
  errorIn,
  type ErrorWords,
  type FailureKind,
  isBusy,
  type UpstreamFault,
  upstreamFault,
} from "../../protocol/mod.ts";
import type { AttemptFailure } from "../node/attempt.ts";
import type { Evidence } from "../node/blame.ts";
import {
  Failure,
  type FailureDetails,
  type UpstreamError,
  type UpstreamRejection,
} from "../node/failure.ts";

type Answered = Extract<AttemptFailure, { kind: "answered" }>;

const NO_CREDIT = 402;

export type { UpstreamError, UpstreamRejection };

export type FailureClass =
  /** The request's own fault: its answer. Not retried, and no node is at fault. */
  | { is: "rejection"; rejection: UpstreamRejection }
  | { is: "failure"; failure: Failure };

/** `request`: the request's own fault, which is evidence against no node. */
const evidenceOf: { readonly [F in UpstreamFault]: Evidence | "request" } = {
  request: "request",
  key: "key refused",
  offer: "not offered",
  limit: "rate limited",
  overload: "overloaded",
  timeout: "timed out",
  open: "failed",
};

/** Failures whose node has named their kind. */
const evidenceNamed: ReadonlyMap<FailureKind, Evidence | "request"> = new Map([
  ["request", "request"],
  ["offer_withdrawn", "offer withdrawn"],
  ["internal", "node's own error"],
  ["unreachable", "unreachable"],
]);

/** An upstream's error, from a node's ERROR or from an answer's status and body. */
interface Received {
  status: number;
  message: string;
  error: ErrorWords | null;
  /** The upstream's body, where it is an error's. */
  bodyText: string | null;
  headers: UpstreamRejection["headers"];
  retryAfterMs: number | undefined;
}

export function classifyFailure(failure: AttemptFailure): FailureClass {
  switch (failure.kind) {
    case "lost":
      return failed("link lost");
    case "restarted":
      return failed("program restarted");
    case "gateway lost":
      return failed("gateway lost");
    case "interrupted":
      return failed("busy", { what: `the node's connection is interrupted (${failure.reason})` });
    case "protocol":
      return failed("protocol broken", { what: `the node broke the protocol (${failure.reason})` });
    case "no answer":
      return failed("no answer", { what: `the node's answer is none (${failure.reason})` });
    case "refused":
      return classifyError(failure.error);
    case "answered":
      return classify(received(failure));
  }
}

function classifyError(data: ErrorData): FailureClass {
  if (isBusy(data)) return failed("busy");
  const { code: status, message, error = null, retry_after_ms: retryAfterMs, kind } = data;
  const sent = { status, message, error, bodyText: null, headers: {}, retryAfterMs };
  return classify(sent, kind && evidenceNamed.get(kind));
}

function received({ status, headers, body }: Answered): Received {
  const json = jsonIn(body);
  const error = errorIn(json);
  // SDKs read an object; what is none is replaced by one.
  const isReadable = error !== null && json?.error === error;
  return {
    status,
    message: `The model server answered ${status}`,
    error,
    bodyText: isReadable ? body : null,
    headers,
    retryAfterMs: retryAfterOf(headers),
  };
}

/** `named`: what the node has found out itself. */
function classify(received: Received, named?: Evidence | "request"): FailureClass {
  const { status, message, error, bodyText, headers, retryAfterMs } = received;
  // 499 is a node's confirmation that it has stopped.
  if (status < 400 || status > 599 || status === CALLER_GONE) {
    return failed("protocol broken", { what: "the node sent an error without a meaning" });
  }
  const seen = named ?? evidenceOf[upstreamFault(status, error)];
  const type = seen === "request" ? "invalid_request_error" : "server_error";
  const rejection = { status, body: bodyText ?? errorObject(received, type), headers };
  if (seen === "request") return { is: "rejection", rejection };
  const evidence = status === NO_CREDIT ? "no credit" : seen;
  const details = retryAfterMs === undefined ? {} : { retryAfterMs };
  const words = {
    status,
    message: textOf(error?.message) ?? message,
    rejection: error === null ? null : rejection,
  };
  return { is: "failure", failure: new Failure(evidence, details, words) };
}

function failed(evidence: Evidence, details: FailureDetails = {}): FailureClass {
  return { is: "failure", failure: new Failure(evidence, details) };
}

function jsonIn(body: string): { error?: unknown } | null {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

function retryAfterOf(headers: Readonly<Record<string, string>>): number | undefined {
  const ms = Number(headers["retry-after-ms"] ?? Number(headers["retry-after"]) * 1000);
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}

/** The upstream's error in OpenAI's shape, of this type unless it names its own. No other field is taken over. */
function errorObject({ message, error }: Received, type: string): UpstreamError {
  const { code } = error ?? {};
  return {
    message: textOf(error?.message) ?? message,
    type: textOf(error?.type) ?? type,
    param: textOf(error?.param),
    code: typeof code === "string" || typeof code === "number" ? String(code) : null,
  };
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
