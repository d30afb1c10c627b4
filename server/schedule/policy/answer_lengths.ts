/** How long an answer is expected to be, in tokens: by the account and the model, from the answers before. */

import { LruCache } from "../../base/lru.ts";

/** Weight of the newest answer in an average. */
const NEWEST_WEIGHT = 0.1;

/** What is assumed of a model that has not answered yet. */
const FIRST_TOKENS = 200;

const MAX_ENTRIES = 20_000;

interface Average {
  tokens: number;
  answers: number;
}

export class AnswerLengths {
  readonly #averages = new LruCache<string, Average>(MAX_ENTRIES);

  /** `maxTokens`: the most that the caller takes; null: it does not say. */
  expected(model: string, accountId: string, maxTokens: number | null): number {
    const ofModel = this.#averages.peek(model);
    const ofAccount = this.#averages.peek(`${accountId} ${model}`);
    const general = ofModel?.tokens ?? FIRST_TOKENS;
    // Until an account has some answers of its own, its calls are expected to be as others are.
    const trust = ofAccount === undefined ? 0 : ofAccount.answers / (ofAccount.answers + 5);
    const tokens = general + trust * ((ofAccount?.tokens ?? 0) - general);
    return maxTokens === null ? tokens : Math.min(tokens, maxTokens);
  }

  learn(model: string, accountId: string, tokens: number): void {
    this.#learn(model, tokens);
    this.#learn(`${accountId} ${model}`, tokens);
  }

  #learn(key: string, tokens: number): void {
    const average = this.#averages.get(key);
    if (average === undefined) {
      this.#averages.set(key, { tokens, answers: 1 });
      return;
    }
    average.answers++;
    average.tokens += Math.max(NEWEST_WEIGHT, 1 / average.answers) * (tokens - average.tokens);
  }
}
