/** `/api/keys`: an account's keys, each with a name and limits of its own. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import {
  CreatedKey,
  KeyChange,
  KeyRotation,
  KeyView,
  MessageView,
  NewKey,
  RotatedKey,
} from "../../../api/mod.ts";
import type { AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { answers, body, idParam, session } from "./schema.ts";
import { audit, signedIn } from "./visitor.ts";

const routes = {
  list: createRoute({
    method: "get",
    path: "/keys",
    description: "`{keys}`, newest first, without their tokens",
    security: session,
    responses: answers(z.object({ keys: z.array(KeyView) })),
  }),
  create: createRoute({
    method: "post",
    path: "/keys",
    description:
      "`{name, kind?, models?, rpm?, route?, budget?, expires_at?}` → `{key, token}`; the token is shown this once",
    security: session,
    request: body(NewKey),
    responses: answers(CreatedKey),
  }),
  change: createRoute({
    method: "patch",
    path: "/keys/{id}",
    description: "Changes its name, models, limit, route or expiry",
    security: session,
    request: { ...idParam, ...body(KeyChange) },
    responses: answers(z.object({ key: KeyView })),
  }),
  revoke: createRoute({
    method: "delete",
    path: "/keys/{id}",
    description: "Revokes it, within 5 seconds at every gateway",
    security: session,
    request: idParam,
    responses: answers(MessageView),
  }),
  rotate: createRoute({
    method: "post",
    path: "/keys/{id}/rotate",
    description:
      "`{overlap_seconds?}` → `{key, token, replaced}`: both tokens are valid for that long",
    security: session,
    request: { ...idParam, ...body(KeyRotation) },
    responses: answers(RotatedKey),
  }),
};

export function keyRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { keys } = parts;

  api.openapi(routes.list, async (c) => {
    const { accountId } = await signedIn(c, parts);
    return c.json({ keys: await keys.list(accountId) }, 200);
  });

  api.openapi(routes.create, async (c) => {
    const visitor = await signedIn(c, parts);
    await parts.rates.take("new_keys_per_account", visitor.accountId);
    const created = await keys.create(visitor.accountId, c.req.valid("json"));
    const { name, kind } = created.key;
    await audit(c, parts, visitor, { action: "key.created", target: name, detail: { kind } });
    return c.json(created, 200);
  });

  api.openapi(routes.change, async (c) => {
    const visitor = await signedIn(c, parts);
    const change = c.req.valid("json");
    const key = await keys.change(visitor.accountId, c.req.valid("param").id, change);
    const detail = { fields: Object.keys(change).join(", ") };
    await audit(c, parts, visitor, { action: "key.changed", target: key.name, detail });
    return c.json({ key }, 200);
  });

  api.openapi(routes.revoke, async (c) => {
    const visitor = await signedIn(c, parts);
    const key = await keys.revoke(visitor.accountId, c.req.valid("param").id);
    await audit(c, parts, visitor, { action: "key.revoked", target: key.name });
    return c.json({ message: "Key revoked" }, 200);
  });

  api.openapi(routes.rotate, async (c) => {
    const visitor = await signedIn(c, parts);
    await parts.rates.take("new_keys_per_account", visitor.accountId);
    const { overlap_seconds: overlapSeconds = 0 } = c.req.valid("json");
    const { id } = c.req.valid("param");
    const rotated = await keys.rotate(visitor.accountId, id, overlapSeconds * 1000);
    await audit(c, parts, visitor, {
      action: "key.rotated",
      target: rotated.key.name,
      detail: { overlap_seconds: overlapSeconds },
    });
    return c.json(rotated, 200);
  });
}
