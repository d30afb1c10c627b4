/** Budgets as text. */

import type { GroupBudget } from "../../api/mod.ts";

/** A budget in the audit log; undefined where a change leaves it as it is. */
export function budgetText(budget: GroupBudget | null | undefined): string | null | undefined {
  if (budget === null || budget === undefined) return budget;
  return Object.entries(budget).map(([member, limit]) => `${member}=${String(limit)}`).join(", ");
}
