/** What stands against a node, as the page tells it, and what the nodes together can be asked. */

import type { NodePenalty, NodeState, NodeView } from "../../../api/mod.ts";

/** Something that keeps calls away. */
export interface Obstacle {
  /** Null: from all of the node's models. */
  model: string | null;
  /** Of the gateway; null: it told none. */
  code: string | null;
  reason: string | null;
  /** Until then no call; 0: its time is over, and single calls try the node. */
  secondsLeft: number;
}

/** In these, calls are kept away by somebody's word, whatever else stands against the node. */
const idle: ReadonlySet<NodeState> = new Set(["draining", "paused", "unapproved"]);

/** `nowMs` is the gateway's time. One obstacle where it is the whole node's, else one a model that has one. */
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

/** Every model that some node takes calls of now, by name; each once. `nowMs` is the gateway's time. */
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

function secondsLeft(untilMs: number, nowMs: number): number {
  return Math.max(0, Math.ceil((untilMs - nowMs) / 1000));
}
