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
  };
  invites: {
    digest: string;
    created_at: number;
    expires_at: number;
    used_by: string | null;
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
  };
  known_models: {
    name: string;
    seen_at: number;
  };
}
