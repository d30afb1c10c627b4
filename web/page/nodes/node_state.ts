/** The penalties of a node, prepared for display, and the models that the nodes serve now. */

import type { NodePenalty, NodeState, NodeView } from "../../../api/mod.ts";

/** A penalty that keeps calls away. */
export interface Obstacle {
  /** Null: all of the node's models. */
  model: string | null;
  /** The gateway's error code, if any. */
  code: string | null;
  reason: string | null;
  /** Time without calls; 0: over, and single calls probe the node. */
  secondsLeft: number;
}

/** States without calls by decision of a person or the node, whatever its penalties. */
const idle: ReadonlySet<NodeState> = new Set(["draining", "paused", "unapproved"]);

/** One obstacle for the whole node, or one for each penalized model. `nowMs` is the gateway's time. */
export function obstacles(node: NodeView, nowMs: number): Obstacle[] {
  if (idle.has(node.state)) return [];
  if (node.state === "penalized") {
    const left = secondsLeft(node.penalized_until ?? nowMs, nowMs);
    const code = node.penalties[0]?.code ?? null;
    return [{ model: null, code, reason: node.penalty_reason, secondsLeft: left }];
  }
  if (node.state === "probing") {
    const { code = null, reason = null } = node.penalties[0] ?? {};
    return [{ model: null, code, reason, secondsLeft: 0 }];
  }
  return node.penalties.map(({ model, code, reason, until }) => ({
    model,
    code,
    reason,
    secondsLeft: secondsLeft(until, nowMs),
  }));
}

/** Every model that some node takes calls for now, once, sorted by name. `nowMs` is the gateway's time. */
export function liveModels(nodes: readonly NodeView[], nowMs: number): string[] {
  const isBarred = ({ model, until }: NodePenalty, name: string) =>
    (model === null || model === name) && until > nowMs;
  const live = nodes
    .filter((node) => !idle.has(node.state) && !node.penalized)
    .flatMap(({ supported_models, penalties }) =>
      supported_models.filter((name) => !penalties.some((penalty) => isBarred(penalty, name)))
    );
  return [...new Set(live)].sort();
}

export function secondsLeft(untilMs: number, nowMs: number): number {
  return Math.max(0, Math.ceil((untilMs - nowMs) / 1000));
}
