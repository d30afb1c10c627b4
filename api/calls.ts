/** Calls that are over: metadata, never what was said. Times are UTC milliseconds, durations milliseconds. */

/** What became of a call; docs/errors.md says which failure has which outcome. */
export type CallOutcome =
  | "ok"
  | "upstream_error"
  | "node_lost"
  | "cancelled"
  | "timeout"
  | "rejected"
  | "interrupted";

/** `made`: by the account's keys. `provided`: served by the account's nodes, to whomever. */
export type Side = "made" | "provided";

/** One try of a call on a node: a bar of the waterfall. */
export interface AttemptView {
  /** The node's public id. */
  node: string;
  /** The node's name now; null: it is not known any more. */
  node_name: string | null;
  /** After the call's arrival. */
  start_ms: number;
  duration_ms: number;
  /** `ok`; `refused`: the upstream refused the request; else the code of the failure (`node_lost`, `node_busy` …). */
  end: string;
}

/** One call: `GET /api/calls` and `GET /api/calls/{id}` → `{ call }`. */
export interface CallView {
  /** The request id, as on the answer (`x-request-id`) and in the logs. */
  id: string;
  side: Side;
  started_at: number;
  endpoint: string;
  model: string;
  stream: boolean;
  outcome: CallOutcome;
  /** What the caller saw; 499 where the caller left first. */
  status: number;
  /** Why it failed, as a code of docs/errors.md; null: it did not, or nothing more is known. */
  cause: string | null;
  /** The caller's key; null on the `provided` side: whose calls a node serves stays unknown to its owner. */
  key_id: string | null;
  /** Null also where the key is not there any more. */
  key_name: string | null;
  /** The node that answered, or tried last; null: none did. */
  node: string | null;
  node_name: string | null;
  prompt_tokens: number | null;
  completion_tokens: number | null;
  /** Whether the completion's tokens were counted by the gateway, because the upstream did not tell. */
  estimated: boolean;
  delivered_bytes: number;
  /** How long it waited for a free slot, all attempts together. */
  queued_ms: number;
  /** From arrival to the first byte of an answer; null: there was none. */
  first_byte_ms: number | null;
  duration_ms: number;
  /** In order. On the `provided` side only those on the account's own nodes. */
  attempts: AttemptView[];
}

/** The query of `GET /api/calls`; all parts are optional. Filters are combined by and. */
export interface CallFilter {
  /** Default: `made`. */
  side?: Side;
  /** UTC milliseconds: calls that arrived from then on, and before then. */
  from?: number;
  to?: number;
  key?: string;
  model?: string;
  node?: string;
  endpoint?: string;
  status?: number;
  outcome?: CallOutcome | "failed";
  /** `next_cursor` of the page before. */
  cursor?: string;
  /** 1 to 200; default 50. */
  limit?: number;
}

/** LruCache first. */
export interface CallPage {
  calls: CallView[];
  /** Ask again with it for older ones; null: there are none. A page that found less than `limit` may still have one: it looks at so many calls only. */
  next_cursor: string | null;
  /** How far back this page has looked: no call from then on is missing. Null: to the very first. */
  looked_to: number | null;
}
