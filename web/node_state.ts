/** What a node is doing, in one word, and how long that will hold. */

import type { NodeView } from "../protocol/api.ts";

export type NodeState =
  | { kind: "ready" | "busy" | "draining" }
  | { kind: "penalised"; reason: string | null; secondsLeft: number };

/** `nowMs` is the gateway's time. What keeps calls away longest is told first. */
export function nodeState(node: NodeView, nowMs: number): NodeState {
  if (node.draining) return { kind: "draining" };
  if (node.penalized) {
    const leftMs = (node.penalized_until ?? nowMs) - nowMs;
    return {
      kind: "penalised",
      reason: node.penalty_reason,
      secondsLeft: Math.max(0, Math.ceil(leftMs / 1000)),
    };
  }
  return { kind: node.active_tasks >= node.max_parallel ? "busy" : "ready" };
}

/** Every model that a node which takes calls offers now, by name; each once. */
export function liveModels(nodes: readonly NodeView[]): string[] {
  const taking = nodes.filter((node) => !node.draining && !node.penalized);
  return [...new Set(taking.flatMap((node) => node.supported_models))].sort();
}
