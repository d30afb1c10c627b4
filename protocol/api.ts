/** The shapes that the console's API answers with. The console imports these types and nothing else of ours. */

/** An account, as its owner sees it. Tokens are the owner's to copy; nobody else ever receives them. */
export interface UserView {
  id: string;
  email: string;
  role: "user" | "admin";
  /** `sk-colink-…`: calls models. */
  api_token: string;
  /** `client-…`: connects nodes. */
  client_token: string;
  /** Calls that this account made and that were served. */
  total_api_calls: number;
  /** Calls that this account's nodes served to others or to itself. */
  total_provided_calls: number;
  /** UTC milliseconds. */
  created_at: number;
}

/** `POST /api/auth/login` */
export interface LoginAnswer {
  /** A JWT (HS256), good for 24 hours; browsers get the same one as an HttpOnly cookie. */
  token: string;
  user: UserView;
}

/**
 * `penalized`: its time is not over. `probing`: it is, and one call at a time tries the node, until
 * one succeeds. Both of the whole node, or of each of its models.
 */
export type NodeState = "ready" | "busy" | "probing" | "penalized" | "draining";

export interface NodePenalty {
  /** Null: for all of the node's models. */
  model: string | null;
  /** What happened, in words. */
  reason: string;
  /** UTC milliseconds. Past: calls try the node, and none has succeeded yet. */
  until: number;
}

/** One connected node, as everybody may see it: `GET /api/nodes`. */
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
}

/** `GET /api/info` (public): what the console's pages need to know before anyone signs in. */
export interface InfoView {
  version: string;
  registration: "open" | "invite" | "closed";
  /** The address that the operator gave; null: the one in the browser's address bar is right. */
  public_url: string | null;
  nodes: number;
  models: number;
}

/** Every error, on every path. */
export interface ErrorView {
  error: { message: string; type: string; param: string | null; code: string | null };
}
