/** A node, as the gateway that it is connected to tells the others: plain JSON. */

import type { ModelFacts } from "../node/model_facts.ts";
import type { Node, NodeHold, NodeIdentity, NodeOffer } from "../node/node.ts";

export interface NodeRecord {
  who: NodeIdentity;
  offer: Omit<NodeOffer, "facts"> & { facts?: [model: string, facts: ModelFacts][] };
  label: string | null;
  hold: NodeHold | null;
  isDraining: boolean;
  /** UTC milliseconds. */
  connectedAt: number;
  /** When it connected, by Redis' clock: of two records of one node, the later one holds. */
  sinceMs: number;
}

export function recordOf(node: Node, sinceMs: number): NodeRecord {
  const { who, label, hold, isDraining, connectedAt } = node;
  const { facts, ...offer } = node.offer;
  return {
    who,
    offer: facts === undefined ? offer : { ...offer, facts: [...facts] },
    label,
    hold,
    isDraining,
    connectedAt,
    sinceMs,
  };
}

export function offerIn({ offer: { facts, ...offer } }: NodeRecord): NodeOffer {
  return facts === undefined ? offer : { ...offer, facts: new Map(facts) };
}

/** Brings what may change of a node up to date, its offer aside. */
export function applyTo(node: Node, { label, hold, isDraining }: NodeRecord): void {
  node.label = label;
  node.hold = hold;
  node.isDraining = isDraining;
}
