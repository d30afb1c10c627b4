/** A node as the gateway lists it, for tests: idle and without penalties. */

import type { NodeView } from "../../api/mod.ts";

export function aNode(changes: Partial<NodeView> = {}): NodeView {
  return {
    id: "n1",
    name: "studio-pc",
    max_parallel: 2,
    active_tasks: 0,
    supported_models: ["llama"],
    state: "ready",
    penalties: [],
    penalized: false,
    penalty_reason: null,
    penalized_until: null,
    draining: false,
    pause_reason: null,
    pause_message: null,
    paused_until: null,
    reconnecting_until: null,
    connected_at: 0,
    agent: null,
    machine: null,
    mine: false,
    share_with: null,
    share: null,
    ...changes,
  };
}
