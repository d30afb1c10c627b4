/** How long an answer is expected to be, in tokens: by the account and the model, from the answers before. */

import { LruCache } from "../../base/lru.ts";

/** Weight of the newest answer in an average. */
const NEWEST_WEIGHT = 0.1;

/** What is assumed of a model that has not answered yet. */
const FIRST_TOKENS = 200;

/** Models, and accounts of each; those that were answered longest ago are evicted. */
const MAX_MODELS = 200;
const MAX_ACCOUNTS = 2_000;

interface Average {
  tokens: number;
  answers: number;
}

interface ModelLengths {
  readonly all: Average;
  readonly byAccount: LruCache<string, Average>;
}

export class AnswerLengths {
  readonly #byModel = new LruCache<string, ModelLengths>(MAX_MODELS);

  /** `maxTokens`: the most that the caller takes; null: it does not say. */
  expected(model: string, accountId: string, maxTokens: number | null): number {
    const lengths = this.#byModel.peek(model);
    const tokens = lengths === undefined ? FIRST_TOKENS : tokensOf(lengths, accountId);
    return maxTokens === null ? tokens : Math.min(tokens, maxTokens);
  }

  learn(model: string, accountId: string, tokens: number): void {
    const known = this.#byModel.get(model);
    const { all, byAccount } = known ?? {
      all: { tokens: 0, answers: 0 },
      byAccount: new LruCache<string, Average>(MAX_ACCOUNTS),
    };
    if (known === undefined) this.#byModel.set(model, { all, byAccount });
    const ofAccount = byAccount.get(accountId) ?? { tokens: 0, answers: 0 };
    if (ofAccount.answers === 0) byAccount.set(accountId, ofAccount);
    add(all, tokens);
    add(ofAccount, tokens);
  }
}

/** Until an account has some answers of its own, its calls are expected to be as others are. */
function tokensOf({ all, byAccount }: ModelLengths, accountId: string): number {
  const ofAccount = byAccount.peek(accountId);
  if (ofAccount === undefined) return all.tokens;
  const trust = ofAccount.answers / (ofAccount.answers + 5);
  return all.tokens + trust * (ofAccount.tokens - all.tokens);
}

function add(average: Average, tokens: number): void {
  average.answers++;
  average.tokens += Math.max(NEWEST_WEIGHT, 1 / average.answers) * (tokens - average.tokens);
}
