/** Budgets: how much of the gateway one participant, or all of them, may use. Shown in /metrics. */

export interface BudgetSize {
  /** The most that may be used: by one participant where each has a budget of its own. */
  limit: number;
  /** How much is used now; of participants' budgets, by the one that uses most. Absent: not kept. */
  used?: () => number;
}

/** One row of the table "Budgets" in docs/configuration.md. */
export class Budget {
  #refusals = 0;

  constructor(readonly name: string, readonly size: BudgetSize) {}

  get refusals(): number {
    return this.#refusals;
  }

  /** Counts a request, a link or whatever else was refused because the budget is used up. */
  refused(): void {
    this.#refusals++;
  }
}

export class Budgets {
  readonly #all: Budget[] = [];

  /** `name`: its label in /metrics, in snake_case. */
  add(name: string, size: BudgetSize): Budget {
    const budget = new Budget(name, size);
    this.#all.push(budget);
    return budget;
  }

  get all(): readonly Budget[] {
    return this.#all;
  }
}
