/** How many bytes of whole answers the gateway holds until their callers have taken them, for each account and altogether. */

import type { Budgets } from "../base/budgets.ts";
import { ByteBudget } from "../base/byte_budget.ts";
import type { Config } from "../base/config.ts";
import type { AnswerRoom } from "../schedule/call.ts";

export class AnswerBudget {
  readonly #held: ByteBudget;

  constructor(
    { answerBytes, answerBytesPerAccount }: Pick<Config, "answerBytes" | "answerBytesPerAccount">,
    budgets: Budgets,
  ) {
    const limits = { perAccount: answerBytesPerAccount, total: answerBytes };
    this.#held = new ByteBudget("answer_bytes", limits, budgets);
  }

  /** Holds so many bytes more for the account, or fewer. A budget that has no room for them then holds what it did. */
  add(accountId: string, bytes: number): AnswerRoom {
    const full = this.#held.add(accountId, bytes);
    if (full !== null) return `${full}_answers_full`;
    return this.#held.isScarce(accountId) ? "scarce" : "enough";
  }
}
