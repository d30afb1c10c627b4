/** `/api/usage`: the dashboard in one answer. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { UsageFilter, UsageView } from "../../../api/mod.ts";
import type { AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { answers, session, timeText } from "./schema.ts";
import { signedIn } from "./visitor.ts";

const Figures = z.object({
  calls: z.number(),
  errors: z.number(),
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
  first_token_p50_ms: z.number().nullable(),
  first_token_p95_ms: z.number().nullable(),
  tokens_per_second: z.number().nullable(),
}).openapi("UsageFigures");

const Share = Figures.extend({ id: z.string(), name: z.string().nullable() }).openapi("UsageShare");

const step = z.enum(["minute", "hour", "day"]);

const Usage: z.ZodType<UsageView> = z.object({
  side: z.enum(["made", "provided"]),
  step,
  step_ms: z.number(),
  from: z.number(),
  to: z.number(),
  total: Figures,
  before: Figures,
  series: z.array(Figures.extend({ at: z.number() })),
  by_model: z.array(Share),
  by_key: z.array(Share),
  by_node: z.array(Share),
  model_series: z.array(z.object({
    id: z.string(),
    points: z.array(
      z.object({ at: z.number(), calls: z.number(), completion_tokens: z.number() }),
    ),
  })),
}).openapi("Usage");

const text = z.string().max(300).optional();

const Filter = z.object({
  side: z.enum(["made", "provided"]).optional(),
  from: timeText.optional(),
  to: timeText.optional(),
  step: step.optional(),
  model: text,
  key: text,
  node: text,
}) satisfies z.ZodType<UsageFilter>;

const route = createRoute({
  method: "get",
  path: "/usage",
  security: session,
  request: { query: Filter },
  responses: answers(Usage),
});

export function usageRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  api.openapi(route, async (c) => {
    const { accountId } = await signedIn(c, parts);
    return c.json(await parts.usage.view(accountId, c.req.valid("query")), 200);
  });
}
