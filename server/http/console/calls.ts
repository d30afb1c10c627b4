/** `/api/calls`: what became of an account's calls, made and provided. Metadata only. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { CallDetail, CallFilter, CallPage } from "../../../api/mod.ts";
import { maySee, type Onlooker, onlookerOf } from "../../node/audience.ts";
import type { Hub } from "../../node/hub.ts";
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
    description: "One call with its attempts, and why its node was chosen",
    security: session,
    request: idParam,
    responses: answers(z.object({ call: CallDetail })),
  }),
};

/** The given nodes that are connected and that the onlooker may see. */
function visibleNodes(
  hub: Pick<Hub, "nodes">,
  nodeIds: ReadonlySet<string>,
  onlooker: Onlooker,
): ReadonlySet<string> {
  const visible = new Set<string>();
  if (nodeIds.size === 0) return visible;
  for (const node of hub.nodes()) {
    const { publicId } = node.who;
    if (nodeIds.has(publicId) && maySee(node, onlooker)) visible.add(publicId);
  }
  return visible;
}

export function callRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { history, hub } = parts;

  api.openapi(routes.page, async (c) => {
    const { accountId } = await signedIn(c, parts);
    return c.json(await history.page(accountId, c.req.valid("query")), 200);
  });

  api.openapi(routes.one, async (c) => {
    const { accountId, role } = await signedIn(c, parts);
    const onlooker = onlookerOf({ accountId, role }, parts.memberships);
    const visible = (nodeIds: ReadonlySet<string>) => visibleNodes(hub, nodeIds, onlooker);
    return c.json({ call: await history.find(accountId, c.req.valid("param").id, visible) }, 200);
  });
}
