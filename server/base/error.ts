/** Everything that can go wrong with a request: one class and one table. http/reply.ts renders it. */

import type { CallOutcome, ErrorCode, FieldProblem } from "../../api/mod.ts";

export type { ErrorCode };

/**
 * Whether trying again helps: `later`: the same request may succeed later; `elsewhere`: another node
 * may succeed at once, and the same request later; `only elsewhere`: another node may, waiting does not help.
 */
type Retry = "never" | "later" | "elsewhere" | "only elsewhere";

export interface ErrorKind {
  readonly status: number;
  /** OpenAI's `error.type`. */
  readonly type: string;
  readonly retry: Retry;
  /** The outcome that the ledger records for a call which fails with the code. */
  readonly outcome: CallOutcome;
}

/**
 * SDKs retry the statuses 408, 409, 429 and 5xx. Such a status stands only where a retry can help, or
 * `x-should-retry: false` goes with it (`never`, `only elsewhere`).
 */
export const errorKinds: { readonly [C in ErrorCode]: ErrorKind } = Object.freeze({
  invalid_json: kind(400, "never", "rejected"),
  invalid_request: kind(400, "never", "rejected"),
  body_too_deep: kind(400, "never", "rejected"),
  email_taken: kind(400, "never", "rejected"),
  weak_password: kind(400, "never", "rejected"),
  too_many: kind(400, "never", "rejected"),
  // The codes of RFC 8628, with the status that it gives them.
  authorization_pending: kind(400, "later", "rejected"),
  slow_down: kind(400, "later", "rejected"),
  access_denied: kind(400, "never", "rejected"),
  expired_token: kind(400, "never", "rejected"),
  missing_api_key: kind(401, "never", "rejected"),
  invalid_api_key: kind(401, "never", "rejected"),
  wrong_token_kind: kind(401, "never", "rejected"),
  invalid_client_token: kind(401, "never", "rejected"),
  invalid_credentials: kind(401, "never", "rejected"),
  session_required: kind(401, "never", "rejected"),
  session_expired: kind(401, "never", "rejected"),
  key_expired: kind(401, "never", "rejected"),
  key_revoked: kind(401, "never", "interrupted"),
  admin_required: kind(403, "never", "rejected"),
  model_not_allowed: kind(403, "never", "rejected"),
  key_blocked: kind(403, "never", "rejected"),
  registration_closed: kind(403, "never", "rejected"),
  invite_required: kind(403, "never", "rejected"),
  passwords_off: kind(403, "never", "rejected"),
  sign_in_refused: kind(403, "never", "rejected"),
  email_not_verified: kind(403, "never", "rejected"),
  setup_refused: kind(403, "never", "rejected"),
  reset_refused: kind(403, "never", "rejected"),
  join_refused: kind(403, "never", "rejected"),
  origin_refused: kind(403, "never", "rejected"),
  model_not_found: kind(404, "never", "rejected"),
  // A name that an administrator has to fix: waiting alone does not help.
  alias_broken: kind(400, "never", "rejected"),
  endpoint_not_offered: kind(404, "never", "rejected"),
  // As at OpenAI: what cannot be found is named by a field of the request, not by its path.
  previous_response_not_found: kind(400, "never", "rejected"),
  not_found: kind(404, "never", "rejected"),
  method_not_supported: kind(405, "never", "rejected"),
  idempotency_key_reused: kind(409, "never", "rejected"),
  replay_gone: kind(410, "never", "rejected"),
  body_too_large: kind(413, "never", "rejected"),
  unsupported_media_type: kind(415, "never", "rejected"),
  upgrade_required: kind(426, "never", "rejected"),
  rate_limit_exceeded: kind(429, "later", "rejected"),
  budget_exceeded: kind(429, "later", "rejected"),
  login_throttled: kind(429, "later", "rejected"),
  too_many_streams: kind(429, "later", "rejected"),
  account_bodies_full: kind(429, "later", "rejected"),
  account_answers_full: kind(429, "later", "interrupted"),
  queue_full: kind(429, "later", "rejected"),
  too_many_idempotency_keys: kind(429, "later", "rejected"),
  gateway_bodies_full: kind(503, "later", "rejected"),
  gateway_answers_full: kind(503, "later", "interrupted"),
  queue_timeout: kind(503, "later", "rejected"),
  no_node_online: kind(503, "later", "rejected"),
  nodes_penalized: kind(503, "later", "rejected"),
  provider_unavailable: kind(503, "later", "rejected"),
  store_unavailable: kind(503, "later", "rejected"),
  node_busy: kind(503, "elsewhere", "rejected"),
  node_lost: kind(502, "elsewhere", "node_lost"),
  node_silent: kind(504, "elsewhere", "timeout"),
  node_protocol: kind(502, "elsewhere", "node_lost"),
  node_internal: kind(502, "only elsewhere", "upstream_error"),
  offer_withdrawn: kind(404, "only elsewhere", "upstream_error"),
  gateway_lost: kind(502, "elsewhere", "node_lost"),
  upstream_auth: kind(502, "only elsewhere", "upstream_error"),
  upstream_rate_limited: kind(429, "elsewhere", "upstream_error"),
  upstream_overloaded: kind(503, "elsewhere", "upstream_error"),
  upstream_timeout: kind(504, "elsewhere", "upstream_error"),
  upstream_error: kind(502, "elsewhere", "upstream_error"),
  caller_gone: kind(499, "never", "cancelled"),
  caller_too_slow: kind(499, "never", "cancelled"),
  call_cancelled: kind(499, "never", "cancelled"),
  deadline_exceeded: kind(504, "later", "timeout"),
  answer_too_large: kind(502, "never", "interrupted"),
  shutting_down: kind(503, "later", "interrupted"),
  internal_error: kind(500, "later", "interrupted"),
});

function kind(status: number, retry: Retry, outcome: CallOutcome): ErrorKind {
  const type = status === 429
    ? "requests"
    : status < 500
    ? "invalid_request_error"
    : "server_error";
  return Object.freeze({ status, type, retry, outcome });
}

export interface ErrorDetails {
  /** The request's field that is wrong. */
  param?: string;
  /** What is wrong with the field, as a code, from which programs make a text in their reader's language. */
  problem?: Pick<FieldProblem, "code" | "limit" | "names">;
  /** Instead of `problem`, where several fields may be wrong. */
  fields?: readonly FieldProblem[];
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
  /** Of a form: every field that is wrong. Null: the code says all. */
  readonly fields: readonly FieldProblem[] | null;

  constructor(readonly code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.kind = errorKinds[code];
    this.param = details.param ?? null;
    this.retryAfterMs = details.retryAfterMs ?? null;
    const { problem, fields = problem && [{ param: this.param ?? "", message, ...problem }] } =
      details;
    this.fields = fields ?? null;
  }
}

/** The error itself where it is a ColinkError; any other becomes the cause of an `internal_error`. */
export function asColinkError(error: unknown): ColinkError {
  if (error instanceof ColinkError) return error;
  return new ColinkError("internal_error", "Cannot answer: an unexpected error; try again", {
    cause: error,
  });
}
