/** A made-up crowd of nodes: every state that a node can be in, and names that do not fit. */

import type { NodeView } from "../../protocol/api.ts";

const MINUTE_MS = 60_000;
const REFUSED_KEY = "the node's provider refused the node's own key";

/** As the gateway would list them at `nowMs`. */
export function crowd(nowMs: number): NodeView[] {
  const node = (changes: Partial<NodeView> & { name: string }): NodeView => ({
    id: changes.name,
    max_parallel: 2,
    active_tasks: 0,
    supported_models: ["llama3.2"],
    state: "ready",
    penalties: [],
    penalized: false,
    penalty_reason: null,
    penalized_until: null,
    draining: false,
    connected_at: nowMs - 3 * MINUTE_MS,
    agent: "co-link/0.1.0",
    mine: false,
    ...changes,
  });
  const penalty = (model: string | null, reason: string, leftMs: number) => ({
    model,
    code: "upstream_error",
    reason,
    until: nowMs + leftMs,
  });
  return [
    node({ name: "studio-pc", active_tasks: 1, max_parallel: 4 }),
    node({
      name: "lab-rack-3",
      active_tasks: 17,
      max_parallel: 40,
      supported_models: [
        "Qwen/Qwen3-8B",
        "deepseek-r1:32b",
        "gemma3:27b",
        "llama3.2",
        "phi4",
        "qwq",
      ],
      penalties: [penalty("gemma3:27b", "the node's model server failed", 4 * MINUTE_MS)],
      connected_at: nowMs - 26 * 60 * MINUTE_MS,
    }),
    node({ name: "old-laptop", state: "busy", active_tasks: 1, max_parallel: 1, agent: null }),
    node({
      name: "node-with-a-name-that-somebody-made-far-too-long-for-any-table",
      supported_models: ["organisation/a-model-with-a-very-long-name-instruct-awq-int4"],
    }),
    node({
      name: "cloud-key",
      supported_models: ["gpt-5-mini"],
      state: "penalized",
      penalties: [penalty("gpt-5-mini", REFUSED_KEY, MINUTE_MS)],
      penalized: true,
      penalty_reason: REFUSED_KEY,
      penalized_until: nowMs + MINUTE_MS,
    }),
    node({
      name: "attic",
      state: "probing",
      penalties: [penalty(null, "the node's connection was lost", -MINUTE_MS)],
    }),
    node({
      name: "nas",
      state: "draining",
      draining: true,
      active_tasks: 1,
      supported_models: [],
    }),
  ];
}
