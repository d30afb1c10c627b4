/** A made-up crowd of nodes: every state that a node can be in, and names that do not fit. */

import type { NodeView } from "../../protocol/api.ts";

const MINUTE_MS = 60_000;

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
    ...changes,
  });
  const punished = (reason: string) => ({
    penalized: true,
    penalty_reason: reason,
    penalized_until: nowMs + MINUTE_MS,
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
      connected_at: nowMs - 26 * 60 * MINUTE_MS,
    }),
    node({ name: "old-laptop", active_tasks: 1, max_parallel: 1, agent: null }),
    node({
      name: "node-with-a-name-that-somebody-made-far-too-long-for-any-table",
      supported_models: ["organisation/a-model-with-a-very-long-name-instruct-awq-int4"],
    }),
    node({
      name: "cloud-key",
      supported_models: ["gpt-5-mini"],
      ...punished("the node's provider refused the node's own key"),
    }),
    node({ name: "nas", draining: true, active_tasks: 1, supported_models: [] }),
  ];
}
