/** A simulated model server: it reads and writes at its speed, shares it among its calls, and caches beginnings. */

import { PrefixCache } from "../prefix_cache.ts";

/** By how much one more running call slows the others down. */
const SLOWDOWN_PER_CALL = 0.2;
/** Reading is so many times as fast as writing. */
const READ_TO_WRITE = 25;
const CHARS_PER_TOKEN = 4;
const CACHE_CHARS = 400_000;
const OVERHEAD_MS = 40;

export interface Job {
  /** The conversation, message by message. */
  readonly messages: readonly string[];
  readonly answer: string;
  readonly promptTokens: number;
  readonly answerTokens: number;
}

export class ModelServer {
  readonly #cache = new PrefixCache(CACHE_CHARS);
  running = 0;
  calls = 0;
  /** The tokens that it claims are so many times as many as there are. */
  lie = 1;

  constructor(
    public tokensPerSecond: number,
    readonly slots: number,
  ) {}

  /** Slots over time, at full use, in tokens per second. */
  get capacity(): number {
    return this.slots * this.tokensPerSecond / this.#slowdown(this.slots);
  }

  /** Milliseconds from the call's arrival to its first token and its last; the call counts as running. */
  begin({ messages, answer, promptTokens, answerTokens }: Job): { firstMs: number; endMs: number } {
    this.running++;
    this.calls++;
    const chars = messages.reduce((sum, { length }) => sum + length, 0);
    const held = messages.length > 1 ? this.#cache.read([...messages, answer]) : 0;
    if (messages.length === 1) this.#cache.read([...messages, answer]);
    return this.times(promptTokens - Math.min(chars, held) / CHARS_PER_TOKEN, answerTokens);
  }

  /** With the calls that run now, without a cache. */
  times(readTokens: number, answerTokens: number, running = this.running) {
    const perTokenMs = 1000 / this.tokensPerSecond * this.#slowdown(running);
    const firstMs = OVERHEAD_MS + readTokens * 1000 / this.tokensPerSecond / READ_TO_WRITE;
    return { firstMs, endMs: firstMs + answerTokens * perTokenMs };
  }

  #slowdown(running: number): number {
    return 1 + SLOWDOWN_PER_CALL * (running - 1);
  }
}
