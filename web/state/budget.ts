/** Budgets as people type them, one number a field; and how full they are. */

import type { BudgetUse, GroupBudget } from "../../api/mod.ts";

/** The members of a budget that are numbers. */
export type BudgetName = Exclude<keyof GroupBudget, "models">;

export const budgetNames: readonly BudgetName[] = [
  "tokens_per_minute",
  "tokens_per_day",
  "tokens_per_month",
  "calls_at_once",
  "max_tokens",
];
export const groupBudgetNames: readonly BudgetName[] = ["requests_per_minute", ...budgetNames];

/** As requests with a budget name its members. */
export function budgetMembers(names: readonly BudgetName[]): `budget.${BudgetName}`[] {
  return names.map((name) => `budget.${name}` as const);
}

/** As typed; empty: no limit. */
export type BudgetTexts = Readonly<Partial<Record<BudgetName, string>>>;

export function budgetTexts(budget: GroupBudget | null): BudgetTexts {
  const { models: _, ...limits } = budget ?? {};
  return Object.fromEntries(Object.entries(limits).map(([name, limit]) => [name, String(limit)]));
}

/** Null where nothing is limited. The gateway refuses what is no whole number. */
export function budgetIn(
  texts: BudgetTexts,
  models: readonly string[] | null = null,
): GroupBudget | null {
  const limits = Object.entries(texts).filter(([, text]) => text.trim() !== "")
    .map(([name, text]) => [name, Number(text)] as const);
  if (limits.length === 0 && models === null) return null;
  return { ...Object.fromEntries(limits), ...(models !== null && { models: [...models] }) };
}

/** From which part on a budget is warned of. */
const NEAR = 0.8;

export type Fill = "open" | "near" | "full";

export function fillOf({ used, limit }: { used: number; limit: number }): Fill {
  return used >= limit ? "full" : used >= limit * NEAR ? "near" : "open";
}

type Limit = BudgetUse["limits"][number];

/** The limits of a day or a month that are nearly used up, the fullest first: shorter ones open again at once. */
export function warnings(
  budgets: readonly BudgetUse[],
): { budget: BudgetUse; limit: Limit }[] {
  return budgets
    .flatMap((budget) => budget.limits.map((limit) => ({ budget, limit })))
    .filter(({ limit }) => /_per_(day|month)$/.test(limit.name) && fillOf(limit) !== "open")
    .sort((a, b) => b.limit.used / b.limit.limit - a.limit.used / a.limit.limit);
}
