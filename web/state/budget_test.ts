/// <reference types="bun" />
import { expect, test } from "bun:test";
import type { BudgetUse } from "../../api/mod.ts";
import { budgetIn, budgetTexts, fillOf, warnings } from "./budget.ts";

test("a budget is typed and read as it was", () => {
  const budget = { tokens_per_day: 2_000_000, calls_at_once: 2, models: ["a"] };
  expect(budgetIn(budgetTexts(budget), budget.models)).toEqual(budget);
  expect(budgetIn({ tokens_per_day: " ", max_tokens: "" })).toBeNull();
  expect(budgetTexts(null)).toEqual({});
  expect(budgetIn({}, ["a"])).toEqual({ models: ["a"] });
  expect(budgetIn({ tokens_per_day: "many" })).toEqual({ tokens_per_day: Number.NaN });
});

test("a budget is near from four fifths on, and full at its limit", () => {
  const fills = [0, 79, 80, 99, 100, 140].map((used) => fillOf({ used, limit: 100 }));
  expect(fills).toEqual(["open", "open", "near", "near", "full", "full"]);
});

test("what is warned of are days and months, the fullest first", () => {
  const limit = (name: BudgetUse["limits"][number]["name"], used: number) => ({
    name,
    used,
    limit: 100,
    opens_at: 1,
  });
  const budget: BudgetUse = {
    of: "account",
    id: "a",
    name: null,
    limits: [
      limit("tokens_per_minute", 100),
      limit("tokens_per_day", 85),
      limit("tokens_per_month", 20),
    ],
    max_tokens: null,
    models: null,
  };
  const group: BudgetUse = { ...budget, of: "group", limits: [limit("tokens_per_month", 99)] };
  expect(warnings([budget, group]).map(({ budget: { of }, limit: { name } }) => [of, name]))
    .toEqual([["group", "tokens_per_month"], ["account", "tokens_per_day"]]);
  expect(warnings([])).toEqual([]);
});
