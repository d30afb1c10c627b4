/** What ended calls have added to their accounts' figures since this was last sent. */

import type { Side, UsageIncrement } from "../../../api/mod.ts";
import { isFailed } from "../../base/outcome.ts";
import type { LedgerEntry } from "../../store/store.ts";

/** Models of one account that are counted; calls of further ones are left out until the next `take`. */
const MAX_MODELS = 200;

export class UsageTally {
  /** By account, and in it by side and model. */
  readonly #accounts = new Map<string, Map<string, UsageIncrement>>();

  add(accountId: string, side: Side, entry: LedgerEntry): void {
    const increments = this.#accounts.get(accountId) ?? new Map<string, UsageIncrement>();
    this.#accounts.set(accountId, increments);
    const id = `${side} ${entry.model}`;
    let increment = increments.get(id);
    if (increment === undefined) {
      if (increments.size >= MAX_MODELS) return;
      increment = {
        side,
        model: entry.model,
        calls: 0,
        errors: 0,
        prompt_tokens: 0,
        completion_tokens: 0,
      };
      increments.set(id, increment);
    }
    increment.calls++;
    if (isFailed(entry)) increment.errors++;
    increment.prompt_tokens += entry.promptTokens ?? 0;
    increment.completion_tokens += entry.completionTokens ?? 0;
  }

  /** Returns the increments, and starts from zero. */
  *take(): Generator<[accountId: string, increments: UsageIncrement[]]> {
    for (const [accountId, increments] of this.#accounts) {
      yield [accountId, [...increments.values()]];
    }
    this.#accounts.clear();
  }
}
