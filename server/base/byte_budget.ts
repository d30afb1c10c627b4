/** How many bytes of one kind the gateway holds, for each account and altogether. */

import type { Budget, Budgets } from "./budgets.ts";

export interface ByteLimits {
  perAccount: number;
  total: number;
}

/** Whose budget is used up. */
export type FullBudget = "account" | "gateway";

export class ByteBudget {
  #heldBytes = 0;
  readonly #heldByAccount = new Map<string, number>();
  readonly #ofGateway: Budget;
  readonly #ofAccount: Budget;

  /** `name`: the label in /metrics of the whole gateway's budget; an account's has `_per_account` behind it. */
  constructor(name: string, private readonly limits: ByteLimits, budgets: Budgets) {
    this.#ofGateway = budgets.add(name, { limit: limits.total, used: () => this.#heldBytes });
    this.#ofAccount = budgets.add(`${name}_per_account`, {
      limit: limits.perAccount,
      used: () => Math.max(0, ...this.#heldByAccount.values()),
    });
  }

  /** Whether the account or the whole gateway holds more than half of what it may. */
  isScarce(accountId: string): boolean {
    const { perAccount, total } = this.limits;
    return (this.#heldByAccount.get(accountId) ?? 0) > perAccount / 2 ||
      this.#heldBytes > total / 2;
  }

  /** Holds so many bytes more for the account, or fewer. Returns whose budget has no room for them, and then holds what it did. */
  add(accountId: string, bytes: number): FullBudget | null {
    const held = (this.#heldByAccount.get(accountId) ?? 0) + bytes;
    if (bytes > 0 && held > this.limits.perAccount) {
      this.#ofAccount.refused();
      return "account";
    }
    if (bytes > 0 && this.#heldBytes + bytes > this.limits.total) {
      this.#ofGateway.refused();
      return "gateway";
    }
    this.#heldBytes += bytes;
    if (held > 0) this.#heldByAccount.set(accountId, held);
    else this.#heldByAccount.delete(accountId);
    return null;
  }
}
