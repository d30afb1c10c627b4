/** `/api/usage`: the dashboard in one answer. */

import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { UsageFilter, UsageView } from "../../../api/mod.ts";
import type { AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { answers, session } from "./schema.ts";
import { signedIn } from "./visitor.ts";

const route = createRoute({
  method: "get",
  path: "/usage",
  description:
    "Figures by `side`, `from`, `to`, `step`, `zone`, `model`, `key`, `node`: in all, over time, by model, key and node",
  security: session,
  request: { query: UsageFilter },
  responses: answers(UsageView),
});

export function usageRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  api.openapi(route, async (c) => {
    const { accountId } = await signedIn(c, parts);
    return c.json(await parts.usage.view(accountId, c.req.valid("query")), 200);
  });
}
