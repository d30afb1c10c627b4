/**
 * `GET /api/live`: server-sent events of what changes, for whoever is signed in. The first event is
 * `snapshot`, unless the browser comes back with a `Last-Event-ID` that is still known: then what it
 * missed is sent, and no snapshot. `?topics=network,nodes,calls,changes` chooses; default: all.
 *
 * The stream ends with the session, and when its reader is too slow; EventSource then dials again.
 * What a page has loaded before a `snapshot` came may be out of date, so it loads again.
 */

import type { CallView, Side } from "./calls.ts";
import type { NodeGone, NodeView } from "./nodes.ts";

export type LiveTopic = "network" | "nodes" | "calls" | "changes";

/** What somebody has changed: of the account its `keys` or `sessions`; the rest is told to administrators only. */
export type Changed = "keys" | "sessions" | "users" | "invites" | "nodes" | "settings" | "audit";

/** By event name, what its `data` holds as JSON. */
export interface LiveEvents {
  snapshot: LiveSnapshot;
  /** Topic `network`: at most once a second, when it has changed. */
  network: NetworkView;
  /** Topic `nodes`: a node is there, or anything but its running calls has changed. */
  node: NodeView;
  /** Topic `nodes`: a node is gone. */
  node_gone: { id: string; name: string; gone: NodeGone };
  /** Topic `nodes`: running calls of nodes, by id, where they have changed; at most once a second. */
  load: Record<string, number>;
  /** Topic `calls`: a call of the account is over, or one that its nodes served. At most 20 a second; `usage` counts all. */
  call: CallView;
  /** Topic `calls`: what has come to the account's figures, at most once a second. */
  usage: UsageIncrement[];
  /** Topic `changes`: within 5 s, at whatever gateway it was done. Pages that show it ask for it again. */
  changed: { what: Changed[] };
  /** The session is over: sign in again. The stream's last event. */
  session_over: Record<string, never>;
}

/** The network in numbers. */
export interface NetworkView {
  nodes: number;
  models: number;
  /** Calls that run, and that wait, on this gateway. */
  running: number;
  waiting: number;
}

export interface LiveSnapshot {
  /** The gateway's clock, UTC milliseconds. */
  now: number;
  network: NetworkView;
  /** Present with the topic `nodes`. */
  nodes?: NodeView[];
}

/** What calls that are over have added, since the last such event. */
export interface UsageIncrement {
  side: Side;
  model: string;
  calls: number;
  errors: number;
  prompt_tokens: number;
  completion_tokens: number;
}
