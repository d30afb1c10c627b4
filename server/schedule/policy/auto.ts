/** The policy that gives a call to the node at which its answer is expected to end first. */

import type { Endpoint } from "../../../protocol/mod.ts";
import type { Clock } from "../../base/clock.ts";
import { LruCache } from "../../base/lru.ts";
import type { Hub } from "../../node/hub.ts";
import type { Node } from "../../node/node.ts";
import type { Service } from "../../node/service.ts";
import type { CallRequest } from "../call.ts";
import { AnswerLengths } from "./answer_lengths.ts";
import { type Prefix, prefixesOf } from "./conversation.ts";
import { HeldPrefixes } from "./held_prefixes.ts";
import { NodeSpeed } from "./node_speed.ts";
import {
  type Candidate,
  type Choice,
  type Compared,
  COST_STEP,
  type Expected,
  type Policy,
  type Timing,
} from "./policy.ts";

/** Costs that differ by less than this factor count as equal: the less busy node gets the call. */
const EQUAL = 1.1;

/** At most one in so many calls goes to a node only because it was not measured. */
const CALLS_PER_TRIAL = 20;

/** The age at which a measurement is forgotten, so that a node which was slow then is tried again. */
const FORGET_AFTER_MS = 10 * 60 * 1000;

/** A model that was not called for so long may have been unloaded; model servers do so after 5 minutes. */
const UNLOADED_AFTER_MS = 5 * 60 * 1000;

/** How long loading takes until it is measured, at a node that says that the model is not loaded. */
const FIRST_LOAD_MS = 5_000;

/** A node whose answers are longer than others' by more than this factor has that much less counted of them. */
const LONGER = 1.3;

/** What a node holds of a shorter body is read in less time than is worth a look. */
const MIN_HELD_BYTES = 1_000;

/** Nodes that hold a call's beginning and are compared besides the cheapest. */
const MAX_HOLDERS = 2;

/** Candidates whose expectations are kept with the call. */
const SHOWN = 3;

/** Nodes of one service that wait to be tried. One that finds no room is noted when it is priced again. */
const MAX_UNTRIED = 1_000;

const MAX_NODES = 20_000;
const MAX_MODELS = 200;

/** What was measured of one service. */
interface Pool {
  readonly speeds: LruCache<string, NodeSpeed>;
  /** Sum over its nodes of the logarithm of a typical answer's time, and of its length. */
  logMs: number;
  logTokens: number;
  /** Keys of nodes that are to be tried, and wait for their turn. Not the nodes: those that leave are to be freed. */
  readonly untried: Set<string>;
  trial: Node | null;
  calls: number;
}

/** What is known of a call on its way. */
interface Plan {
  readonly promptChars: number;
  readonly prefixes: readonly Prefix[] | null;
  readonly held: ReadonlyMap<string, number>;
  readonly tokens: number;
  compared: readonly Compared[];
  isTrial: boolean;
  node: Node | null;
  expected: Expected | null;
  /** Slots of the node that were free when the call took one of them. */
  freeSlots: number;
  /** Running calls when it began, itself included. */
  running: number;
  mayLoad: boolean;
}

const NOTHING_HELD: ReadonlyMap<string, number> = new Map();

/**
 * The cost of a node is the time until the call's answer is expected to end there: loading, reading
 * what the node does not hold, and writing the expected answer at the speed measured with so many
 * calls running. The pool orders nodes by the cost of a typical call, in steps of 1.1; the first of
 * each of the lowest steps and the nodes that hold the conversation's beginning are compared for the
 * call itself. Among those within 1.1 of the soonest the least busy gets the call, at random among
 * equals, so that alike nodes share as under least-busy.
 */
export class Auto implements Policy {
  readonly #byModel = new LruCache<string, Map<Endpoint, Pool>>(MAX_MODELS);
  readonly #lengths = new AnswerLengths();
  readonly #held = new HeldPrefixes();
  readonly #plans = new WeakMap<CallRequest, Plan>();

  /** `seed` is secret to this process, so that digests cannot be computed elsewhere. */
  constructor(
    private readonly hub: Hub,
    private readonly clock: Clock,
    private readonly seed: bigint,
  ) {}

  cost(node: Node, service: Service): number {
    const load = Math.min(node.load, COST_STEP - 1);
    const pool = this.#poolOf(service);
    if (pool === undefined || pool.speeds.size === 0) return load;
    const speed = pool.speeds.peek(node.who.nodeKey);
    if (speed !== undefined) {
      const step = this.#isUnloaded(node, service)
        ? Math.round(stepOf(speed.typicalMs + (speed.loadMs || FIRST_LOAD_MS)))
        : speed.step(node.active + 1, stepOf);
      return step * COST_STEP + load;
    }
    if (pool.trial === node && node.active === 0) return 0;
    if (pool.untried.size < MAX_UNTRIED) pool.untried.add(node.who.nodeKey);
    return Math.round(stepOf(Math.exp(pool.logMs / pool.speeds.size))) * COST_STEP + load;
  }

  holders(request: CallRequest): readonly Node[] {
    const { held } = this.#planOf(request);
    if (held.size === 0) return [];
    const nodes: Node[] = [];
    for (const nodeKey of held.keys()) {
      const node = this.hub.find(nodeKey);
      if (node?.serves(request)) nodes.push(node);
      if (nodes.length === MAX_HOLDERS) break;
    }
    return nodes;
  }

  pick(request: CallRequest, candidates: readonly Candidate[], random: () => number): Node | null {
    const first = candidates[0];
    if (first === undefined) return null;
    const pool = this.#poolOf(request);
    if (pool === undefined || pool.speeds.size === 0) return leastLoaded(candidates, random);
    if (pool.trial === first.node && !pool.speeds.has(first.node.who.nodeKey)) {
      pool.trial = null;
      const plan = this.#planOf(request);
      plan.isTrial = true;
      plan.compared = [];
      return first.node;
    }
    const plan = this.#planOf(request);
    plan.isTrial = false;
    const compared = candidates.map((candidate) => ({
      ...candidate,
      expected: this.#expected(candidate.node, request, plan, pool),
      freeSlots: candidate.node.offer.maxParallel - candidate.node.active,
    }));
    // A node's slots beyond its share are for when no other node has one free.
    const isShared = compared.some(({ node }) => !node.isBeyondShare);
    const fit = isShared ? compared.filter(({ node }) => !node.isBeyondShare) : compared;
    const soonest = Math.min(...fit.map(({ expected }) => expected.endMs));
    plan.compared = compared.sort(bySoonest).slice(0, SHOWN);
    return leastLoaded(fit.filter(({ expected }) => expected.endMs <= soonest * EQUAL), random);
  }

  taken(node: Node, request: CallRequest): void {
    const pool = this.#poolOf(request);
    this.#countCall(pool);
    const plan = this.#planOf(request);
    plan.node = node;
    plan.running = node.active;
    const speed = pool?.speeds.get(node.who.nodeKey);
    plan.mayLoad = this.#mayLoad(node, request, speed);
    plan.expected = pool === undefined || pool.speeds.size === 0
      ? null
      : this.#expected(node, request, plan, pool, node.active);
    // The slot was free before the call took it.
    plan.freeSlots = node.offer.maxParallel - node.active + 1;
  }

  choiceOf(request: CallRequest): Choice | null {
    const plan = this.#plans.get(request);
    // Where one node alone serves the model there was nothing to choose.
    if (!plan?.node || plan.expected === null || !this.hub.hasSeveral(request.model)) return null;
    const { node, expected, isTrial, freeSlots, compared } = plan;
    const others = compared.filter((other) => other.node !== node).slice(0, SHOWN - 1);
    const all = [...others, { node, expected, freeSlots }];
    return { node, expected, isTrial, compared: all.sort(bySoonest) };
  }

  speedOf(node: Node, service: Service): NodeSpeed | null {
    return this.#poolOf(service)?.speeds.peek(node.who.nodeKey) ?? null;
  }

  learn(node: Node, request: CallRequest, timing: Timing): void {
    const plan = this.#planOf(request);
    if (plan.node !== node) return;
    const { model, accountId } = request;
    const nowMs = this.clock.monotonic();
    const pool = this.#poolFor(request);
    const { nodeKey } = node.who;
    const known = pool.speeds.get(nodeKey);
    const speed = known ?? new NodeSpeed();
    const tokens = timing.completionTokens ?? 0;
    const counted = tokens === 0 ? 0 : this.#counted(tokens, timing, speed, pool, known);
    const running = (plan.running + Math.max(1, node.active)) / 2;
    const held = plan.held.get(nodeKey) ?? 0;
    const chars = plan.promptChars - held * speed.hitRate;
    if (known !== undefined) {
      this.#forget(pool, speed);
      this.#compare(speed, plan, timing, counted, chars);
    }
    const { firstTokenMs } = timing;
    const overdueMs = firstTokenMs === null ? 0 : firstTokenMs - speed.readMs(chars);
    if (known !== undefined && plan.mayLoad && overdueMs > 500) {
      speed.loadMs += (speed.loadMs === 0 ? 1 : 0.3) * (overdueMs - speed.loadMs);
    } else {
      if (known !== undefined && held > 0 && firstTokenMs !== null) {
        this.#learnHit(speed, plan.promptChars, held, firstTokenMs);
      }
      const { durationMs } = timing;
      speed.learn({
        chars,
        tokens: counted,
        claimedTokens: tokens,
        running,
        firstMs: firstTokenMs,
        durationMs,
      });
    }
    speed.measuredMs = nowMs;
    this.#count(pool, speed);
    pool.speeds.set(nodeKey, speed);
    pool.untried.delete(nodeKey);
    if (counted > 0) this.#lengths.learn(model, accountId, counted);
    if (plan.prefixes !== null) {
      this.#held.keep(model, plan.prefixes, tokens * 4, nodeKey, nowMs);
    }
    this.#forgetOldest(pool, nowMs);
  }

  #expected(
    node: Node,
    request: CallRequest,
    plan: Plan,
    pool: Pool,
    running = node.active + 1,
  ): Expected {
    const { nodeKey } = node.who;
    const speed = pool.speeds.peek(nodeKey);
    const heldChars = plan.held.get(nodeKey) ?? 0;
    if (speed === undefined) {
      const endMs = Math.exp(pool.logMs / pool.speeds.size);
      return { firstMs: endMs / 10, endMs, loadMs: 0, heldChars, isMeasured: false };
    }
    const chars = plan.promptChars - heldChars * speed.hitRate;
    const { firstMs, endMs } = speed.expected({ chars, tokens: plan.tokens, running });
    const loadMs = this.#mayLoad(node, request, speed)
      ? speed.loadMs || (node.factsOf(request.model).loaded === false ? FIRST_LOAD_MS : 0)
      : 0;
    return {
      firstMs: firstMs + loadMs,
      endMs: endMs + loadMs,
      loadMs,
      heldChars,
      isMeasured: true,
    };
  }

  /** Whether the model may have to be loaded first: the node says so, or was not asked for long. */
  #mayLoad(node: Node, { model }: Service, speed: NodeSpeed | undefined): boolean {
    if (node.active > 1) return false;
    const { loaded } = node.factsOf(model);
    if (loaded !== null) return !loaded;
    return speed !== undefined && this.clock.monotonic() - speed.measuredMs > UNLOADED_AFTER_MS;
  }

  /**
   * The tokens of an answer that count for the node's speed. A node counts its tokens itself: more of
   * them than the answer has bytes are not believed, and of a node whose answers are longer than those
   * of the others the surplus is not counted, so that it gains nothing by it.
   */
  #counted(
    tokens: number,
    { answerBytes }: Timing,
    speed: NodeSpeed,
    pool: Pool,
    known: NodeSpeed | undefined,
  ): number {
    const believed = Math.max(1, Math.min(tokens, answerBytes ?? tokens));
    const others = pool.speeds.size - (known === undefined ? 0 : 1);
    if (others === 0 || speed.answers < 5) return believed;
    const ofOthers = (pool.logTokens - speed.logTokens) / others;
    const longer = Math.exp(speed.logTokens - ofOthers) / LONGER;
    return longer > 1 ? believed / longer : believed;
  }

  #isUnloaded(node: Node, { model }: Service): boolean {
    return node.active === 0 && node.offer.facts !== undefined &&
      node.factsOf(model).loaded === false;
  }

  #learnHit(speed: NodeSpeed, promptChars: number, held: number, firstMs: number): void {
    const [hitMs, missMs] = [speed.readMs(promptChars - held), speed.readMs(promptChars)];
    // Where reading costs next to nothing, a hit cannot be told from a miss.
    if (missMs < hitMs * 1.2 + 20) return;
    const isHit = firstMs < (hitMs + missMs) / 2 ? 1 : 0;
    speed.hitRate += 0.1 * (isHit - speed.hitRate);
  }

  /**
   * Keeps how far the expectations were off: a moving median each. The end is the one that was expected
   * of an answer of its real length, which no gateway can know before.
   */
  #compare(
    speed: NodeSpeed,
    { expected, running }: Plan,
    { firstTokenMs, durationMs }: Timing,
    tokens: number,
    chars: number,
  ): void {
    if (!expected?.isMeasured) return;
    const off = (was: number, real: number) => Math.abs(was - real) / Math.max(1, real);
    if (firstTokenMs !== null) {
      speed.firstError = median(speed.firstError, off(expected.firstMs, firstTokenMs));
    }
    const { endMs } = speed.expected({ chars, tokens, running });
    speed.endError = median(speed.endError, off(endMs, durationMs));
  }

  #planOf(request: CallRequest): Plan {
    const known = this.#plans.get(request);
    if (known !== undefined) return known;
    const { model, accountId, body, maxTokens = null } = request;
    const prefixes = this.#prefixesOf(request);
    const nowMs = this.clock.monotonic();
    const plan = {
      promptChars: prefixes?.at(-1)?.chars ?? body.bytes.length,
      prefixes,
      held: prefixes === null ? NOTHING_HELD : this.#held.heldOf(model, prefixes, nowMs),
      tokens: this.#lengths.expected(model, accountId, maxTokens),
      compared: [],
      isTrial: false,
      node: null,
      expected: null,
      freeSlots: 0,
      running: 1,
      mayLoad: false,
    };
    this.#plans.set(request, plan);
    return plan;
  }

  /**
   * Seeded by account: where a call goes must not tell an account what others have said. Null where
   * there is only one node, which gets the call whatever it holds, and for short prompts.
   */
  #prefixesOf({ model, endpoint, accountId, body }: CallRequest): readonly Prefix[] | null {
    if (body.bytes.length < MIN_HELD_BYTES || !this.hub.hasSeveral(model)) return null;
    return prefixesOf(endpoint, body.text, BigInt(Bun.hash(accountId, this.seed)));
  }

  #poolOf({ model, endpoint }: Service): Pool | undefined {
    return this.#byModel.peek(model)?.get(endpoint);
  }

  #poolFor({ model, endpoint }: Service): Pool {
    const byEndpoint: Map<Endpoint, Pool> = this.#byModel.get(model) ?? new Map();
    this.#byModel.set(model, byEndpoint);
    const known = byEndpoint.get(endpoint);
    if (known !== undefined) return known;
    const pool: Pool = {
      speeds: new LruCache(MAX_NODES),
      logMs: 0,
      logTokens: 0,
      untried: new Set(),
      trial: null,
      calls: 0,
    };
    byEndpoint.set(endpoint, pool);
    return pool;
  }

  /** One in twenty calls lets a node be tried that was not measured. */
  #countCall(pool: Pool | undefined): void {
    if (pool === undefined || ++pool.calls % CALLS_PER_TRIAL !== 0) return;
    for (const nodeKey of pool.untried) {
      pool.untried.delete(nodeKey);
      const node = this.hub.find(nodeKey);
      if (!node?.isConnected || pool.speeds.has(nodeKey)) continue;
      pool.trial = node;
      this.hub.ease(node);
      return;
    }
  }

  #count(pool: Pool, speed: NodeSpeed): void {
    speed.logMs = Math.log(1 + speed.typicalMs);
    pool.logMs += speed.logMs;
    pool.logTokens += speed.logTokens;
  }

  #forget(pool: Pool, speed: NodeSpeed): void {
    pool.logMs -= speed.logMs;
    pool.logTokens -= speed.logTokens;
  }

  #forgetOldest(pool: Pool, nowMs: number): void {
    const [nodeKey] = pool.speeds.rkeys();
    const speed = nodeKey === undefined ? undefined : pool.speeds.peek(nodeKey);
    if (nodeKey === undefined || speed === undefined) return;
    const isFull = pool.speeds.size >= MAX_NODES;
    if (!isFull && nowMs - speed.measuredMs < FORGET_AFTER_MS) return;
    this.#forget(pool, speed);
    pool.speeds.delete(nodeKey);
    const node = this.hub.find(nodeKey);
    if (node !== undefined) this.hub.ease(node);
  }
}

/** The least loaded, at random among equals; each stands for so many nodes as its weight says. */
function leastLoaded(candidates: readonly Candidate[], random: () => number): Node | null {
  let best: Node | null = null;
  let weights = 0;
  for (const { node, weight } of candidates) {
    if (best === null || node.load < best.load) {
      best = node;
      weights = weight;
    } else if (node.load === best.load) {
      weights += weight;
      if (random() * weights < weight) best = node;
    }
  }
  return best;
}

function bySoonest(a: Compared, b: Compared): number {
  return a.expected.endMs - b.expected.endMs;
}

/** A cost in steps of 1.1. */
function stepOf(ms: number): number {
  return Math.log(1 + ms) / Math.log(EQUAL);
}

/** Moves towards the newest by a fixed part of itself, so that it settles where half are above. */
function median(before: number, newest: number): number {
  if (before === 0) return newest;
  return newest > before ? before * 1.05 : before / 1.05;
}
