/** A node as its gateway publishes it to the others: plain JSON. Owners' decisions about it are read from the database. */

import { allFacts, type ModelFacts } from "../node/model_facts.ts";
import type { Node, NodeIdentity, NodeOffer, NodePause } from "../node/node.ts";

/** Field names are shared with gateways of other versions. */
export interface NodeRecord {
  /** `id` is the node's public id, `identity` its node key. */
  who: { id: string; identity: string; accountId: string; keyId: string };
  offer: Omit<NodeOffer, "facts"> & { facts?: [model: string, facts: Partial<ModelFacts>][] };
  isDraining: boolean;
  /** Absent: it is not paused by its own word, or its gateway's version does not say. */
  pause?: NodePause;
  /**
   * Its link is lost, and may come back until then, in UTC milliseconds by the clock of the node's
   * gateway. Absent: the link lives, or its gateway's version does not say.
   */
  reconnectsUntil?: number;
  /** UTC milliseconds by the clock of the node's gateway. */
  connectedAt: number;
  /** Time of its connection by Redis' clock: of two records of one node, the later one counts. */
  sinceMs: number;
  /** Sequence number of the change that published it. */
  seq?: number;
}

export function recordOf(node: Node, sinceMs: number): NodeRecord {
  const { who: { publicId, nodeKey, accountId, keyId }, isDraining, pause, connectedAt } = node;
  const { reconnectsUntil } = node;
  const { facts, ...offer } = node.offer;
  return {
    who: { id: publicId, identity: nodeKey, accountId, keyId },
    offer: facts === undefined ? offer : { ...offer, facts: [...facts] },
    isDraining,
    ...(pause === null ? {} : { pause }),
    ...(reconnectsUntil === null ? {} : { reconnectsUntil }),
    connectedAt,
    sinceMs,
  };
}

export function identityIn({ who: { id, identity, accountId, keyId } }: NodeRecord): NodeIdentity {
  return { publicId: id, nodeKey: identity, accountId, keyId };
}

export function offerIn({ offer: { facts, ...offer } }: NodeRecord): NodeOffer {
  if (facts === undefined) return offer;
  // Gateways of other versions know fewer facts.
  return { ...offer, facts: new Map(facts.map(([model, known]) => [model, allFacts(known)])) };
}
