/** What was measured of nodes: their speeds, by service, and the nodes that are still to be measured. */

import { LruCache } from "../../base/lru.ts";
import type { Hub } from "../../node/hub.ts";
import type { Node } from "../../node/node.ts";
import { ByService, type Service } from "../../node/service.ts";
import type { NodeSpeed } from "./node_speed.ts";
import type { SharedSpeed, SpeedMemo } from "./policy.ts";
import type { SlotEnds } from "./slot_ends.ts";

/** At most one in so many calls goes to a node only because it was not measured. */
const CALLS_PER_TRIAL = 20;

/** The age at which a measurement expires, so that a node which was slow then is tried again. */
export const FORGET_AFTER_MS = 10 * 60 * 1000;

/** A node whose answers are longer than others' by more than this factor has that much less counted of them. */
const LONGER = 1.03;

/**
 * Longer than chance makes answers. An honest node's are too long by chance at times, and too short
 * at others, which gains it nothing: so that this gains a liar nothing either, it has a little more
 * deducted.
 */
const FAR_LONGER = 1.25;

/** So many answers of a node say how long its answers are. Before, they count up to so many times what was expected. */
const SOME_ANSWERS = 5;
const MOST_EXPECTED = 3;

/** Nodes of one service that wait to be tried. One that finds no room is noted when it is priced again. */
const MAX_UNTRIED = 1_000;

/** Nodes that are looked at for one that is to be tried. */
const MAX_TRIAL_LOOKS = 8;

/** Speeds kept, over all services; that of the oldest answer is evicted first. */
const MAX_SPEEDS = 50_000;

/** Where a measured speed is kept. */
interface Kept {
  readonly pool: SpeedPool;
  readonly nodeKey: string;
}

export class SpeedBook {
  readonly #pools = new ByService<SpeedPool>();
  /** All measured speeds, that of the latest answer first. */
  readonly #speeds = new LruCache<NodeSpeed, Kept>(MAX_SPEEDS);
  /** Before this, in monotonic milliseconds, no speed is old enough to expire. */
  #forgetsMs = 0;
  /** The pool that was asked for last: a choice asks for one many times. */
  #lastPool: SpeedPool | undefined;

  constructor(private readonly hub: Hub) {}

  /** Undefined: no node of the service was measured. */
  poolOf(service: Service): SpeedPool | undefined {
    const last = this.#lastPool;
    if (last?.service.model === service.model && last.service.endpoint === service.endpoint) {
      return last;
    }
    const pool = this.#pools.get(service);
    if (pool !== undefined) this.#lastPool = pool;
    return pool;
  }

  /** The service's pool, made where there is none. */
  poolFor({ model, endpoint }: Service): SpeedPool {
    const known = this.poolOf({ model, endpoint });
    if (known !== undefined) return known;
    const pool = new SpeedPool({ model, endpoint });
    this.#pools.set(pool.service, pool);
    return pool;
  }

  /** At most so many, that of the latest answer first. */
  latest(most: number): NodeSpeed[] {
    return [...this.#speeds.keys().take(most)];
  }

  /** What was measured here after that time, the newest first. */
  *measuredSince(sinceMs: number): Iterable<SharedSpeed> {
    for (const [speed, { pool: { service }, nodeKey }] of this.#speeds.entries()) {
      if (speed.isAdopted) continue;
      const { measuredMs } = speed;
      if (measuredMs <= sinceMs) return;
      yield { nodeKey, service, measuredMs, speed: speed.record() };
    }
  }

  /** Keeps a speed of the pool's, new or changed; a known one was subtracted from the pool before it changed. */
  keep(pool: SpeedPool, nodeKey: string, speed: NodeSpeed): void {
    pool.add(speed);
    if (this.#speeds.get(speed) !== undefined) return;
    pool.measured(nodeKey, speed);
    if (this.#speeds.size >= MAX_SPEEDS) this.#forget(this.#oldest());
    this.#speeds.set(speed, { pool, nodeKey });
  }

  /** Forgets the oldest speed if it has expired. */
  forgetOldest(nowMs: number): void {
    if (nowMs < this.#forgetsMs) return;
    const oldest = this.#oldest();
    if (oldest === undefined) return;
    const forgetsMs = oldest.measuredMs + FORGET_AFTER_MS;
    if (nowMs < forgetsMs) this.#forgetsMs = forgetsMs;
    else this.#forget(oldest);
  }

  #oldest(): NodeSpeed | undefined {
    for (const speed of this.#speeds.rkeys()) return speed;
    return undefined;
  }

  #forget(speed: NodeSpeed | undefined): void {
    const kept = speed && this.#speeds.peek(speed);
    if (kept === undefined) return;
    const { pool, nodeKey } = kept;
    this.#speeds.delete(speed!);
    pool.subtract(speed!);
    pool.speeds.delete(nodeKey);
    if (pool.speeds.size === 0) {
      this.#pools.delete(pool.service);
      this.#lastPool = undefined;
    }
    const node = this.hub.find(nodeKey);
    if (node !== undefined) this.hub.ease(node, pool.service);
  }
}

/** What was measured of one service. */
export class SpeedPool {
  /** By node key. */
  readonly speeds = new Map<string, NodeSpeed>();
  /** The key of the node that gets the next call, to be measured. */
  trial: string | null = null;
  /** Of the calls that run on this gateway's nodes for everyone; null: none runs. */
  ends: SlotEnds | null = null;
  /** How many times as long as expected waits for faster nodes were. */
  slack = 1;
  /** Sum over its nodes of the logarithm of a typical answer's time. */
  #logMs = 0;
  /** The same of their answers' lengths; those with few answers count less. */
  #logTokens = 0;
  #lengthWeights = 0;
  /** Keys of nodes that were not measured. Not the nodes: those that leave are to be freed. */
  readonly #untried = new Set<string>();
  #calls = 0;

  constructor(readonly service: Service) {}

  /** The measured speed of the node, which `memo` keeps; null: it was not measured. */
  speedAt(node: Node, memo?: SpeedMemo): NodeSpeed | null {
    if (memo?.speed !== undefined) return memo.speed;
    const speed = this.speeds.get(node.who.nodeKey) ?? null;
    if (memo !== undefined) memo.speed = speed;
    return speed;
  }

  /** What a typical answer takes on average at the nodes that were measured. */
  get meanMs(): number {
    return Math.exp(this.#logMs / this.speeds.size);
  }

  /** Adds what is known of a node's speed to the sums. */
  add(speed: NodeSpeed): void {
    speed.logMs = Math.log(1 + speed.typicalMs);
    this.#logMs += speed.logMs;
    this.#countTokens(speed, 1);
  }

  /** Takes the speed out of the sums: it is about to change, or forgotten. */
  subtract(speed: NodeSpeed): void {
    this.#logMs -= speed.logMs;
    this.#countTokens(speed, -1);
  }

  #countTokens(speed: NodeSpeed, by: 1 | -1): void {
    const weight = by * Math.min(speed.answers, SOME_ANSWERS);
    this.#logTokens += weight * speed.logTokens;
    this.#lengthWeights += weight;
  }

  /** The node was measured for the first time. */
  measured(nodeKey: string, speed: NodeSpeed): void {
    this.speeds.set(nodeKey, speed);
    this.#untried.delete(nodeKey);
  }

  /** The node was not measured. */
  noteUntried(nodeKey: string): void {
    if (this.#untried.size < MAX_UNTRIED) this.#untried.add(nodeKey);
  }

  /** Counts a call that the node gets. One in twenty lets a node be tried that was not measured. */
  countCall(nodeKey: string, hub: Hub): void {
    if (this.trial === nodeKey) this.trial = null;
    if (++this.#calls % CALLS_PER_TRIAL !== 0) return;
    let looks = MAX_TRIAL_LOOKS;
    for (const nodeKey of this.#untried) {
      this.#untried.delete(nodeKey);
      const node = hub.find(nodeKey);
      if (node?.serves(this.service) && !this.speeds.has(nodeKey)) {
        // Until it was measured, it waits for its next turn.
        this.#untried.add(nodeKey);
        if (node.active === 0) {
          this.trial = nodeKey;
          return;
        }
      }
      if (--looks === 0) return;
    }
  }

  /** The most tokens that are believed of an answer, of which so many were expected. */
  mostTokens(speed: NodeSpeed, expected: number): number {
    const isKnown = speed.answers >= SOME_ANSWERS || this.#lengthWeights <= 0;
    return isKnown ? Infinity : MOST_EXPECTED * expected;
  }

  /**
   * By how much the node's answers are too long to be believed. A node counts its tokens itself: of one
   * whose answers are longer than those of the others the surplus is not counted, so that it gains
   * nothing by it.
   */
  surplusOf(speed: NodeSpeed): number {
    const weightOfOthers = this.#lengthWeights - SOME_ANSWERS;
    if (speed.answers < SOME_ANSWERS || weightOfOthers <= 0) return 1;
    const ofOthers = (this.#logTokens - SOME_ANSWERS * speed.logTokens) / weightOfOthers;
    const surplus = Math.exp(speed.logTokens - ofOthers);
    return surplus <= LONGER ? 1 : surplus <= FAR_LONGER ? surplus : surplus * LONGER;
  }
}
