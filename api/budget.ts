/** Budgets: how much a key, an account or a group may use. */

import { z } from "@hono/zod-openapi";
import { modelList, orNull } from "./fields.ts";

const amount = z.int().min(1).max(1_000_000_000_000_000).optional();

export const Budget = z.strictObject({
  tokens_per_minute: amount,
  tokens_per_day: amount.describe("A day begins at 00:00 UTC."),
  tokens_per_month: amount.describe("A month begins on its first day at 00:00 UTC."),
  calls_at_once: amount,
  max_tokens: amount.describe("The largest `max_tokens` of a call, which must then name one."),
}).meta({
  id: "Budget",
  description: "What is absent is not limited. Prompt and completion tokens count alike.",
});
export type Budget = z.infer<typeof Budget>;

export const GroupBudget = Budget.extend({
  requests_per_minute: amount,
  models: modelList.optional().describe("The models that its members may call."),
}).meta({
  id: "GroupBudget",
  description: "What all members together may use. What is absent is not limited.",
});
export type GroupBudget = z.infer<typeof GroupBudget>;

const BudgetLimit = z.object({
  name: z.enum([
    "requests_per_minute",
    "tokens_per_minute",
    "tokens_per_day",
    "tokens_per_month",
    "calls_at_once",
  ]),
  used: z.number().describe("In the present minute, day or month of UTC; of `calls_at_once`: now."),
  limit: z.number(),
  opens_at: z.number().nullable()
    .describe("When it starts over; null: with the end of a call (`calls_at_once`)."),
});

export const BudgetUse = z.object({
  of: z.enum(["account", "key", "group"]),
  id: z.string(),
  name: z.string().nullable().describe("A key's or a group's; null: the account."),
  limits: z.array(BudgetLimit),
  max_tokens: z.number().nullable().describe("The largest `max_tokens` of a call; null: any."),
  models: orNull(z.array(z.string())).describe("The models that may be called; null: all."),
}).meta({
  id: "BudgetUse",
  description: "What of a budget is used, by all who share it. Calls on own nodes cost nothing.",
});
export type BudgetUse = z.infer<typeof BudgetUse>;

export const BudgetUses = z.object({
  budgets: z.array(BudgetUse).describe("The account's, its groups', then its keys'."),
}).meta({ id: "BudgetUses" });
export type BudgetUses = z.infer<typeof BudgetUses>;
