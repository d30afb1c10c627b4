/** Budgets as administrators type them: `tokens_per_day=2000000, calls_at_once=2`. */

import type { GroupBudget } from "../../../api/mod.ts";
import type { ApiError } from "../../api.ts";

/** Empty for no budget. */
export function budgetText(budget: GroupBudget | null): string {
  return Object.entries(budget ?? {})
    .map(([name, limit]) => `${name}=${Array.isArray(limit) ? limit.join("+") : limit}`)
    .join(", ");
}

/** What the gateway is to check: it refuses unknown names and what is no number. */
export function budgetIn(text: string): GroupBudget | null {
  const parts = text.split(/[,，、]/).map((part) => part.trim()).filter(Boolean);
  if (parts.length === 0) return null;
  return Object.fromEntries(parts.map((part) => {
    const [name = "", value = ""] = part.split("=").map((word) => word.trim());
    return [name, name === "models" ? value.split("+") : Number(value || Number.NaN)];
  }));
}

/** What the gateway found wrong with a budget, with the name that it is about. */
export function budgetProblem(error: ApiError | null): string | undefined {
  const found = error?.fields.find(({ param }) => /^budget\b/.test(param));
  return found && `${found.param.replace(/^budget\.?/, "")} ${found.message}`.trim();
}
