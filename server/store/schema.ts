/** The tables as kysely sees them. Only column types that mean the same on SQLite and PostgreSQL. */

/** Flags are 0 or 1, times are UTC milliseconds, lists are JSON as text. */
export interface Schema {
  colink_schema: { version: number };
  accounts: {
    id: string;
    email: string;
    password_hash: string;
    role: string;
    created_at: number;
    disabled_at: number | null;
    total_api_calls: number;
    total_provided_calls: number;
    rpm: number | null;
    models: string | null;
  };
  keys: {
    id: string;
    account_id: string;
    kind: string;
    digest: string;
    sealed: string;
    rpm: number | null;
    models: string | null;
    created_at: number;
    revoked_at: number | null;
    name: string;
    hint: string | null;
    family: string;
    is_default: number;
    last_used_at: number | null;
    expires_at: number | null;
    replaced_by: string | null;
  };
  invites: {
    digest: string;
    created_at: number;
    expires_at: number;
    used_by: string | null;
    id: string;
    note: string;
    created_by: string | null;
    revoked_at: number | null;
  };
  sessions: {
    id: string;
    account_id: string;
    created_at: number;
    last_seen_at: number;
    expires_at: number;
    address: string;
    user_agent: string | null;
  };
  nodes: {
    id: string;
    account_id: string;
    key_id: string;
    name: string;
    label: string | null;
    agent: string | null;
    models: string;
    max_parallel: number;
    first_seen_at: number;
    last_seen_at: number;
    gone_at: number | null;
    gone_code: string | null;
    close_code: number | null;
    paused_at: number | null;
    drained_at: number | null;
    approved_at: number | null;
    changed_at: number;
  };
  node_events: {
    id: string;
    node_id: string;
    at: number;
    kind: string;
    code: string | null;
    model: string | null;
    detail: string | null;
    until: number | null;
  };
  ledger: {
    id: string;
    account_id: string;
    key_id: string;
    provider_account_id: string | null;
    node_id: string | null;
    endpoint: string;
    model: string;
    stream: number;
    outcome: string;
    status: number;
    prompt_tokens: number | null;
    completion_tokens: number | null;
    estimated: number;
    delivered_bytes: number;
    delivered_chunks: number;
    produced_chunks: number;
    attempts: number;
    queued_ms: number;
    first_byte_ms: number | null;
    duration_ms: number;
    started_at: number;
    cause: string | null;
    attempt_log: string | null;
  };
  usage: UsageKey & UsageSums;
  /** What a call leaves open is the empty string, and bucket -1. */
  usage_fresh: {
    account_id: string;
    model: string;
    key_id: string;
    node_id: string;
    /** The account whose node served. */
    provider_id: string;
    /** When the minute begins. */
    at: number;
    /** Of the histogram of times to first token. */
    bucket: number;
    calls: number;
    errors: number;
    prompt_tokens: number;
    completion_tokens: number;
    stream_tokens: number;
    stream_ms: number;
  };
  settings: { name: string; value: string };
  audit: {
    id: string;
    at: number;
    actor_id: string | null;
    actor: string | null;
    action: string;
    target: string | null;
    detail: string;
    address: string | null;
  };
  known_models: {
    name: string;
    seen_at: number;
  };
}

/** What a rollup is of. What its grain leaves open is the empty string. */
export interface UsageKey {
  account_id: string;
  side: number;
  step: number;
  grain: number;
  /** When the step begins. */
  at: number;
  model: string;
  key_id: string;
  node_id: string;
}

/** What is added up. `stream_…` are of streams of which both tokens and time are known. */
export type UsageSums = Record<
  | "calls"
  | "errors"
  | "prompt_tokens"
  | "completion_tokens"
  | "stream_tokens"
  | "stream_ms"
  | `h${number}`,
  number
>;
