/** Which of the nodes that could take a call gets it: a cost for each node, and possibly a preferred one. */

import type { Config } from "../../base/config.ts";
import type { Node } from "../../node/node.ts";
import type { Service } from "../../node/service.ts";
import type { CallRequest } from "../call.ts";
import type { NodeSpeed, SpeedRecord, Times } from "./node_speed.ts";

export interface Policy {
  /**
   * What the next call costs on the node, from 0 up to 1e9: a cheapest node gets the call, at random
   * among equals, and one beyond its share only when no other can take it. A cost may rise at any
   * time. It may fall when a call of the node ends, and is lowest while none runs there, but for what
   * `learn` has changed; at any other time the fall is reported to the hub (`Hub.ease`). `memo`
   * is the node's for the service.
   */
  cost(node: Node, service: Service, memo?: SpeedMemo): number;
  /**
   * The node that gets the call whatever its cost. Where that node cannot take the call (it was tried,
   * is full, penalised or draining), a cheapest node gets it: there is no second preference.
   */
  preferred?(request: CallRequest, load: PoolLoad): Node | null;
  /** Nodes that the call should be compared on, besides the cheapest. */
  others?(request: CallRequest): readonly Node[];
  /**
   * The node that gets the call, of those that can take it at once: the first of each of the lowest
   * steps of the cost (see COST_STEP), and `others`. Replaces the choice by cost alone.
   */
  pick?(request: CallRequest, candidates: readonly Candidate[], random: () => number): Node | null;
  /**
   * Whether the call should rather wait for a node on which its answer ends sooner than take the free
   * slot of this one, although no slot of such a node is free; null: it takes it. `ahead`: calls that
   * would get a slot before it.
   */
  waitFor?(node: Node, request: CallRequest, ahead: number): Wait | null;
  /** Such a wait has ended after so long: with a slot that was worth it, or because it took too long. */
  waited?(request: CallRequest, wait: Wait, ms: number, isServed: boolean): void;
  /** The call has got a slot of the node, which is counted already. */
  taken?(node: Node, request: CallRequest): void;
  /** A call of the node, which may have got its slot without `taken`, has given it back. */
  released?(node: Node, request: Pick<CallRequest, "plan">): void;
  /**
   * The node takes no new calls of the models that `concerns` is true for, for whatever reason, or takes
   * them again; its calls run on.
   * One that is given a call takes calls, whether that was reported or not.
   */
  opened?(node: Node, isOpen: boolean, concerns: (model: string) => boolean): void;
  /** Why the call got its node; null: unknown. */
  choiceOf?(request: CallRequest): Choice | null;
  /** What was measured of the node for the service; null: nothing, or too long ago. */
  speedOf?(node: Node, service: Service): NodeSpeed | null;
  /** What a typical answer of the service takes at its nodes, on average; null: none was measured. */
  typicalMs?(service: Service): number | null;
  /** What was measured of nodes for services: at most so many, the latest first. */
  speeds?(most: number): NodeSpeed[];
  /** What this gateway has measured since then, in monotonic milliseconds, the latest first. */
  measuredSince?(sinceMs: number): Iterable<SharedSpeed>;
  /** Another gateway has measured this. */
  adopt?(shared: SharedSpeed): void;
  /** The node has answered the call. Returns whether its cost for such calls may have fallen by that. */
  learn?(node: Node, request: CallRequest, timing: Timing): boolean;
}

/**
 * The speed of a node for a service, beside the node's place among those that serve it, because a
 * search for it by the node's key would cost as much as the rest of the choice. It is emptied
 * whenever the node may have become cheaper: a speed that is new or has expired is reported so.
 */
export interface SpeedMemo {
  /** Null: the node was not measured; undefined: it was not looked for. */
  speed: NodeSpeed | null | undefined;
}

/** When an answer is expected of a node. */
export interface Expected extends Times {
  /** How much of that passes before the model is loaded. */
  readonly loadMs: number;
  /** The characters of the prompt that the node is expected to hold. */
  readonly heldChars: number;
  /** False: as for the average of the others, because the node's own speed is not known. */
  readonly isMeasured: boolean;
}

/** A wait for a faster node. */
export interface Wait {
  readonly expectedMs: number;
  /** After so long there is nothing to gain by it. */
  readonly mostMs: number;
}

/** What was expected of a node when a call's node was chosen. */
export interface Compared {
  readonly node: Node;
  readonly expected: Expected;
  /** Slots that were free then. */
  readonly freeSlots: number;
}

/** What a gateway has measured of a node. */
export interface SharedSpeed {
  readonly nodeKey: string;
  readonly service: Service;
  /** When it was measured, in monotonic milliseconds. */
  readonly measuredMs: number;
  readonly speed: SpeedRecord;
}

/** Why a node got a call: what was expected of the nodes compared. */
export interface Choice {
  readonly node: Node;
  readonly expected: Expected;
  /** The node got the call to be measured. */
  readonly isTrial: boolean;
  /** The best that were compared and the node itself, the soonest first. */
  readonly compared: readonly Compared[];
}

export type Writable<T> = { -readonly [Field in keyof T]: T[Field] };

/** A node that could take a call at once; the policy fills in what it expects of it. */
export interface Candidate extends Writable<Expected>, SpeedMemo {
  readonly node: Node;
  /** How many nodes of equal cost it stands for. */
  readonly weight: number;
  freeSlots: number;
  /** By which nodes are compared: the lower, the better. */
  costMs: number;
}

export function candidate(node: Node, weight: number, speed?: NodeSpeed | null): Candidate {
  return {
    node,
    weight,
    speed,
    firstMs: 0,
    endMs: 0,
    loadMs: 0,
    heldChars: 0,
    isMeasured: false,
    freeSlots: 0,
    costMs: 0,
  };
}

/** With `pick`, costs of the same multiple of this count as one step, and order the nodes within it. */
export const COST_STEP = 64;

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
  /** As the gateway received it; absent: not counted. */
  answerBytes?: number;
}

/** Prefers the node of whose share of slots the smallest part is in use. */
export const leastBusy: Policy = { cost: (node) => node.load };

export interface Policies {
  /** The policy that is configured for the model. */
  (model: string): Policy;
  readonly all: readonly Policy[];
}

export type PolicyName = Config["policy"];
