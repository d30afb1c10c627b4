/** How much the nodes of one account may offer together: each of them, and each of their models, is kept in memory and listed. */

import type { Budget, Budgets } from "../base/budgets.ts";
import { type Config, settingNames } from "../base/config.ts";

export type OfferBudgetConfig = Pick<Config, "offersPerAccount">;

export class OfferBudget {
  readonly #byAccount = new Map<string, number>();
  readonly #budget: Budget;

  constructor(private readonly config: OfferBudgetConfig, budgets: Budgets) {
    this.#budget = budgets.add("offers_per_account", {
      limit: config.offersPerAccount,
      used: () => Math.max(0, ...this.#byAccount.values()),
    });
  }

  /** Takes so many, or gives them back where the number is negative. False, and nothing is taken: the account has no more. */
  take(accountId: string, count: number): boolean {
    const used = (this.#byAccount.get(accountId) ?? 0) + count;
    if (count > 0 && used > this.config.offersPerAccount) {
      this.#budget.refused();
      return false;
    }
    if (used > 0) this.#byAccount.set(accountId, used);
    else this.#byAccount.delete(accountId);
    return true;
  }

  /** Why a link that wants more is ended. */
  get reason(): string {
    const { offersPerAccount } = this.config;
    return `This account's nodes and their models are more than ${offersPerAccount} ` +
      `(${settingNames.offersPerAccount})`;
  }
}
