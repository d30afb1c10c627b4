/** Who is at fault when an attempt fails: DESIGN's table "Blame". Classification and penalties read it. */

import type { ErrorCode } from "../base/error.ts";

/** What was seen of a failed attempt. */
export type Evidence =
  | "link lost"
  | "program restarted"
  | "gateway lost"
  | "protocol broken"
  | "silent"
  | "unreachable"
  | "busy"
  | "key refused"
  | "no credit"
  | "not offered"
  | "rate limited"
  | "overloaded"
  | "timed out"
  | "failed"
  | "no answer"
  | "offer withdrawn"
  | "node's own error"
  | "gateway's own error";

/**
 * - `node`: the node's at once: it is penalised.
 * - `provider`: the model rests at the node for as long as its provider asks.
 * - `open`: the request or the node: the node is penalised if another one answers the call, or when
 *   several callers in a row meet the same failure.
 * - `none`: no penalty.
 */
type Blamed = "node" | "provider" | "open" | "none";

export interface Blame {
  readonly blamed: Blamed;
  /** The calls that a node at fault no longer gets: all of them, or those of the model. */
  readonly scope: "node" | "model";
  /** The code that the caller gets if no node answers; it says whether another node is tried. */
  readonly code: ErrorCode;
  /** For callers, and for everybody who looks at a penalised node. */
  readonly what: string;
}

export const blame: { readonly [E in Evidence]: Blame } = Object.freeze({
  "link lost": row("node", "node", "node_lost", "the node's connection was lost"),
  // The new process has failed no call yet. Repeated restarts count as lost links.
  "program restarted": row(
    ...["none", "node", "node_lost"] as const,
    "the node's program was restarted",
  ),
  "protocol broken": row("node", "node", "node_protocol", "the node broke the protocol"),
  "silent": row("node", "model", "node_silent", "the node was silent for too long"),
  "unreachable": row(
    ...["node", "model", "upstream_error"] as const,
    "the node cannot reach its provider",
  ),
  "key refused": row(
    ...["node", "model", "upstream_auth"] as const,
    "the node's provider refused the node's own key",
  ),
  "no credit": row(
    ...["node", "model", "upstream_auth"] as const,
    "the node's account at its provider has no credit",
  ),
  "not offered": row(
    ...["node", "model", "upstream_error"] as const,
    "the node's provider does not have the model, or not at this endpoint",
  ),
  "rate limited": row(
    ...["provider", "model", "upstream_rate_limited"] as const,
    "the node's provider limits its calls",
  ),
  "overloaded": row(
    ...["open", "model", "upstream_overloaded"] as const,
    "the node's model server is overloaded",
  ),
  "timed out": row(
    ...["open", "model", "upstream_timeout"] as const,
    "the node's model server took too long",
  ),
  "failed": row("open", "model", "upstream_error", "the node's model server failed"),
  "no answer": row("open", "model", "upstream_error", "the node's answer is none"),
  "busy": row("none", "model", "node_busy", "the node is full or is leaving"),
  "gateway lost": row(
    ...["none", "model", "gateway_lost"] as const,
    "another gateway of this network does not answer",
  ),
  "offer withdrawn": row(
    ...["none", "model", "offer_withdrawn"] as const,
    "the node's provider no longer has the model there",
  ),
  "node's own error": row(
    ...["none", "model", "node_internal"] as const,
    "the node's program could not handle this call",
  ),
  "gateway's own error": row("none", "model", "internal_error", "an unexpected error"),
});

function row(blamed: Blamed, scope: Blame["scope"], code: ErrorCode, what: string): Blame {
  return Object.freeze({ blamed, scope, code, what });
}
