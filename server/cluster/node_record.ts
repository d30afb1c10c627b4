/** A node, as the gateway that it is connected to tells the others: plain JSON. What is decided about it they read themselves. */

import type { ModelFacts } from "../node/model_facts.ts";
import type { Node, NodeIdentity, NodeOffer } from "../node/node.ts";

export interface NodeRecord {
  who: NodeIdentity;
  offer: Omit<NodeOffer, "facts"> & { facts?: [model: string, facts: ModelFacts][] };
  isDraining: boolean;
  /** UTC milliseconds. */
  connectedAt: number;
  /** When it connected, by Redis' clock: of two records of one node, the later one holds. */
  sinceMs: number;
}

export function recordOf(node: Node, sinceMs: number): NodeRecord {
  const { who, isDraining, connectedAt } = node;
  const { facts, ...offer } = node.offer;
  return {
    who,
    offer: facts === undefined ? offer : { ...offer, facts: [...facts] },
    isDraining,
    connectedAt,
    sinceMs,
  };
}

export function offerIn({ offer: { facts, ...offer } }: NodeRecord): NodeOffer {
  return facts === undefined ? offer : { ...offer, facts: new Map(facts) };
}
