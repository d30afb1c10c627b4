/** Which of the nodes that could take a call gets it: a price for each, and perhaps one that is preferred. */

import type { Config } from "../../base/config.ts";
import type { Node } from "../../node/node.ts";
import type { Service } from "../../node/service.ts";
import type { CallRequest } from "../call.ts";

export interface Policy {
  /**
   * What the next call costs on the node, from 0 up to 1e9: the cheapest gets it, equals draw lots.
   * It may rise at any time; it falls only with the end of a call of the node, or is announced.
   */
  cost(node: Node, service: Service): number;
  /** The node that the call had better go to, cheapest or not, if it can take it. */
  preferred?(request: CallRequest, crowd: PoolLoad): Node | null;
  /** A call was answered by the node. */
  learn?(node: Node, request: CallRequest, timing: Timing): void;
}

/** What is known of all nodes of a service together. */
export interface PoolLoad {
  readonly slots: number;
  readonly active: number;
}

/** How long an answer took on its node, in milliseconds from when the node was asked. */
export interface Timing {
  /** Null: it came in one piece. */
  firstTokenMs: number | null;
  durationMs: number;
  completionTokens: number | null;
}

/** The node with the smallest share of its slots in use. */
export const leastBusy: Policy = { cost: (node) => node.load };

/** The policy that is set for a model. */
export type Policies = (model: string) => Policy;

export type PolicyName = Config["policy"];
