/** `/api/calls`: what became of an account's calls, made and provided. Metadata only. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { CallFilter, CallPage, CallView } from "../../../api/mod.ts";
import type { AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { answers, idParam, session } from "./schema.ts";
import { signedIn } from "./visitor.ts";

const routes = {
  page: createRoute({
    method: "get",
    path: "/calls",
    description:
      "Calls by `side` (`made`, `provided`), `from`, `to`, `key`, `model`, `node`, `endpoint`, `status`, `outcome`; `cursor`, `limit`",
    security: session,
    request: { query: CallFilter },
    responses: answers(CallPage),
  }),
  one: createRoute({
    method: "get",
    path: "/calls/{id}",
    description: "One call with its attempts",
    security: session,
    request: idParam,
    responses: answers(z.object({ call: CallView })),
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
