/** `/api/keys`: an account's keys, each with a name and limits of its own. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type {
  CreatedKey,
  KeyChange,
  KeyRotation,
  KeyView,
  NewKey,
  RotatedKey,
} from "../../../api/mod.ts";
import type { AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { answers, body, idParam, label, Message, modelList, rpm, session, time } from "./schema.ts";
import { audit, expectSeldom, signedIn } from "./visitor.ts";

/** By account, making and replacing together. */
const NEW_KEYS_PER_MINUTE = 30;

const MAX_NAME_CHARS = 80;
const MAX_OVERLAP_SECONDS = 30 * 24 * 60 * 60;

export const Key: z.ZodType<KeyView> = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(["api", "client"]),
  hint: z.string(),
  is_default: z.boolean(),
  state: z.enum(["active", "replaced"]),
  created_at: z.number(),
  last_used_at: z.number().nullable(),
  expires_at: z.number().nullable(),
  models: z.array(z.string()).nullable(),
  rpm: z.number().nullable(),
}).openapi("Key");

const Created: z.ZodType<CreatedKey> = z.object({ key: Key, token: z.string() })
  .openapi("CreatedKey");

export const Rotated: z.ZodType<RotatedKey> = z.object({
  key: Key,
  token: z.string(),
  replaced: Key.nullable(),
}).openapi("RotatedKey");

const limits = {
  models: modelList.nullable().optional(),
  rpm: rpm.nullable().optional(),
  expires_at: time.nullable().optional(),
};

const New: z.ZodType<NewKey> = z.strictObject({
  name: label(MAX_NAME_CHARS),
  kind: z.enum(["api", "client"]).optional(),
  ...limits,
}).openapi("NewKey");

const Change: z.ZodType<KeyChange> = z.strictObject({
  name: label(MAX_NAME_CHARS).optional(),
  ...limits,
}).openapi("KeyChange");

export const Rotation: z.ZodType<KeyRotation> = z.strictObject({
  overlap_seconds: z.int().min(0).max(MAX_OVERLAP_SECONDS).optional(),
}).openapi("KeyRotation");

const routes = {
  list: createRoute({
    method: "get",
    path: "/keys",
    security: session,
    responses: answers(z.object({ keys: z.array(Key) })),
  }),
  create: createRoute({
    method: "post",
    path: "/keys",
    security: session,
    request: body(New),
    responses: answers(Created),
  }),
  change: createRoute({
    method: "patch",
    path: "/keys/{id}",
    security: session,
    request: { ...idParam, ...body(Change) },
    responses: answers(z.object({ key: Key })),
  }),
  revoke: createRoute({
    method: "delete",
    path: "/keys/{id}",
    security: session,
    request: idParam,
    responses: answers(Message),
  }),
  rotate: createRoute({
    method: "post",
    path: "/keys/{id}/rotate",
    security: session,
    request: { ...idParam, ...body(Rotation) },
    responses: answers(Rotated),
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
    await expectSeldom(parts, "new-key", visitor.accountId, NEW_KEYS_PER_MINUTE);
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
    await expectSeldom(parts, "new-key", visitor.accountId, NEW_KEYS_PER_MINUTE);
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
