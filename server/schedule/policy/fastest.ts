/** The policy that prefers the nodes whose latest answers were the fastest. */

import type { Endpoint } from "../../../protocol/mod.ts";
import type { Clock } from "../../base/clock.ts";
import { LruCache } from "../../base/lru.ts";
import type { Hub } from "../../node/hub.ts";
import type { Node } from "../../node/node.ts";
import type { Service } from "../../node/service.ts";
import type { CallRequest } from "../call.ts";
import type { Policy, Timing } from "./policy.ts";

/** A node's averages for one model at one endpoint. */
interface Speed {
  firstTokenMs: number;
  perTokenMs: number;
  /** When it was last measured, in monotonic milliseconds. */
  measuredMs: number;
}

/** The speeds of one service's nodes by node key; the one measured longest ago is last. */
type Speeds = LruCache<string, Speed>;

/** Weight of the newest answer in the averages. */
const NEWEST_WEIGHT = 0.3;

/** The age at which a measurement expires, so that a node which was slow then is tried again. */
const FORGET_AFTER_MS = 10 * 60 * 1000;

/** At most one measurement expires per this many calls, so that few calls go to nodes that may be slow. */
const CALLS_PER_FORGETTING = 20;

/** Nodes are compared by the time that they need for an answer of this length. */
const ANSWER_TOKENS = 200;

/** Times that differ by less than this factor count as equal, and the node is chosen at random. */
const STEP = 1.1;

/** The cost of a second call on a node whose first call is still running: measured nodes go first. */
const UNKNOWN_COST = 1e8;

const MAX_NODES = 20_000;
const MAX_MODELS = 200;

/**
 * A node's cost is the time that it needs for a typical answer, once when it is idle and up to twice
 * when it is full: a node twice as fast as another is filled before the other is called, and equally
 * fast nodes share. A node without a recent measurement gets the next call.
 */
export class Fastest implements Policy {
  readonly #byModel = new LruCache<string, Map<Endpoint, Speeds>>(MAX_MODELS);
  #learned = 0;

  constructor(private readonly hub: Hub, private readonly clock: Clock) {}

  cost(node: Node, { model, endpoint }: Service): number {
    const speed = this.#byModel.peek(model)?.get(endpoint)?.peek(node.who.nodeKey);
    if (speed === undefined) return node.active === 0 ? 0 : UNKNOWN_COST;
    const answerMs = speed.firstTokenMs + ANSWER_TOKENS * speed.perTokenMs;
    return STEP ** Math.round(Math.log(1 + answerMs * (1 + node.load)) / Math.log(STEP));
  }

  learn(node: Node, request: CallRequest, timing: Timing): boolean {
    const speeds = this.#speedsOf(request);
    const { nodeKey } = node.who;
    speeds.set(nodeKey, averaged(speeds.peek(nodeKey), timing, this.clock.monotonic()));
    if (++this.#learned % CALLS_PER_FORGETTING === 0) this.#forgetOldest(speeds);
    return true;
  }

  #speedsOf({ model, endpoint }: Service): Speeds {
    const byEndpoint: Map<Endpoint, Speeds> = this.#byModel.get(model) ?? new Map();
    this.#byModel.set(model, byEndpoint);
    const speeds: Speeds = byEndpoint.get(endpoint) ?? new LruCache(MAX_NODES);
    byEndpoint.set(endpoint, speeds);
    return speeds;
  }

  #forgetOldest(speeds: Speeds): void {
    const [nodeKey] = speeds.rkeys();
    const speed = nodeKey === undefined ? undefined : speeds.peek(nodeKey);
    if (nodeKey === undefined || speed === undefined) return;
    if (this.clock.monotonic() - speed.measuredMs < FORGET_AFTER_MS) return;
    speeds.delete(nodeKey);
    const node = this.hub.find(nodeKey);
    if (node) this.hub.ease(node);
  }
}

/** An answer in one piece does not show its first token; the node's average stands in for it. */
function averaged(before: Speed | undefined, timing: Timing, measuredMs: number): Speed {
  const { durationMs, completionTokens } = timing;
  const firstTokenMs = timing.firstTokenMs ?? before?.firstTokenMs ?? 0;
  const perTokenMs = completionTokens
    ? Math.max(0, durationMs - firstTokenMs) / completionTokens
    : before?.perTokenMs ?? 0;
  if (before === undefined) return { firstTokenMs, perTokenMs, measuredMs };
  return {
    firstTokenMs: mixed(before.firstTokenMs, firstTokenMs),
    perTokenMs: mixed(before.perTokenMs, perTokenMs),
    measuredMs,
  };
}

function mixed(before: number, newest: number): number {
  return before + NEWEST_WEIGHT * (newest - before);
}
