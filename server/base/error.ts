/** Everything that can go wrong with a request: one class and one table. http/reply.ts renders it. */

import type { CallOutcome, ErrorCode, NodeFault } from "../../api/mod.ts";

export type { ErrorCode };

/**
 * Whether trying again helps: `later`: the same request may succeed later; `elsewhere`: another node
 * may succeed at once, and the same request later; `only elsewhere`: another node may, waiting does not help.
 */
type Retry = "never" | "later" | "elsewhere" | "only elsewhere";

/** The calls that a node at fault no longer gets: all of them, or those of one model. */
type PenaltyScope = "node" | "model";

export interface ErrorKind<Penalty = PenaltyScope | null> {
  readonly status: number;
  /** OpenAI's `error.type`. */
  readonly type: string;
  readonly retry: Retry;
  /** The outcome that the ledger records for a call which fails with the code. */
  readonly outcome: CallOutcome;
  /** Null: the node is not at fault. */
  readonly penalty: Penalty;
}

type PenaltyOf<Code extends ErrorCode> = Code extends NodeFault ? PenaltyScope : null;

/**
 * SDKs retry the statuses 408, 409, 429 and 5xx. Such a status stands only where a retry can help, or
 * `x-should-retry: false` goes with it (`never`, `only elsewhere`).
 */
export const errorKinds: { readonly [C in ErrorCode]: ErrorKind<PenaltyOf<C>> } = Object.freeze({
  invalid_json: kind(400, "never", "rejected", null),
  invalid_request: kind(400, "never", "rejected", null),
  body_too_deep: kind(400, "never", "rejected", null),
  email_taken: kind(400, "never", "rejected", null),
  weak_password: kind(400, "never", "rejected", null),
  too_many: kind(400, "never", "rejected", null),
  missing_api_key: kind(401, "never", "rejected", null),
  invalid_api_key: kind(401, "never", "rejected", null),
  wrong_token_kind: kind(401, "never", "rejected", null),
  invalid_client_token: kind(401, "never", "rejected", null),
  invalid_credentials: kind(401, "never", "rejected", null),
  session_required: kind(401, "never", "rejected", null),
  session_expired: kind(401, "never", "rejected", null),
  key_expired: kind(401, "never", "rejected", null),
  key_revoked: kind(401, "never", "interrupted", null),
  admin_required: kind(403, "never", "rejected", null),
  model_not_allowed: kind(403, "never", "rejected", null),
  key_blocked: kind(403, "never", "rejected", null),
  registration_closed: kind(403, "never", "rejected", null),
  invite_required: kind(403, "never", "rejected", null),
  setup_refused: kind(403, "never", "rejected", null),
  origin_refused: kind(403, "never", "rejected", null),
  model_not_found: kind(404, "never", "rejected", null),
  endpoint_not_offered: kind(404, "never", "rejected", null),
  previous_response_not_found: kind(404, "never", "rejected", null),
  not_found: kind(404, "never", "rejected", null),
  method_not_supported: kind(405, "never", "rejected", null),
  body_too_large: kind(413, "never", "rejected", null),
  unsupported_media_type: kind(415, "never", "rejected", null),
  upgrade_required: kind(426, "never", "rejected", null),
  rate_limit_exceeded: kind(429, "later", "rejected", null),
  login_throttled: kind(429, "later", "rejected", null),
  too_many_streams: kind(429, "later", "rejected", null),
  account_bodies_full: kind(429, "later", "rejected", null),
  queue_full: kind(429, "later", "rejected", null),
  gateway_bodies_full: kind(503, "later", "rejected", null),
  queue_timeout: kind(503, "later", "rejected", null),
  no_node_online: kind(503, "later", "rejected", null),
  nodes_penalized: kind(503, "later", "rejected", null),
  store_unavailable: kind(503, "later", "rejected", null),
  node_busy: kind(503, "elsewhere", "rejected", null),
  node_lost: kind(502, "elsewhere", "node_lost", "node"),
  node_silent: kind(504, "elsewhere", "timeout", "node"),
  node_protocol: kind(502, "elsewhere", "node_lost", "node"),
  node_internal: kind(502, "only elsewhere", "upstream_error", null),
  offer_withdrawn: kind(404, "only elsewhere", "upstream_error", null),
  gateway_lost: kind(502, "elsewhere", "node_lost", null),
  upstream_auth: kind(502, "only elsewhere", "upstream_error", "model"),
  upstream_rate_limited: kind(429, "elsewhere", "upstream_error", "model"),
  upstream_overloaded: kind(503, "elsewhere", "upstream_error", "model"),
  upstream_timeout: kind(504, "elsewhere", "upstream_error", "model"),
  upstream_error: kind(502, "elsewhere", "upstream_error", "model"),
  caller_gone: kind(499, "never", "cancelled", null),
  caller_too_slow: kind(499, "never", "cancelled", null),
  deadline_exceeded: kind(504, "later", "timeout", null),
  answer_too_large: kind(502, "never", "interrupted", null),
  shutting_down: kind(503, "later", "interrupted", null),
  internal_error: kind(500, "later", "interrupted", null),
});

function kind<Penalty extends PenaltyScope | null>(
  status: number,
  retry: Retry,
  outcome: CallOutcome,
  penalty: Penalty,
): ErrorKind<Penalty> {
  const type = status === 429
    ? "requests"
    : status < 500
    ? "invalid_request_error"
    : "server_error";
  return Object.freeze({ status, type, retry, outcome, penalty });
}

export interface ErrorDetails {
  /** The request's field that is wrong. */
  param?: string;
  /** When trying again makes sense, in milliseconds from now. */
  retryAfterMs?: number;
  cause?: unknown;
}

/**
 * A failure with a stable code. The message says what failed, why, and what to do next; it is
 * shown to callers, so it never carries a secret, a node's address or a stack.
 */
export class ColinkError extends Error {
  override readonly name = "ColinkError";
  readonly kind: ErrorKind;
  readonly param: string | null;
  readonly retryAfterMs: number | null;

  constructor(readonly code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.kind = errorKinds[code];
    this.param = details.param ?? null;
    this.retryAfterMs = details.retryAfterMs ?? null;
  }
}

/** The error itself where it is a ColinkError; any other becomes the cause of an `internal_error`. */
export function asColinkError(error: unknown): ColinkError {
  if (error instanceof ColinkError) return error;
  return new ColinkError("internal_error", "Cannot answer: an unexpected error; try again", {
    cause: error,
  });
}
