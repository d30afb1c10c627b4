/** Accounts that want more than there is at several gateways, under a fake clock: what each of them receives. */

import { describe, expect, test } from "bun:test";
import { seeded } from "../base/testing/random.ts";
import type { Received } from "../call/testing/world.ts";
import { startOn, type TestGateway, TestNetwork } from "./testing/network.ts";

const TICK_MS = 100;
/** What a slot writes in a tick. */
const TOKENS_PER_TICK = 5;

/** How an account's calls are, in tokens, and at which gateways it makes them. */
interface Habit {
  prompt: number;
  answer: number;
  at: number[];
}

class Market {
  readonly network = new TestNetwork();
  readonly gateways: TestGateway[] = [];
  readonly received = new Map<string, number>();
  readonly #nodes: Received[][] = [];
  readonly #running = new Set<
    { attempt: Received; prompt: number; answer: number; written: number }
  >();
  readonly #random: () => number;

  constructor(seed: number, private readonly habits: Record<string, Habit>) {
    this.#random = seeded(seed);
  }

  /** Three gateways with so many slots each. */
  async open(slots: number[]): Promise<void> {
    for (const count of slots) {
      const gateway = await this.network.add();
      this.gateways.push(gateway);
      for (let i = 0; i < count; i++) {
        this.#nodes.push(gateway.node(`n${this.#nodes.length}`).received);
      }
    }
    await this.network.clock.pass(3_000);
    for (const [account, { at }] of Object.entries(this.habits)) {
      for (let i = 0; i < 12; i++) void this.#call(account, at[i % at.length]!);
    }
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += TICK_MS) {
      await this.network.clock.pass(TICK_MS);
      for (const received of this.#nodes) {
        for (const attempt of received.splice(0)) {
          const { prompt, answer } = this.habits[accountOf(attempt)]!;
          const written = Math.round((this.#random() - 0.5) * answer / 2);
          this.#running.add({ attempt, prompt, answer, written });
          this.#receive(attempt, prompt);
        }
      }
      for (const one of [...this.#running]) this.#write(one);
    }
  }

  async #call(account: string, at: number): Promise<void> {
    const { prompt } = this.habits[account]!;
    const bytes = 4 * prompt;
    const lease = await this.gateways[at]!.lease("m", null, { account, bytes });
    const body = `${account} `.padEnd(bytes, "x");
    const { got, running } = startOn(lease.node, body, account);
    lease.charge?.begin({ tally: () => running!.tally(), answerBytes: () => got.text.length });
    const look = () => {
      if (!got.hasFinished && got.failure === null) return void this.network.clock.after(20, look);
      lease.release();
      void this.#call(account, at);
    };
    look();
  }

  #write(one: { attempt: Received; prompt: number; answer: number; written: number }): void {
    const { attempt, prompt, answer } = one;
    const tokens = Math.min(TOKENS_PER_TICK, answer - one.written);
    one.written += tokens;
    for (let i = 0; i < tokens; i++) attempt.text("word ");
    this.#receive(attempt, 2 * tokens);
    if (one.written < answer) return;
    this.#running.delete(one);
    const usage = { prompt_tokens: prompt, completion_tokens: answer };
    attempt.chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }], usage });
    attempt.sink.finish();
  }

  #receive(attempt: Received, tokens: number): void {
    const account = accountOf(attempt);
    this.received.set(account, (this.received.get(account) ?? 0) + tokens);
  }
}

/** The body names it, because a call of another gateway comes to its node without it. */
function accountOf({ order: { body } }: Received): string {
  return body.text.split(" ")[0]!;
}

describe("accounts that want all there is at three gateways receive as many tokens in a minute", () => {
  const big = { prompt: 1_000, answer: 100 };
  const small = { prompt: 100, answer: 10 };
  const cases: Record<string, { habits: Record<string, Habit>; slots: number[] }> = {
    "each at a gateway of its own, with nodes at all": {
      habits: { big: { ...big, at: [0] }, small: { ...small, at: [1] } },
      slots: [2, 2, 2],
    },
    "where all nodes are at a gateway without calls": {
      habits: { big: { ...big, at: [0] }, small: { ...small, at: [1] } },
      slots: [0, 0, 4],
    },
    "where all nodes are at the gateway of one of them": {
      habits: { big: { ...big, at: [0] }, small: { ...small, at: [1] } },
      slots: [4, 0, 0],
    },
    "where one of them calls at all gateways": {
      habits: { big: { ...big, at: [0, 1, 2] }, small: { ...small, at: [1] } },
      slots: [2, 1, 1],
    },
    "where both call at one gateway, which has no nodes": {
      habits: { big: { ...big, at: [0] }, small: { ...small, at: [0] } },
      slots: [0, 2, 2],
    },
  };
  for (const [what, { habits, slots }] of Object.entries(cases)) {
    test(what, async () => {
      const market = new Market(1, habits);
      await market.open(slots);
      await market.pass(60_000);
      const ratio = market.received.get("big")! / market.received.get("small")!;
      expect(ratio).toBeGreaterThan(0.9);
      expect(ratio).toBeLessThan(1.1);
    });
  }
});
