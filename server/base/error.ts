/** Everything that can go wrong with a request: one class and one table. http/reply.ts renders it. */

import type { CallOutcome, ErrorCode, NodeFault } from "../../api/mod.ts";

export type { ErrorCode };

/**
 * Whether trying again helps: `later`: the same request may succeed later; `elsewhere`: another node
 * may succeed at once, and the same request later; `only elsewhere`: another node may, waiting does not help.
 */
export type Retry = "never" | "later" | "elsewhere" | "only elsewhere";

/** The calls that a node at fault no longer gets: all of them, or those of one model. */
export type PenaltyScope = "node" | "model";

export interface ErrorKind {
  readonly status: number;
  /** OpenAI's `error.type`. */
  readonly type: string;
  readonly retry: Retry;
  /** The outcome that the ledger records for a call which fails with the code. */
  readonly outcome: CallOutcome;
  /** Null: the node is not at fault. */
  readonly penalty: PenaltyScope | null;
}

type Row<Penalty extends PenaltyScope | null> = readonly [
  status: number,
  retry: Retry,
  outcome: CallOutcome,
  penalty: Penalty,
];

/**
 * SDKs retry the statuses 408, 409, 429 and 5xx. Such a status stands only where a retry can help, or
 * `x-should-retry: false` goes with it (`never`, `only elsewhere`).
 */
const rows: { readonly [C in ErrorCode]: Row<C extends NodeFault ? PenaltyScope : null> } = {
  invalid_json: [400, "never", "rejected", null],
  invalid_request: [400, "never", "rejected", null],
  body_too_deep: [400, "never", "rejected", null],
  email_taken: [400, "never", "rejected", null],
  weak_password: [400, "never", "rejected", null],
  too_many: [400, "never", "rejected", null],
  missing_api_key: [401, "never", "rejected", null],
  invalid_api_key: [401, "never", "rejected", null],
  wrong_token_kind: [401, "never", "rejected", null],
  invalid_client_token: [401, "never", "rejected", null],
  invalid_credentials: [401, "never", "rejected", null],
  session_required: [401, "never", "rejected", null],
  session_expired: [401, "never", "rejected", null],
  key_expired: [401, "never", "rejected", null],
  key_revoked: [401, "never", "interrupted", null],
  admin_required: [403, "never", "rejected", null],
  model_not_allowed: [403, "never", "rejected", null],
  key_blocked: [403, "never", "rejected", null],
  registration_closed: [403, "never", "rejected", null],
  invite_required: [403, "never", "rejected", null],
  setup_refused: [403, "never", "rejected", null],
  origin_refused: [403, "never", "rejected", null],
  model_not_found: [404, "never", "rejected", null],
  endpoint_not_offered: [404, "never", "rejected", null],
  previous_response_not_found: [404, "never", "rejected", null],
  not_found: [404, "never", "rejected", null],
  method_not_supported: [405, "never", "rejected", null],
  body_too_large: [413, "never", "rejected", null],
  unsupported_media_type: [415, "never", "rejected", null],
  upgrade_required: [426, "never", "rejected", null],
  rate_limit_exceeded: [429, "later", "rejected", null],
  login_throttled: [429, "later", "rejected", null],
  too_many_streams: [429, "later", "rejected", null],
  queue_full: [429, "later", "rejected", null],
  queue_timeout: [503, "later", "rejected", null],
  no_node_online: [503, "later", "rejected", null],
  nodes_penalized: [503, "later", "rejected", null],
  store_unavailable: [503, "later", "rejected", null],
  node_busy: [503, "elsewhere", "rejected", null],
  node_lost: [502, "elsewhere", "node_lost", "node"],
  node_silent: [504, "elsewhere", "timeout", "node"],
  node_protocol: [502, "elsewhere", "node_lost", "node"],
  gateway_lost: [502, "elsewhere", "node_lost", null],
  upstream_auth: [502, "only elsewhere", "upstream_error", "model"],
  upstream_rate_limited: [429, "elsewhere", "upstream_error", "model"],
  upstream_overloaded: [503, "elsewhere", "upstream_error", "model"],
  upstream_timeout: [504, "elsewhere", "upstream_error", "model"],
  upstream_error: [502, "elsewhere", "upstream_error", "model"],
  caller_gone: [499, "never", "cancelled", null],
  caller_too_slow: [499, "never", "cancelled", null],
  deadline_exceeded: [504, "later", "timeout", null],
  answer_too_large: [502, "never", "interrupted", null],
  shutting_down: [503, "later", "interrupted", null],
  internal_error: [500, "later", "interrupted", null],
};

export const errorKinds: Readonly<Record<ErrorCode, ErrorKind>> = Object.freeze(
  Object.fromEntries(
    Object.entries(rows).map(([code, [status, retry, outcome, penalty]]) => [
      code,
      Object.freeze({ status, type: typeOf(status), retry, outcome, penalty }),
    ]),
  ) as Record<ErrorCode, ErrorKind>,
);

function typeOf(status: number): string {
  if (status === 429) return "requests";
  return status < 500 ? "invalid_request_error" : "server_error";
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
