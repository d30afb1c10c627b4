/** Errors: what every part of the API has in common. */

import { z } from "@hono/zod-openapi";

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
  | "passwords_off"
  | "sign_in_refused"
  | "email_not_verified"
  | "provider_unavailable"
  | "email_taken"
  | "weak_password"
  | "setup_refused"
  | "reset_refused"
  | "join_refused"
  | "authorization_pending"
  | "slow_down"
  | "access_denied"
  | "expired_token"
  | "registration_closed"
  | "invite_required"
  | "origin_refused"
  | "admin_required"
  | "too_many"
  | "too_many_streams"
  | "model_not_found"
  | "alias_broken"
  | "endpoint_not_offered"
  | "previous_response_not_found"
  | "no_node_online"
  | "nodes_penalized"
  | "rate_limit_exceeded"
  | "budget_exceeded"
  | "queue_full"
  | "account_bodies_full"
  | "gateway_bodies_full"
  | "account_answers_full"
  | "gateway_answers_full"
  | "queue_timeout"
  | "node_busy"
  | "node_internal"
  | "offer_withdrawn"
  | "gateway_lost"
  | "shutting_down"
  | "store_unavailable"
  | "deadline_exceeded"
  | "answer_too_large"
  | "caller_gone"
  | "caller_too_slow"
  | "call_cancelled"
  | "idempotency_key_reused"
  | "too_many_idempotency_keys"
  | "replay_gone"
  | "internal_error";

export const FieldFault = z.enum([
  "required",
  "too_short",
  "too_long",
  "too_small",
  "too_big",
  "wrong_type",
  "wrong_format",
  "not_allowed",
  "unknown_field",
  "name_taken",
  "unknown_group",
  "unknown_account",
  "only_stars",
  "alias_loop",
  "alias_too_long",
  "alias_too_many_models",
  "own_rights",
  "own_account",
  "last_administrator",
  "set_by_provider",
  "node_connected",
  "account_token",
  "time_range",
  "wrong_order",
  "too_many_days",
]);
export type FieldFault = z.infer<typeof FieldFault>;

export const FieldProblem = z.object({
  param: z.string()
    .describe("The field's name; `a.b` is `b` in `a`, the empty string is the body itself."),
  code: FieldFault,
  message: z.string().describe("In English, with the limit that was missed."),
  limit: z.number().optional().describe("The limit, where length, size or number is the problem."),
  names: z.array(z.string()).optional()
    .describe("Of aliases: those on the way. Of what is unknown: what was given."),
}).meta({ id: "FieldProblem" });
export type FieldProblem = z.infer<typeof FieldProblem>;

export const ErrorView = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string().nullable().describe("A code of docs/errors.md, or the upstream's own."),
    doc_url: z.string().optional()
      .describe(
        "Where the manual explains the code. Absent where the gateway has no public address.",
      ),
    fields: z.array(FieldProblem).optional()
      .describe("Of a form: every field that is wrong, not only the first. Absent elsewhere."),
  }),
}).meta({ id: "Error", description: "Every error, on every path." });
export type ErrorView = z.infer<typeof ErrorView>;

export const MessageView = z.object({ message: z.string() })
  .meta({ id: "Message", description: "The answer to a request that has nothing to show." });
export type MessageView = z.infer<typeof MessageView>;
