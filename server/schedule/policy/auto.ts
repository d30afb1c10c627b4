/** The policy that gives a call to the node at which its answer is expected to end first. */

import type { Clock } from "../../base/clock.ts";
import type { Hub } from "../../node/hub.ts";
import type { Node } from "../../node/node.ts";
import type { Service } from "../../node/service.ts";
import type { CallRequest } from "../call.ts";
import { AnswerLengths } from "./answer_lengths.ts";
import { type Prefix, prefixesOf } from "./conversation.ts";
import { HeldPrefixes } from "./held_prefixes.ts";
import { NodeSpeed } from "./node_speed.ts";
import { type NodeEnds, SlotEnds } from "./slot_ends.ts";
import { FORGET_AFTER_MS, SpeedBook, type SpeedPool } from "./speed_book.ts";
import { ANSWER_TOKENS } from "./typical_call.ts";
import {
  type Candidate,
  type Choice,
  type Compared,
  COST_STEP,
  type Expected,
  type Policy,
  type SharedSpeed,
  type SpeedMemo,
  type Timing,
  type Wait,
  type Writable,
} from "./policy.ts";

/** Costs that differ by less than this factor count as equal: the less busy node gets the call. */
const EQUAL = 1.1;

/** What this gateway has measured counts for so long longer than what another one has. */
const OWN_COUNTS_MS = 60_000;

/** A model that was not called for so long may have been unloaded; model servers do so after 5 minutes. */
const UNLOADED_AFTER_MS = 5 * 60 * 1000;

/** How long loading takes until it is measured, at a node that says that the model is not loaded. */
const FIRST_LOAD_MS = 5_000;

/** The part of a typical answer's time until its first token, at a node that was not measured. */
const FIRST_PART = 0.1;

/** What a node holds of a shorter body is read in less time than is worth a look. */
const MIN_HELD_BYTES = 1_000;

/** Nodes that hold a call's beginning and are compared besides the cheapest. */
const MAX_HOLDERS = 2;

/**
 * How many times the time to the first token counts besides, where a node holds the conversation's
 * beginning: reading again what it holds takes that node's time from other calls, too.
 */
const HELD_FIRST_WEIGHT = 20;

/** A call waits for a faster node where that costs so many times less; one that goes on with a conversation, where it costs far less. */
const WORTH_WAITING = 2;
const WORTH_WAITING_HELD = 4;

/** Weight of the newest wait in `slack`, and its bounds. */
const WAIT_WEIGHT = 0.1;
const MAX_SLACK = 1_000;

/** A wait that has got no slot in so many times the expected time doubles `slack`. */
const IN_VAIN = 4;

/** By how much `slack` shrinks with each call that does not wait because of it. */
const SLACK_DECAY = 0.998;

/** Candidates whose expectations are kept with the call. */
const SHOWN = 3;

const NONE: readonly Candidate[] = [];

/** What is known of a call on its way; once it has got its node, when its answer was expected there. */
class Plan implements Expected {
  /** The nodes that were compared last. */
  compared: readonly Candidate[] = NONE;
  /** The one of those that was chosen, with so many calls running. */
  picked: Candidate | null = null;
  pickedRunning = 0;
  isTrial = false;
  /** The two when the call got its node: another one may be looked for later, while that one cannot be reached. */
  given: readonly Candidate[] = NONE;
  wasTrial = false;
  node: Node | null = null;
  /** False: no node was measured, or the call has none. */
  isExpected = false;
  firstMs = 0;
  endMs = 0;
  loadMs = 0;
  heldChars = 0;
  isMeasured = false;
  /** Slots of the node that were free when the call took one of them. */
  freeSlots = 0;
  /** Running calls when it began, itself included. */
  running = 1;
  mayLoad = false;
  /** In whose ends its own is counted, as one of its node's; null: it is not. */
  pool: SpeedPool | null = null;
  ends: NodeEnds | null = null;

  constructor(
    readonly promptChars: number,
    readonly prefixes: readonly Prefix[] | null,
    readonly held: ReadonlyMap<string, number>,
    readonly tokens: number,
    /** When the call came, in monotonic milliseconds. */
    readonly nowMs: number,
  ) {}
}

const NO_NODES: readonly Node[] = [];
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
  readonly #book: SpeedBook;
  readonly #lengths = new AnswerLengths();
  readonly #held = new HeldPrefixes();
  readonly #scratch = { firstMs: 0, endMs: 0, loadMs: 0, heldChars: 0, isMeasured: false };
  /** Without calls: most models are called by one caller at a time, and need none for long. */
  #spareEnds: SlotEnds | null = null;
  /** `seed` is secret to this process, so that digests cannot be computed elsewhere. */
  constructor(
    private readonly hub: Hub,
    private readonly clock: Clock,
    private readonly seed: bigint,
  ) {
    this.#book = new SpeedBook(hub);
  }

  cost(node: Node, service: Service, memo?: SpeedMemo): number {
    const load = Math.min(node.load, COST_STEP - 1);
    const pool = this.#book.poolOf(service);
    if (pool === undefined) return load;
    const speed = pool.speedAt(node, memo);
    if (speed !== null) {
      const step = this.#isUnloaded(node, service)
        ? Math.round(stepOf(speed.typicalMs + (speed.loadMs || FIRST_LOAD_MS)))
        : speed.step(node.active + 1, stepOf);
      return step * COST_STEP + load;
    }
    pool.noteUntried(node.who.nodeKey);
    return Math.round(stepOf(pool.meanMs)) * COST_STEP + load;
  }

  /** The node that is to be tried, and those that hold the conversation's beginning. */
  others(request: CallRequest): readonly Node[] {
    const { held } = this.#planOf(request);
    const trial = this.#book.poolOf(request)?.trial ?? null;
    if (held.size === 0 && trial === null) return NO_NODES;
    const nodes: Node[] = [];
    const add = (nodeKey: string) => {
      const node = this.hub.find(nodeKey);
      if (node?.serves(request)) nodes.push(node);
    };
    if (trial !== null) add(trial);
    const most = nodes.length + MAX_HOLDERS;
    for (const nodeKey of held.keys()) {
      if (nodes.length === most) break;
      add(nodeKey);
    }
    return nodes;
  }

  pick(request: CallRequest, candidates: readonly Candidate[], random: () => number): Node | null {
    const pool = this.#book.poolOf(request);
    if (pool === undefined) return leastLoaded(candidates, Infinity, random)?.node ?? null;
    const plan = this.#planOf(request);
    // A node's slots beyond its share are for when no other node has one free.
    let isShared = false;
    for (const { node } of candidates) {
      if (node.who.nodeKey === pool.trial) {
        plan.isTrial = true;
        plan.compared = NONE;
        plan.picked = null;
        return node;
      }
      isShared ||= !node.isBeyondShare;
    }
    let lowestMs = Infinity;
    for (const candidate of candidates) {
      const { node } = candidate;
      const speed = pool.speedAt(node, candidate);
      this.#expect(candidate, speed, node, request, plan, pool, node.active + 1);
      candidate.costMs = costOf(candidate, plan);
      candidate.freeSlots = node.offer.maxParallel - node.active;
      if (isShared && node.isBeyondShare) continue;
      lowestMs = Math.min(lowestMs, candidate.costMs);
    }
    plan.isTrial = false;
    plan.compared = candidates;
    const picked = leastLoaded(candidates, lowestMs * EQUAL, random, isShared);
    plan.picked = picked;
    if (picked === null) return null;
    plan.pickedRunning = picked.node.active + 1;
    return picked.node;
  }

  taken(node: Node, request: CallRequest): void {
    const plan = this.#planOf(request);
    if (plan.node !== null) this.released(plan.node, request);
    plan.node = node;
    plan.given = plan.compared;
    plan.wasTrial = plan.isTrial;
    plan.isExpected = false;
    plan.running = node.active;
    // The slot was free before the call took it.
    plan.freeSlots = node.offer.maxParallel - node.active + 1;
    const pool = this.#book.poolOf(request);
    if (pool === undefined) return;
    pool.countCall(node.who.nodeKey, this.hub);
    const { picked } = plan;
    const speed = pool.speedAt(node, picked?.node === node ? picked : undefined);
    plan.mayLoad = mayLoad(node, request, speed, plan.nowMs);
    plan.isExpected = true;
    this.#expect(plan, speed, node, request, plan, pool, node.active);
    if (speed === null || node.gateway !== null || !node.audience.isForEveryone) return;
    // There is none to wait for where one node alone was measured.
    if (pool.speeds.size === 1) return;
    plan.pool = pool;
    pool.ends ??= this.#spareEnds ?? new SlotEnds();
    this.#spareEnds = null;
    plan.ends = speed.ends;
    pool.ends.add(speed.ends, speed.step(node.offer.maxParallel, stepOf), plan.endMs);
  }

  released(node: Node, { plan }: Pick<CallRequest, "plan">): void {
    if (!(plan instanceof Plan) || plan.node !== node) return;
    const ends = plan.pool?.ends ?? null;
    if (plan.pool === null || ends === null) return;
    ends.remove(plan.ends!, plan.endMs);
    if (ends.size === 0) {
      plan.pool.ends = null;
      this.#spareEnds = ends;
    }
    plan.pool = null;
  }

  opened(node: Node, isOpen: boolean, concerns: (model: string) => boolean): void {
    for (const service of node.services()) {
      if (!concerns(service.model)) continue;
      const pool = this.#book.poolOf(service);
      const speed = pool?.speeds.get(node.who.nodeKey);
      if (!pool?.ends || speed === undefined) continue;
      if (isOpen) pool.ends.open(speed.ends);
      else pool.ends.close(speed.ends);
    }
  }

  waitFor(node: Node, request: CallRequest, ahead: number): Wait | null {
    const pool = this.#book.poolOf(request);
    // What is known of ends is of nodes for everyone; there is none where one node alone serves the model.
    if (!pool?.ends || request.route !== "any") return null;
    const plan = this.#planOf(request);
    const running = node.active + 1;
    const picked = plan.picked?.node === node && plan.pickedRunning === running
      ? plan.picked
      : null;
    const speed = pool.speedAt(node, picked ?? undefined);
    if (speed === null) return null;
    const step = speed.step(running, stepOf);
    if (!pool.ends.hasBelow(step) || !this.hub.hasSeveral(request.model)) return null;
    const here = picked ?? this.#scratch;
    if (picked === null) this.#expect(here, speed, node, request, plan, pool, running);
    const costMs = costOf(here, plan);
    const isHeld = plan.held.size > 0;
    const waitCost = isHeld ? 1 + HELD_FIRST_WEIGHT : 1;
    // A faster node that becomes free does not hold what this one does.
    const unheldMs = isHeld ? costMs + waitCost * speed.msPerChar * here.heldChars : costMs;
    const wait = pool.ends.best(step, unheldMs, ahead, waitCost * pool.slack);
    if (wait === null) return null;
    const { waitMs, runMs } = wait;
    const worthMs = costMs / (isHeld ? WORTH_WAITING_HELD : WORTH_WAITING);
    if (waitMs * waitCost * pool.slack + runMs < worthMs) {
      return { expectedMs: waitMs, mostMs: (costMs - runMs) / waitCost };
    }
    if (waitMs * waitCost + runMs < worthMs) pool.slack = Math.max(1, pool.slack * SLACK_DECAY);
    return null;
  }

  /** Waits that take longer than expected, because calls stall or nodes leave, are not begun for a while. */
  waited(request: CallRequest, { expectedMs }: Wait, ms: number, isServed: boolean): void {
    const pool = this.#book.poolOf(request);
    if (pool === undefined) return;
    const factor = ms / Math.max(1, expectedMs);
    // How long a wait that did not pay off would have taken is unknown. One in fifty is this much too long by chance.
    const slack = !isServed && factor > IN_VAIN
      ? pool.slack * 2
      : pool.slack + WAIT_WEIGHT * (factor - pool.slack);
    pool.slack = Math.min(MAX_SLACK, Math.max(1, slack));
  }

  choiceOf({ plan, model }: CallRequest): Choice | null {
    // Where one node alone serves the model there was nothing to choose.
    if (!(plan instanceof Plan) || !this.hub.hasSeveral(model)) return null;
    const { node, isExpected, wasTrial: isTrial, freeSlots } = plan;
    if (node === null || !isExpected) return null;
    const { firstMs, endMs, loadMs, heldChars, isMeasured } = plan;
    const expected = { firstMs, endMs, loadMs, heldChars, isMeasured };
    const others = plan.given.filter((other) => other.node !== node)
      .map(({ node, freeSlots, ...expected }) => ({ node, freeSlots, expected }))
      .sort(bySoonest).slice(0, SHOWN - 1);
    const compared = [...others, { node, expected, freeSlots }].sort(bySoonest);
    return { node, expected, isTrial, compared };
  }

  speedOf(node: Node, service: Service): NodeSpeed | null {
    return this.#book.poolOf(service)?.speeds.get(node.who.nodeKey) ?? null;
  }

  typicalMs(service: Service): number | null {
    const pool = this.#book.poolOf(service);
    return pool === undefined || pool.speeds.size === 0 ? null : pool.meanMs;
  }

  speeds(most: number): NodeSpeed[] {
    return this.#book.latest(most);
  }

  measuredSince(sinceMs: number): Iterable<SharedSpeed> {
    return this.#book.measuredSince(sinceMs);
  }

  /** What was measured here counts, unless it is much older. */
  adopt({ nodeKey, service, measuredMs, speed: record }: SharedSpeed): void {
    if (this.clock.monotonic() - measuredMs >= FORGET_AFTER_MS) return;
    const pool = this.#book.poolFor(service);
    const known = pool.speeds.get(nodeKey);
    const countsForMs = known?.isAdopted ? 0 : OWN_COUNTS_MS;
    if (known !== undefined && measuredMs <= known.measuredMs + countsForMs) return;
    const speed = known ?? new NodeSpeed();
    const before = speed.logMs;
    if (known !== undefined) pool.subtract(speed);
    speed.adopt(record);
    speed.measuredMs = measuredMs;
    this.#book.keep(pool, nodeKey, speed);
    const node = this.hub.find(nodeKey);
    if (node !== undefined && (known === undefined || speed.logMs < before)) {
      this.hub.ease(node, service);
    }
  }

  learn(node: Node, request: CallRequest, timing: Timing): boolean {
    const plan = this.#planOf(request);
    if (plan.node !== node) return false;
    const { model, accountId } = request;
    const nowMs = this.clock.monotonic();
    const pool = this.#book.poolFor(request);
    const { nodeKey } = node.who;
    const known = pool.speeds.get(nodeKey);
    const speed = known ?? new NodeSpeed();
    const before = speed.logMs;
    const tokens = timing.completionTokens ?? 0;
    // More tokens than the answer has bytes are not believed.
    const believed = Math.min(
      tokens,
      Math.max(1, timing.answerBytes ?? tokens),
      pool.mostTokens(speed, plan.tokens),
    );
    const counted = believed / pool.surplusOf(speed);
    const running = (plan.running + Math.max(1, node.active)) / 2;
    const held = plan.held.get(nodeKey) ?? 0;
    const chars = plan.promptChars - held * speed.hitRate;
    if (known !== undefined) {
      pool.subtract(speed);
      this.#compare(speed, plan, timing, counted, chars);
    }
    const { firstTokenMs } = timing;
    const overdueMs = firstTokenMs === null ? 0 : firstTokenMs - speed.readMs(chars, plan.running);
    if (known !== undefined && plan.mayLoad && overdueMs > 500) {
      speed.loadMs += (speed.loadMs === 0 ? 1 : 0.3) * (overdueMs - speed.loadMs);
    } else {
      if (known !== undefined && held > 0 && firstTokenMs !== null) {
        this.#learnHit(speed, plan, held, firstTokenMs);
      }
      const { durationMs } = timing;
      speed.learn({
        chars,
        tokens: counted,
        claimedTokens: tokens,
        running,
        reading: plan.running,
        firstMs: firstTokenMs,
        durationMs,
      });
    }
    speed.measuredMs = nowMs;
    this.#book.keep(pool, nodeKey, speed);
    if (counted > 0) this.#lengths.learn(model, accountId, counted);
    if (plan.prefixes !== null) {
      this.#held.keep(plan.prefixes, counted * 4, nodeKey, nowMs);
    }
    this.#book.forgetOldest(nowMs);
    return known === undefined || speed.logMs < before;
  }

  /** Writes into `expected` when the answer is expected at the node with so many calls running. */
  #expect(
    expected: Writable<Expected>,
    speed: NodeSpeed | null,
    node: Node,
    request: CallRequest,
    plan: Plan,
    pool: SpeedPool,
    running: number,
  ): void {
    expected.isMeasured = speed !== null;
    expected.heldChars = plan.held.size === 0 ? 0 : plan.held.get(node.who.nodeKey) ?? 0;
    if (speed === null) {
      const typicalMs = pool.meanMs;
      expected.loadMs = 0;
      expected.firstMs = typicalMs * FIRST_PART;
      expected.endMs = expected.firstMs +
        typicalMs * (1 - FIRST_PART) * plan.tokens / ANSWER_TOKENS;
      return;
    }
    const chars = plan.promptChars - expected.heldChars * speed.hitRate;
    expected.loadMs = mayLoad(node, request, speed, plan.nowMs)
      ? speed.loadMs || (node.factsOf(request.model).loaded === false ? FIRST_LOAD_MS : 0)
      : 0;
    expected.firstMs = expected.loadMs + speed.readMs(chars, running);
    expected.endMs = expected.firstMs + speed.lateMs + plan.tokens * speed.msPerToken(running);
  }

  #isUnloaded(node: Node, { model }: Service): boolean {
    return node.active === 0 && node.offer.facts !== undefined &&
      node.factsOf(model).loaded === false;
  }

  #learnHit(
    speed: NodeSpeed,
    { promptChars, running }: Plan,
    held: number,
    firstMs: number,
  ): void {
    const hitMs = speed.readMs(promptChars - held, running);
    const missMs = speed.readMs(promptChars, running);
    // Where reading costs next to nothing, a hit looks like a miss.
    if (missMs < hitMs * 1.2 + 20) return;
    const isHit = firstMs < (hitMs + missMs) / 2 ? 1 : 0;
    speed.hitRate += 0.1 * (isHit - speed.hitRate);
    speed.hitsLooked++;
  }

  /**
   * Keeps how far the expectations were off: a moving median each. The end is the one that was expected
   * of an answer of its real length, which is unknown before.
   */
  #compare(
    speed: NodeSpeed,
    plan: Plan,
    { firstTokenMs, durationMs }: Timing,
    tokens: number,
    chars: number,
  ): void {
    if (!plan.isExpected || !plan.isMeasured) return;
    if (firstTokenMs !== null) {
      speed.firstError = median(speed.firstError, off(plan.firstMs, firstTokenMs));
    }
    const { endMs } = speed.expected({ chars, tokens, running: plan.running });
    speed.endError = median(speed.endError, off(endMs, durationMs));
  }

  #planOf(request: CallRequest): Plan {
    if (request.plan instanceof Plan) return request.plan;
    const { model, accountId, body, maxTokens = null } = request;
    const prefixes = this.#prefixesOf(request);
    const nowMs = this.clock.monotonic();
    const plan = new Plan(
      prefixes?.at(-1)?.chars ?? body.bytes.length,
      prefixes,
      prefixes === null ? NOTHING_HELD : this.#held.heldOf(prefixes, nowMs),
      this.#lengths.expected(model, accountId, maxTokens),
      nowMs,
    );
    request.plan = plan;
    return plan;
  }

  /**
   * Seeded by account: a call's node must reveal to no account what others have sent. And by model,
   * because what one model has read is of no use to another. Null where
   * there is only one node, which gets the call whatever it holds, and for short prompts.
   */
  #prefixesOf({ model, endpoint, accountId, body }: CallRequest): readonly Prefix[] | null {
    if (body.bytes.length < MIN_HELD_BYTES || !this.hub.hasSeveral(model)) return null;
    const seed = BigInt(Bun.hash(`${accountId} ${model}`, this.seed));
    return prefixesOf(endpoint, body.text, seed);
  }
}

/** Whether the model may have to be loaded first: the node says so, or was not asked for long. */
function mayLoad(
  node: Node,
  { model }: Service,
  speed: NodeSpeed | null,
  nowMs: number,
): boolean {
  if (node.active > 1) return false;
  const { loaded } = node.factsOf(model);
  if (loaded !== null) return !loaded;
  return speed !== null && nowMs - speed.measuredMs > UNLOADED_AFTER_MS;
}

/**
 * The least loaded of those that cost at most `highestMs`, at random among equals; each stands for so
 * many nodes as its weight says. `isShared`: none beyond its share.
 */
function leastLoaded(
  candidates: readonly Candidate[],
  highestMs: number,
  random: () => number,
  isShared = false,
): Candidate | null {
  let best: Candidate | null = null;
  let bestLoad = Infinity;
  let weights = 0;
  for (const candidate of candidates) {
    const { node, weight, costMs } = candidate;
    if (costMs > highestMs || (isShared && node.isBeyondShare)) continue;
    const { load } = node;
    if (load < bestLoad) {
      best = candidate;
      bestLoad = load;
      weights = weight;
    } else if (load === bestLoad) {
      weights += weight;
      if (random() * weights < weight) best = candidate;
    }
  }
  return best;
}

function costOf({ firstMs, endMs }: Expected, { held }: Plan): number {
  return held.size > 0 ? endMs + HELD_FIRST_WEIGHT * firstMs : endMs;
}

function bySoonest(a: Compared, b: Compared): number {
  return a.expected.endMs - b.expected.endMs;
}

const STEPS_PER_LOG = 1 / Math.log(EQUAL);

/** A cost in steps of 1.1. */
function stepOf(ms: number): number {
  return Math.log(1 + ms) * STEPS_PER_LOG;
}

/** Moves towards the newest by a fixed part of itself, so that it settles where half are above. */
function median(before: number | null, newest: number): number {
  if (before === null || before === 0) return newest;
  return newest > before ? before * 1.05 : before / 1.05;
}

/** How far an expectation was off, as a part of the real time. */
function off(was: number, real: number): number {
  return Math.abs(was - real) / Math.max(1, real);
}
