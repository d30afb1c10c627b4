/** Accounts that want more than there is, under a fake clock: what each of them receives. */

import { describe, expect, test } from "bun:test";
import { seeded } from "../base/testing/random.ts";
import { KeptAnswer, type Received, World, type WorldConfig } from "../call/testing/world.ts";
import type { Call } from "./call.ts";

const TICK_MS = 100;
/** What a slot writes in a tick. */
const TOKENS_PER_TICK = 5;
const COMPLETION_WEIGHT = 2;

/** How an account's calls are: in tokens, each varied by a quarter. */
interface Habit {
  prompt: number;
  answer: number;
  /** Calls that it has under way at a time. */
  calls?: number;
  stream?: boolean;
  /** Leaves after so many tokens of each answer. */
  leavesAfter?: number;
  /** What the node reports, for one token that there was. */
  lie?: number;
}

interface Running {
  attempt: Received;
  call: Call;
  account: string;
  prompt: number;
  answer: number;
  written: number;
}

/** Accounts that send their next call as soon as one has ended, on nodes that all write equally fast. */
class Market {
  readonly world: World;
  /** By account, in weighted tokens. */
  readonly received = new Map<string, number>();
  /** When the calls were sent, in the order in which they got their slots. */
  readonly startedOrder: number[] = [];
  /** How long each account's calls waited for their slots. */
  readonly waitedMs = new Map<string, number[]>();
  readonly #habits = new Map<string, Habit>();
  readonly #wishes = new Map<
    string,
    { call: Call; prompt: number; answer: number; sinceMs: number }
  >();
  readonly #running = new Set<Running>();
  readonly #random: () => number;
  readonly #pending = new Map<string, number>();
  readonly #nodes: { received: Received[] }[] = [];

  constructor(seed: number, slots: number, config: WorldConfig = {}) {
    this.#random = seeded(seed);
    const limits = { queuePerModel: 2_000, queuePerAccount: 2_000, queueWaitMs: 600_000 };
    this.world = new World({ ...limits, ...config }, this.#random);
    for (let at = 0; at < slots; at++) this.#nodes.push(this.world.node(`n${at}`));
  }

  join(account: string, habit: Habit): void {
    this.#habits.set(account, habit);
    for (let i = 0; i < (habit.calls ?? 8); i++) this.#send(account);
  }

  leave(account: string): void {
    this.#habits.delete(account);
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += TICK_MS) {
      await this.world.clock.pass(TICK_MS);
      this.#start();
      for (const one of [...this.#running]) this.#write(one);
    }
  }

  of(account: string): number {
    return this.received.get(account) ?? 0;
  }

  ratio(a: string, b: string): number {
    return this.of(a) / this.of(b);
  }

  #send(account: string): void {
    const habit = this.#habits.get(account);
    if (habit === undefined) return;
    const vary = (tokens: number) => Math.max(1, Math.round(tokens * (0.75 + this.#random() / 2)));
    const prompt = vary(habit.prompt);
    const { stream = true } = habit;
    const call = this.world.call({
      account,
      stream,
      messages: ["x".repeat(Math.max(0, prompt * 4 - 40))],
    });
    const sinceMs = this.world.clock.monotonic();
    this.#wishes.set(call.id, { call, prompt, answer: vary(habit.answer), sinceMs });
    this.#pending.set(account, (this.#pending.get(account) ?? 0) + 1);
    void this.world.relay.run(call, new KeptAnswer()).then(() => {
      this.#pending.set(account, this.#pending.get(account)! - 1);
      // As a client does that takes a moment for its next call.
      this.world.clock.after(this.#random() * TICK_MS, () => this.#send(account));
    });
  }

  #start(): void {
    for (const { received } of this.#nodes) {
      for (const attempt of received.splice(0)) {
        const account = attempt.order.accountId!;
        const id = attempt.order.attemptId.slice(0, attempt.order.attemptId.lastIndexOf("-"));
        const { call, prompt, answer, sinceMs } = this.#wishes.get(id)!;
        this.#wishes.delete(id);
        this.startedOrder.push(sinceMs);
        const waited = this.waitedMs.get(account) ?? [];
        waited.push(this.world.clock.monotonic() - sinceMs);
        this.waitedMs.set(account, waited);
        this.#running.add({ attempt, call, account, prompt, answer, written: 0 });
        this.#receive(account, prompt);
      }
    }
  }

  #write(one: Running): void {
    const { attempt, call, account, prompt, answer } = one;
    const { leavesAfter = Infinity, lie = 1, stream = true } = this.#habits.get(account) ?? {};
    const tokens = Math.min(TOKENS_PER_TICK, answer - one.written);
    one.written += tokens;
    this.#receive(account, COMPLETION_WEIGHT * tokens);
    const usage = { prompt_tokens: prompt * lie, completion_tokens: one.written * lie };
    if (stream) {
      for (let i = 0; i < tokens; i++) attempt.text("word ");
      if (one.written >= leavesAfter) call.stop("caller_gone");
    }
    if (one.written < answer && !attempt.isCancelled) return;
    this.#running.delete(one);
    if (attempt.isCancelled) attempt.error(499);
    else {
      if (stream) {
        attempt.chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }], usage });
      } else attempt.chunk({ choices: [{ message: { content: "word ".repeat(answer) } }], usage });
      attempt.sink.finish();
    }
  }

  #receive(account: string, tokens: number): void {
    this.received.set(account, this.of(account) + tokens);
  }
}

const BIG: Habit = { prompt: 1_000, answer: 100 };
const SMALL: Habit = { prompt: 100, answer: 10 };
const SEEDS = [1, 2, 3];

function expectWithin(ratio: number, wanted: number, factor = 1.1): void {
  expect(ratio).toBeGreaterThan(wanted / factor);
  expect(ratio).toBeLessThan(wanted * factor);
}

describe("two accounts that want all there is", () => {
  for (const stream of [true, false]) {
    test(`receive as many tokens in a minute, one with requests of ten times the size, ${stream ? "streaming" : "in one piece"}`, async () => {
      for (const seed of SEEDS) {
        const market = new Market(seed, 4);
        market.join("big", { ...BIG, stream });
        market.join("small", { ...SMALL, stream });
        await market.pass(60_000);
        expectWithin(market.ratio("big", "small"), 1);
      }
    });
  }

  test("receive tokens by their weights", async () => {
    for (const seed of SEEDS) {
      const market = new Market(seed, 4);
      market.world.groups.weights.set("heavy", 3);
      market.join("heavy", SMALL);
      market.join("light", BIG);
      await market.pass(60_000);
      expectWithin(market.ratio("heavy", "light"), 3);
    }
  });
});

describe("where one account has long had all slots", () => {
  for (const slots of [1, 4]) {
    test(`a newcomer's first slot of ${slots} comes within one service time`, async () => {
      for (const seed of SEEDS) {
        const market = new Market(seed, slots);
        market.join("hog", { ...BIG, calls: 50 });
        await market.pass(30_000);
        market.join("new", { ...BIG, calls: 1 });
        await market.pass(10_000);
        // The longest answer, and the ticks at its beginning and end.
        const serviceMs = 1.25 * BIG.answer / TOKENS_PER_TICK * TICK_MS + 2 * TICK_MS;
        expect(market.waitedMs.get("new")![0]).toBeLessThanOrEqual(serviceMs);
      }
    });
  }

  test("one that comes does not get more than its part for the time it was away", async () => {
    const market = new Market(1, 4);
    market.join("back", SMALL);
    market.join("hog", BIG);
    await market.pass(5_000);
    market.leave("back");
    await market.pass(60_000);
    market.received.clear();
    market.join("back", SMALL);
    await market.pass(20_000);
    expectWithin(market.ratio("back", "hog"), 1, 1.25);
  });

  test("one that leaves for a moment again and again gets no more than its part", async () => {
    const market = new Market(2, 4);
    market.join("hog", BIG);
    for (let i = 0; i < 12; i++) {
      market.join("leaving", { ...BIG, calls: 4 });
      await market.pass(3_000);
      market.leave("leaving");
      await market.pass(2_500);
    }
    expect(market.ratio("leaving", "hog")).toBeLessThan(1.2);
  });
});

test("an account alone gets all slots all the time, its calls in the order in which they came", async () => {
  const market = new Market(3, 4);
  market.join("alone", BIG);
  await market.pass(20_000);
  const writtenAtMost = 4 * TOKENS_PER_TICK * 200;
  const calls = market.world.ledger.length;
  const written = market.world.ledger.reduce(
    (sum, { completionTokens }) => sum + (completionTokens ?? 0),
    0,
  );
  // Each call's last tick may be written in part.
  expect(written).toBeGreaterThan(writtenAtMost - calls * TOKENS_PER_TICK - 4 * 1.25 * BIG.answer);
  const started = market.startedOrder;
  expect(started).toEqual([...started].sort((a, b) => a - b));
});

describe("what one account does costs another no more than half of what there is", () => {
  /** What an honest account receives beside the other ones, for one part of as many. */
  async function beside(
    others: Record<string, Habit>,
    seed: number,
    parts: number,
  ): Promise<number> {
    const market = new Market(seed, 4);
    market.join("honest", { prompt: 300, answer: 60 });
    for (const [account, habit] of Object.entries(others)) market.join(account, habit);
    await market.pass(45_000);
    const all = [...market.received.values()].reduce((sum, tokens) => sum + tokens, 0);
    return market.of("honest") * parts / all;
  }

  const cases: Record<string, Habit> = {
    "leaves before an answer has begun": { prompt: 400, answer: 100, leavesAfter: 1, calls: 40 },
    "asks for one token each time": { prompt: 50, answer: 1, calls: 60 },
    "sends huge prompts": { prompt: 10_000, answer: 10 },
    "asks for huge answers in one piece": { prompt: 10, answer: 500, stream: false, calls: 40 },
    "has as many calls as a thousand keys of one account": { ...SMALL, calls: 1_000 },
  };
  for (const [what, habit] of Object.entries(cases)) {
    test(`where it ${what}`, async () => {
      for (const seed of [1, 2]) {
        expect(await beside({ hostile: habit }, seed, 2)).toBeGreaterThan(0.85);
      }
    });
  }

  test("where hundreds of accounts come: each has one part", async () => {
    const many = Array.from({ length: 300 }, (_, i) => [`a${i}`, { ...SMALL, calls: 1 }]);
    const market = new Market(1, 4);
    for (const [account, habit] of many) market.join(account as string, habit as Habit);
    await market.pass(5_000);
    market.join("honest", { ...SMALL, calls: 1 });
    await market.pass(3_000);
    // It is a newcomer among newcomers that came before it.
    expect(market.of("honest")).toBe(0);
    await market.pass(25_000);
    const parts = [...market.received.values()];
    expect(market.of("honest")).toBeGreaterThan(0);
    expect(Math.max(...parts)).toBeLessThan(3 * market.of("honest"));
  });
});
