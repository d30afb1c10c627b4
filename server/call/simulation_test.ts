import { describe, expect, test } from "bun:test";
import { Endpoint } from "../../protocol/mod.ts";
import { type FactsByModel, factsByModel } from "../node/model_facts.ts";
import type { Node } from "../node/node.ts";
import type { Call } from "../schedule/call.ts";
import { policyNames } from "../base/config.ts";
import { seeded } from "../base/testing/random.ts";
import { Referee } from "./testing/referee.ts";
import { KeptAnswer, type Received, World } from "./testing/world.ts";

/**
 * Runs the real hub, scheduler, relay and penalties under a fake clock; everything else is random by
 * seed: nodes join, leave, drain, change their offer, fail, answer BUSY, ignore cancels and fall
 * silent; callers leave. A referee checks every choice: the least busy node, no penalised node or
 * model, one call at a time after a penalty. A failing seed is printed and replays exactly.
 */
const SEEDS = Number(process.env.COLINK_TEST_SEEDS ?? 300);
const FIRST_SEED = Number(process.env.COLINK_TEST_FIRST_SEED ?? 1);
/** Much more than a seed takes on a busy machine. */
const SEED_WITHIN_MS = 200;
const STEPS = 250;
const MODELS = ["m", "n"];
const ENDPOINTS = [Endpoint.chat, Endpoint.messages];

type Scripted = ReturnType<World["node"]>;

interface Running {
  call: Call;
  answer: KeptAnswer;
  done: Promise<unknown>;
}

class Simulation {
  readonly random: () => number;
  readonly world: World;
  readonly nodes: (Scripted & { name: string; isConnected: boolean; ended: Set<Received> })[] = [];
  readonly runs: Running[] = [];
  readonly #referee: Referee;
  #names = 0;

  constructor(seed: number) {
    this.random = seeded(seed);
    const policy = policyNames[seed % policyNames.length]!;
    // Short enough that many penalties end while calls still start.
    const penalties = { penaltyMs: 3_000, penaltyMaxMs: 20_000 };
    const queue = { queuePerModel: 6, queuePerAccount: 3 };
    this.world = new World({ ...queue, ...penalties, policy }, this.random);
    this.#referee = new Referee(this.world);
  }

  async run(): Promise<void> {
    for (let i = 0; i < 3; i++) this.#join();
    for (let step = 0; step < STEPS; step++) {
      this.#act();
      await this.world.clock.pass(this.#below(400));
      this.#referee.check(this.#untried());
    }
    await this.#finishAll();
    this.#checkEndings();
  }

  #act(): void {
    const dice = this.random();
    if (dice < 0.35) this.#startCall();
    else if (dice < 0.8) this.#nodeActs();
    else if (dice < 0.86) this.#callerLeaves();
    else if (dice < 0.9) this.#join();
    else if (dice < 0.94) this.#nodeDies();
    else if (dice < 0.97) this.#nodeChanges();
  }

  #join(): void {
    if (this.nodes.filter((n) => n.isConnected).length >= 6) return;
    // Some nodes reconnect under an earlier name, whose penalty must still hold.
    const name = `node-${this.random() < 0.5 ? this.#below(4) : this.#names++}`;
    if (this.nodes.some((n) => n.name === name && n.isConnected)) return;
    const models = this.random() < 0.5 ? MODELS : [this.#oneOf(MODELS)!];
    const node = this.world.node(name, 1 + this.#below(3), models, { facts: this.#anyFacts() });
    this.#referee.watch(node);
    this.nodes.push({ ...node, name, isConnected: true, ended: new Set() });
  }

  #startCall(): void {
    const call = this.world.call({
      model: this.#oneOf(MODELS)!,
      endpoint: this.#oneOf(ENDPOINTS)!,
      account: `account-${this.#below(4)}`,
      // Some conversations continue others.
      messages: ["hello", "hi", `it is ${this.#below(3)}`].slice(0, 1 + this.#below(3)),
      stream: this.random() < 0.6,
    });
    const answer = new KeptAnswer();
    this.#referee.starts(call.request, () => {
      this.runs.push({ call, answer, done: this.world.relay.run(call, answer) });
    });
  }

  #callerLeaves(): void {
    this.#oneOf(this.runs.filter(({ answer }) => answer.endings === 0))?.call.stop("caller_gone");
  }

  #nodeDies(): void {
    const node = this.#oneOf(this.nodes.filter((n) => n.isConnected));
    if (!node) return;
    node.isConnected = false;
    node.leave();
    for (const attempt of this.#openOf(node)) this.#end(node, attempt, "lost");
  }

  /** The node drains, serves again, or changes its offer. */
  #nodeChanges(): void {
    const node = this.#oneOf(this.nodes.filter((n) => n.isConnected))?.node;
    if (!node) return;
    const isDraining = this.random() < 0.5 ? !node.isDraining : node.isDraining;
    const models = MODELS.filter(() => this.random() < 0.8);
    const maxParallel = 1 + this.#below(3);
    const offer = { ...node.offer, models, maxParallel, facts: this.#anyFacts() };
    this.world.hub.update(node, offer, isDraining);
  }

  /** Half of the models are served at chat only, as by nodes of wire v1. */
  #anyFacts(): FactsByModel {
    const described = MODELS.filter(() => this.random() < 0.5).map((model) => [
      model,
      { endpoints: ENDPOINTS.filter(() => this.random() < 0.7) },
    ]);
    return factsByModel(Object.fromEntries(described), MODELS);
  }

  #nodeActs(): void {
    const active = this.nodes.filter((n) => n.isConnected && this.#openOf(n).length > 0);
    const node = this.#oneOf(active);
    const attempt = node && this.#oneOf(this.#openOf(node));
    if (!node || !attempt) return;
    if (attempt.isCancelled) {
      // Some nodes confirm; a v1 node may go on.
      if (this.random() < 0.7) return this.#end(node, attempt, "confirm");
    }
    const dice = this.random();
    if (dice < 0.6) this.#answer(attempt);
    else if (dice < 0.85) this.#end(node, attempt, "finish");
    else if (dice < 0.9) this.#end(node, attempt, "busy");
    else if (dice < 0.94) this.#end(node, attempt, "error");
    else if (dice < 0.96) this.#end(node, attempt, "limited");
    else this.#end(node, attempt, "refuse");
  }

  /** Each attempt sends its own id, so that a splice of two attempts is detected. */
  #answer(attempt: Received): void {
    const hasAnswered = attempt.tally().chunks > 0;
    if (attempt.order.stream) attempt.text(`[${attempt.order.attemptId}]`);
    else if (!hasAnswered) attempt.chunk({ choices: [], answer: attempt.order.attemptId });
  }

  #end(node: { node: Node; ended: Set<Received> }, attempt: Received, how: string): void {
    node.ended.add(attempt);
    if (how === "finish") {
      if (attempt.tally().chunks === 0) this.#answer(attempt);
      attempt.sink.finish();
    } else if (how === "lost") attempt.sink.fail({ kind: "lost", reason: "gone" });
    else if (how === "busy") {
      this.#referee.answeredBusy(node.node);
      attempt.error(503, "BUSY: full");
    } else if (how === "limited") attempt.error(429, "slow down", this.#below(8_000));
    else attempt.error(how === "confirm" ? 499 : how === "refuse" ? 400 : 500);
  }

  #openOf(node: { received: Received[]; ended: Set<Received> }): Received[] {
    return node.received.filter((attempt) => !node.ended.has(attempt));
  }

  /** Calls that wait and were sent to no node yet. */
  #untried(): Call[] {
    const sent = new Set(
      this.nodes.flatMap(({ received }) => received.map(({ order }) => callOf(order.attemptId))),
    );
    return this.runs.filter(({ call, answer }) => answer.endings === 0 && !sent.has(call.id))
      .map(({ call }) => call);
  }

  /** Lets the nodes answer everything: no call, slot or timer may be left. */
  async #finishAll(): Promise<void> {
    for (const { node, isConnected } of this.nodes) {
      if (!isConnected || !node.isDraining) continue;
      this.world.hub.update(node, node.offer, false);
    }
    for (let round = 0; round < 40; round++) {
      for (const node of this.nodes) {
        for (const attempt of this.#openOf(node)) this.#end(node, attempt, "finish");
      }
      await this.world.clock.pass(2_000);
    }
    await this.world.clock.pass(120_000);
  }

  #checkEndings(): void {
    expect(this.world.calls.size).toBe(0);
    expect(this.world.scheduler.waiting).toBe(0);
    expect(this.world.clock.pending).toBe(0);
    for (const { node } of this.nodes) expect(node.active).toBe(0);
    expect(this.world.ledger.map(({ id }) => id).toSorted())
      .toEqual(this.runs.map(({ call }) => call.id).toSorted());
    for (const { call, answer } of this.runs) {
      expect(answer.endings).toBe(1);
      expect(answer.lateWrites).toBe(0);
      const origins = new Set(answer.text.match(/\[[^\]]*\]/g) ?? []);
      expect(origins.size).toBeLessThanOrEqual(1);
      for (const origin of origins) expect(origin).toStartWith(`[${call.id}-`);
      const entry = this.world.ledger.find(({ id }) => id === call.id)!;
      expect(entry.outcome === "ok").toBe(answer.error === null && answer.rejection === null);
      expect(entry.attempts).toBeLessThanOrEqual(4);
    }
  }

  #below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  #oneOf<T>(items: readonly T[]): T | undefined {
    return items[this.#below(items.length)];
  }
}

describe("the call room, simulated", () => {
  test(
    `${SEEDS} seeds: slots are conserved, every call ends once, no answer is spliced`,
    async () => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        try {
          await new Simulation(seed).run();
        } catch (error) {
          const replay = `COLINK_TEST_FIRST_SEED=${seed} COLINK_TEST_SEEDS=1`;
          throw new Error(`seed ${seed} (replay it with ${replay})`, { cause: error });
        }
      }
    },
    SEEDS * SEED_WITHIN_MS,
  );
});

/** An attempt's id begins with its call's id. */
function callOf(attemptId: string): string {
  return attemptId.slice(0, attemptId.lastIndexOf("-"));
}
