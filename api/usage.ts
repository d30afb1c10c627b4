/** What was used over time: the dashboard in one answer. */

import { z } from "@hono/zod-openapi";
import { Side } from "./calls.ts";
import { described, filterText, timeText } from "./fields.ts";

export const UsageFigures = z.object({
  calls: z.number(),
  errors: z.number().describe("Of these: neither answered nor left by their caller."),
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
  first_token_p50_ms: z.number().nullable().describe(
    "Time to first token of streams, from a histogram (exact to about 10 %); null: there were none.",
  ),
  first_token_p95_ms: z.number().nullable(),
  tokens_per_second: z.number().nullable()
    .describe("Completion tokens per second of running streams; null: there were none."),
}).meta({ id: "UsageFigures" });
export type UsageFigures = z.infer<typeof UsageFigures>;

export const UsagePoint = UsageFigures.extend({ at: z.number().describe("When the step begins.") });
export type UsagePoint = z.infer<typeof UsagePoint>;

export const UsageShare = UsageFigures.extend({
  id: z.string().describe("A model's name, a key's or a node's id."),
  name: z.string().nullable()
    .describe(
      "The name in the console; of models the same as `id`, of the account's own key empty, of what is gone null.",
    ),
}).meta({ id: "UsageShare" });
export type UsageShare = z.infer<typeof UsageShare>;

export const UsageStep = z.enum(["minute", "hour", "day"]);
export type UsageStep = z.infer<typeof UsageStep>;

export const UsageFilter = z.object({
  side: Side.optional().describe("Default: `made`."),
  from: timeText.optional().describe("Default: 24 hours before `to`."),
  to: timeText.optional().describe("Default: now."),
  step: UsageStep.optional().describe(
    "Default: `minute` up to 6 hours, `hour` up to 14 days, else `day`. At most 2,000 steps.",
  ),
  zone: filterText.describe(
    "A time zone such as `America/New_York`: the steps `day` are its days, made from hours; an hour belongs to the day in which it begins. At most 400 days. Default: UTC.",
  ),
  model: filterText,
  key: filterText.describe("Only on the `made` side."),
  node: filterText,
});
export type UsageFilter = z.infer<typeof UsageFilter>;

export const UsageExportColumn = z.enum(["day", "account", "group", "key", "model"]);
export type UsageExportColumn = z.infer<typeof UsageExportColumn>;

export const UsageExportFilter = z.object({
  format: z.enum(["csv", "jsonl"]).optional().describe("Default: `csv`."),
  scope: z.enum(["own", "all"]).optional()
    .describe("`all`: every account's, for administrators, whose default it is. Others: `own`."),
  by: z.string().max(100).optional()
    .transform((text) => text === undefined || text === "" ? undefined : text.split(","))
    .pipe(z.array(UsageExportColumn).optional()),
  from: timeText.optional().describe("Default: 30 days up to `to`. At most 400 days."),
  to: timeText.optional().describe("Default: now."),
  zone: filterText.describe("The time zone of the days; default: UTC."),
});
export type UsageExportFilter = z.output<typeof UsageExportFilter>;

const shares = z.array(UsageShare);

export const UsageView = z.object({
  side: Side,
  step: UsageStep,
  step_ms: z.number(),
  starts: z.array(z.number()).optional().describe(
    "With `zone`: when each day begins. Of these some have 23 or 25 hours.",
  ),
  from: z.number().describe("As asked, moved out to a whole step."),
  to: z.number().describe("As asked, moved out to a whole step."),
  total: UsageFigures,
  before: described(UsageFigures, "The same length of time before `from`, to compare with."),
  series: z.array(UsagePoint).describe("Steps without calls are left out."),
  by_model: shares.describe("Most calls first, at most 50."),
  by_key: shares.describe("As `by_model`; empty on the `provided` side."),
  by_node: shares.describe("As `by_model`."),
  model_series: z.array(z.object({
    id: z.string(),
    points: z.array(
      z.object({ at: z.number(), calls: z.number(), completion_tokens: z.number() }),
    ),
  })).describe("Series of the five busiest models, in the order of `by_model`."),
}).meta({ id: "Usage" });
export type UsageView = z.infer<typeof UsageView>;
