/** `/api/calls`: what became of an account's calls, made and provided. Metadata only. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { AttemptView, CallFilter, CallPage, CallView } from "../../../api/mod.ts";
import type { AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { answers, idParam, limitText, session, timeText } from "./schema.ts";
import { signedIn } from "./visitor.ts";

const MAX_CALLS = 200;
const DEFAULT_CALLS = 50;

const outcomes = [
  "ok",
  "upstream_error",
  "node_lost",
  "cancelled",
  "timeout",
  "rejected",
  "interrupted",
] as const;

const Attempt: z.ZodType<AttemptView> = z.object({
  node: z.string(),
  node_name: z.string().nullable(),
  start_ms: z.number(),
  duration_ms: z.number(),
  end: z.string(),
}).openapi("Attempt");

const Call: z.ZodType<CallView> = z.object({
  id: z.string(),
  side: z.enum(["made", "provided"]),
  started_at: z.number(),
  endpoint: z.string(),
  model: z.string(),
  stream: z.boolean(),
  outcome: z.enum(outcomes),
  status: z.number(),
  cause: z.string().nullable(),
  key_id: z.string().nullable(),
  key_name: z.string().nullable(),
  node: z.string().nullable(),
  node_name: z.string().nullable(),
  prompt_tokens: z.number().nullable(),
  completion_tokens: z.number().nullable(),
  estimated: z.boolean(),
  delivered_bytes: z.number(),
  queued_ms: z.number(),
  first_byte_ms: z.number().nullable(),
  duration_ms: z.number(),
  attempts: z.array(Attempt),
}).openapi("Call");

const Page: z.ZodType<CallPage> = z.object({
  calls: z.array(Call),
  next_cursor: z.string().nullable(),
  looked_to: z.number().nullable(),
}).openapi("CallPage");

const text = z.string().max(300).optional();

const Filter = z.object({
  side: z.enum(["made", "provided"]).optional(),
  from: timeText.optional(),
  to: timeText.optional(),
  key: text,
  model: text,
  node: text,
  endpoint: text,
  status: z.coerce.number().int().min(100).max(599).optional(),
  outcome: z.enum([...outcomes, "failed"]).optional(),
  cursor: text,
  limit: limitText(MAX_CALLS, DEFAULT_CALLS),
}) satisfies z.ZodType<CallFilter>;

const routes = {
  page: createRoute({
    method: "get",
    path: "/calls",
    security: session,
    request: { query: Filter },
    responses: answers(Page),
  }),
  one: createRoute({
    method: "get",
    path: "/calls/{id}",
    security: session,
    request: idParam,
    responses: answers(z.object({ call: Call })),
  }),
};

export function callRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { history } = parts;

  api.openapi(routes.page, async (c) => {
    const { accountId } = await signedIn(c, parts);
    return c.json(await history.page(accountId, c.req.valid("query")), 200);
  });

  api.openapi(routes.one, async (c) => {
    const { accountId } = await signedIn(c, parts);
    return c.json({ call: await history.find(accountId, c.req.valid("param").id) }, 200);
  });
}
