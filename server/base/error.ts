/**
 * Everything that can go wrong on the way of a request, as data: one class, one table. Thrown
 * where it is known, rendered once, in http/reply.ts.
 */

/**
 * What can be done about it: nothing; the same again later, by the caller; another node at once, and
 * the same later where no other is left; or only another node, as the same later would be in vain.
 */
export type Retry = "never" | "later" | "elsewhere" | "only elsewhere";

/** Whose fault it was: the whole node's, or that of what one model runs on there; false: neither's. */
export type Scope = "node" | "model" | false;

export interface ErrorKind {
  status: number;
  /** OpenAI's `error.type`. */
  type: string;
  /** OpenAI's `error.code`, what programs compare with. */
  code: string;
  retry: Retry;
  /** What gets no calls for a while: the node that was at work, or only the model of it. */
  penalty: Scope;
}

type Row = [status: number, type: string, code: string, retry: Retry, penalty: Scope];

const request = "invalid_request_error";
const server = "server_error";

/**
 * Our code → what the world sees. A status that SDKs retry (408, 409, 429, 5xx) stands only where
 * a retry can help, or `x-should-retry: false` goes with it (`retry: "never"`).
 */
const rows = {
  invalid_json: [400, request, "invalid_json", "never", false],
  invalid_request: [400, request, "invalid_request", "never", false],
  body_too_deep: [400, request, "body_too_deep", "never", false],
  email_taken: [400, request, "email_taken", "never", false],
  weak_password: [400, request, "weak_password", "never", false],
  missing_api_key: [401, request, "missing_api_key", "never", false],
  invalid_api_key: [401, request, "invalid_api_key", "never", false],
  wrong_token_kind: [401, request, "wrong_token_kind", "never", false],
  invalid_client_token: [401, request, "invalid_client_token", "never", false],
  invalid_credentials: [401, request, "invalid_credentials", "never", false],
  session_required: [401, request, "session_required", "never", false],
  session_expired: [401, request, "session_expired", "never", false],
  key_expired: [401, request, "key_expired", "never", false],
  too_many: [400, request, "too_many", "never", false],
  admin_required: [403, request, "admin_required", "never", false],
  model_not_allowed: [403, request, "model_not_allowed", "never", false],
  key_blocked: [403, request, "key_blocked", "never", false],
  registration_closed: [403, request, "registration_closed", "never", false],
  invite_required: [403, request, "invite_required", "never", false],
  setup_refused: [403, request, "setup_refused", "never", false],
  origin_refused: [403, request, "origin_refused", "never", false],
  model_not_found: [404, request, "model_not_found", "never", false],
  endpoint_not_offered: [404, request, "endpoint_not_offered", "never", false],
  response_not_found: [404, request, "previous_response_not_found", "never", false],
  not_found: [404, request, "not_found", "never", false],
  method_not_allowed: [405, request, "method_not_supported", "never", false],
  body_too_large: [413, request, "body_too_large", "never", false],
  unsupported_media_type: [415, request, "unsupported_media_type", "never", false],
  upgrade_required: [426, request, "upgrade_required", "never", false],
  rate_limited: [429, "requests", "rate_limit_exceeded", "later", false],
  login_throttled: [429, "requests", "login_throttled", "later", false],
  too_many_streams: [429, "requests", "too_many_streams", "later", false],
  queue_full: [429, "requests", "queue_full", "later", false],
  caller_gone: [499, request, "caller_gone", "never", false],
  caller_too_slow: [499, request, "caller_too_slow", "never", false],
  key_revoked: [401, request, "key_revoked", "never", false],
  internal: [500, server, "internal_error", "later", false],
  busy: [503, server, "node_busy", "elsewhere", false],
  node_lost: [502, server, "node_lost", "elsewhere", "node"],
  gateway_lost: [502, server, "gateway_lost", "elsewhere", false],
  node_silent: [504, server, "node_silent", "elsewhere", "node"],
  node_protocol: [502, server, "node_protocol", "elsewhere", "node"],
  upstream_auth: [502, server, "upstream_auth", "only elsewhere", "model"],
  upstream_rate_limited: [429, "requests", "upstream_rate_limited", "elsewhere", "model"],
  upstream_overloaded: [503, server, "upstream_overloaded", "elsewhere", "model"],
  upstream_timeout: [504, server, "upstream_timeout", "elsewhere", "model"],
  upstream_error: [502, server, "upstream_error", "elsewhere", "model"],
  answer_too_large: [502, server, "answer_too_large", "never", false],
  deadline_exceeded: [504, server, "deadline_exceeded", "later", false],
  queue_timeout: [503, server, "queue_timeout", "later", false],
  no_node_online: [503, server, "no_node_online", "later", false],
  nodes_penalized: [503, server, "nodes_penalized", "later", false],
  store_unavailable: [503, server, "store_unavailable", "later", false],
  shutting_down: [503, server, "shutting_down", "later", false],
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof rows;

/** The table, by our own codes. */
export const errorKinds: Readonly<Record<ErrorCode, ErrorKind>> = Object.freeze(
  Object.fromEntries(
    Object.entries(rows).map(([key, [status, type, code, retry, penalty]]) => [
      key,
      Object.freeze({ status, type, code, retry, penalty }),
    ]),
  ) as Record<ErrorCode, ErrorKind>,
);

export interface ErrorDetails {
  /** The request's field that is wrong, where one is. */
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

/** The error itself, or, for one that nobody foresaw, an `internal` one that has it as its cause. */
export function asColinkError(error: unknown): ColinkError {
  if (error instanceof ColinkError) return error;
  return new ColinkError("internal", "Cannot answer: an unexpected error; try again", {
    cause: error,
  });
}
