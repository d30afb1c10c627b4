/** Nodes: as everybody may see them, and what their owners see and do. Times are UTC milliseconds. */

/**
 * Of a connected node. `penalized`: its time is not over. `probing`: it is, and one call at a time
 * tries the node, until one succeeds; both of the whole node, or of each of its models. `draining`:
 * what runs ends, nothing new comes, until it connects again. `paused`: no calls until its owner
 * resumes it. `unapproved`: no calls until an administrator approves it.
 */
export type NodeState =
  | "ready"
  | "busy"
  | "probing"
  | "penalized"
  | "draining"
  | "paused"
  | "unapproved";

export interface NodePenalty {
  /** Null: for all of the node's models. */
  model: string | null;
  /** What happened, as a code of docs/errors.md: `node_lost`, `upstream_auth` … */
  code: string;
  /** What happened, in words. */
  reason: string;
  /** UTC milliseconds. Past: calls try the node, and none has succeeded yet. */
  until: number;
}

/** One connected node, as everybody may see it: `GET /api/nodes` → `{ nodes }`. */
export interface NodeView {
  /** Random; says nothing about the node's token or address. */
  id: string;
  name: string;
  max_parallel: number;
  active_tasks: number;
  supported_models: string[];
  /** In one word; of several that hold, the one that keeps calls away longest. */
  state: NodeState;
  /** What stands against it, one by one. */
  penalties: NodePenalty[];
  /** No call reaches it now, whatever the model. */
  penalized: boolean;
  /** Why, where the node is penalised: what happened, in words. */
  penalty_reason: string | null;
  /** UTC milliseconds, or null. */
  penalized_until: number | null;
  draining: boolean;
  /** UTC milliseconds. */
  connected_at: number;
  agent: string | null;
  /** Whether it is the asking account's own; false for those who are not signed in. */
  mine: boolean;
}

/** A node of the asking account, connected or not: `GET /api/nodes/mine` → `{ nodes }`. */
export interface OwnNodeView {
  id: string;
  /** What its owner called it, else what it calls itself. */
  name: string;
  /** Null: its owner gave it no other name. */
  label: string | null;
  /** The node as it is connected now; null: it is not. */
  live: NodeView | null;
  /** Models that it offered last. */
  models: string[];
  max_parallel: number;
  agent: string | null;
  first_seen_at: number;
  /** When it was connected last; now, while it is. */
  last_seen_at: number;
  /** Why it is not connected, as the last connection's end told; null: it is, or nobody knows. */
  gone: NodeGone | null;
  paused_at: number | null;
  /** Null: not approved yet, where approval is asked for. */
  approved_at: number | null;
  /** The client key that it connected with last. */
  key_id: string;
}

/** How a connection ended. */
export interface NodeGone {
  at: number;
  /**
   * `lost`: without a goodbye. `silent`: it answered no pings. `closed`: by the node. `restarted`:
   * the gateway did. `revoked`: its token was replaced or its account shut. `protocol`: it broke the
   * protocol. `replaced`: the same machine came back on a new connection.
   */
  code: "lost" | "silent" | "closed" | "restarted" | "revoked" | "protocol" | "replaced";
  /** WebSocket's close code. */
  close_code: number;
}

export type NodeEventKind =
  | "connected"
  | "disconnected"
  | "offer"
  | "penalized"
  | "recovered"
  | "paused"
  | "resumed"
  | "drain"
  | "renamed"
  | "approved"
  | "unapproved"
  | "token_rotated";

/** One line of a node's timeline. */
export interface NodeEvent {
  at: number;
  kind: NodeEventKind;
  /** Of `penalized`: the fault's code; of `disconnected`: NodeGone's; else null. */
  code: string | null;
  /** Of `penalized`, `recovered`: the model; null: all of the node's. */
  model: string | null;
  /** In words, where there is more to say. */
  detail: string | null;
  /** Of `penalized`: until when. */
  until: number | null;
}

/** How one model did on one node, by calls of the last 24 hours. */
export interface NodeModelSpeed {
  model: string;
  calls: number;
  errors: number;
  first_token_p50_ms: number | null;
  first_token_p95_ms: number | null;
  tokens_per_second: number | null;
}

/** `GET /api/nodes/{id}`: everybody who is signed in sees a node, its owner (and administrators) all of it. */
export interface NodeDetail {
  /** Null: it is not connected. */
  live: NodeView | null;
  /** Null: it is somebody else's. */
  own: OwnNodeView | null;
  /** LruCache first, at most 200. Others see connects, disconnects and penalties. */
  timeline: NodeEvent[];
  speed: NodeModelSpeed[];
}

/** `PATCH /api/nodes/{id}`: the owner's word. What is absent stays as it is. */
export interface NodeChange {
  /** Null: back to what it calls itself. */
  label?: string | null;
  paused?: boolean;
}

/** `POST /api/nodes/{id}/drain` and `PATCH` answer with it: the node as it is now. */
export interface OwnNodeAnswer {
  node: OwnNodeView;
}

/** `POST /api/nodes/{id}/rotate-token`: the client key of this node is replaced; the body is KeyRotation, the answer RotatedKey. */
