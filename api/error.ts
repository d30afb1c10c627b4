/** Errors: what every part of the API has in common. */

/** Failures for which a node is penalised. */
export type NodeFault =
  | "node_lost"
  | "node_silent"
  | "node_protocol"
  | "upstream_auth"
  | "upstream_rate_limited"
  | "upstream_overloaded"
  | "upstream_timeout"
  | "upstream_error";

/** The `error.code` of every failure of the gateway's own. Codes are stable; docs/errors.md explains each. */
export type ErrorCode =
  | NodeFault
  | "invalid_json"
  | "invalid_request"
  | "body_too_deep"
  | "body_too_large"
  | "unsupported_media_type"
  | "not_found"
  | "method_not_supported"
  | "upgrade_required"
  | "missing_api_key"
  | "invalid_api_key"
  | "wrong_token_kind"
  | "invalid_client_token"
  | "key_revoked"
  | "key_expired"
  | "key_blocked"
  | "model_not_allowed"
  | "session_required"
  | "session_expired"
  | "invalid_credentials"
  | "login_throttled"
  | "email_taken"
  | "weak_password"
  | "setup_refused"
  | "registration_closed"
  | "invite_required"
  | "origin_refused"
  | "admin_required"
  | "too_many"
  | "too_many_streams"
  | "model_not_found"
  | "endpoint_not_offered"
  | "previous_response_not_found"
  | "no_node_online"
  | "nodes_penalized"
  | "rate_limit_exceeded"
  | "queue_full"
  | "queue_timeout"
  | "node_busy"
  | "gateway_lost"
  | "shutting_down"
  | "store_unavailable"
  | "deadline_exceeded"
  | "answer_too_large"
  | "caller_gone"
  | "caller_too_slow"
  | "internal_error";

/** What is wrong with one field of a form; the console has words for each. */
export type FieldFault =
  | "required"
  | "too_short"
  | "too_long"
  | "too_small"
  | "too_big"
  | "wrong_type"
  | "wrong_format"
  | "not_allowed"
  | "unknown_field";

export interface FieldProblem {
  /** The field's name; `a.b` is `b` in `a`, the empty string is the body itself. */
  param: string;
  code: FieldFault;
  /** In English, with the limit that was missed. */
  message: string;
  /** The limit, where the fault is one of length or size. */
  limit?: number;
}

/** Every error, on every path. */
export interface ErrorView {
  error: {
    message: string;
    type: string;
    param: string | null;
    code: string | null;
    /** Of a form: every field that is wrong, not only the first. Absent elsewhere. */
    fields?: FieldProblem[];
  };
}

/** Answers to what is done and has nothing to show. */
export interface MessageView {
  message: string;
}
