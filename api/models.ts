/** Models: what is offered now, by whom, and how busy it is. */

import type { NodeState } from "./nodes.ts";

/** Who serves a model. */
export interface ModelNode {
  id: string;
  name: string;
  /** The node's state as far as this model goes. */
  state: NodeState;
  active_tasks: number;
  max_parallel: number;
  mine: boolean;
}

export interface ModelCapabilitiesView {
  /** Paths: `/v1/chat/completions` … Every model has at least that one. */
  endpoints: string[];
  /** Tokens; null: no node told. */
  context_length: number | null;
  tools: boolean | null;
  vision: boolean | null;
}

/** One model: `GET /api/models` → `{ models }`, by name. */
export interface ModelView {
  id: string;
  /**
   * `ready`: a call would be taken at once. `busy`: it would wait. `unavailable`: no node takes
   * calls of it now.
   */
  state: "ready" | "busy" | "unavailable";
  /** Of nodes that take calls of it now. */
  slots: number;
  free_slots: number;
  /** Calls that wait for it. */
  waiting: number;
  capabilities: ModelCapabilitiesView;
  nodes: ModelNode[];
}
