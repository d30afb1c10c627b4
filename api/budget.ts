/** Budgets: how much a key, an account or a group may use. */

import { z } from "zod";
import { modelList } from "./fields.ts";

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
