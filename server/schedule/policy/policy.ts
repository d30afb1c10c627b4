/** Which of the nodes that could take a call gets it: a cost for each node, and possibly a preferred one. */

import type { Config } from "../../base/config.ts";
import type { Node } from "../../node/node.ts";
import type { Service } from "../../node/service.ts";
import type { CallRequest } from "../call.ts";

export interface Policy {
  /**
   * What the next call costs on the node, from 0 up to 1e9: a cheapest node gets the call, at random
   * among equals, and one beyond its share only when no other can take it. A cost may rise at any time. It may fall when a call of the node ends; at any other
   * time the hub must be told (`Hub.ease`).
   */
  cost(node: Node, service: Service): number;
  /**
   * The node that gets the call whatever its cost. Where that node cannot take the call (it was tried,
   * is full, penalised or draining), a cheapest node gets it: there is no second preference.
   */
  preferred?(request: CallRequest, load: PoolLoad): Node | null;
  /** The node has answered the call. */
  learn?(node: Node, request: CallRequest, timing: Timing): void;
}

/** All nodes of a service together. */
export interface PoolLoad {
  /** See `Node.share`. */
  readonly shares: number;
  readonly active: number;
}

/** How long a node took to answer, in milliseconds since it was sent the call. */
export interface Timing {
  /** Null: the answer came in one piece. */
  firstTokenMs: number | null;
  durationMs: number;
  completionTokens: number | null;
}

/** Prefers the node of whose share of slots the smallest part is in use. */
export const leastBusy: Policy = { cost: (node) => node.load };

/** The policy that is configured for a model. */
export type Policies = (model: string) => Policy;

export type PolicyName = Config["policy"];
