/** Keys: bearer tokens that call models or connect nodes. */

import { z } from "@hono/zod-openapi";
import { Budget } from "./budget.ts";
import { described, label, modelList, orNull, rpm, time } from "./fields.ts";

const MAX_NAME_CHARS = 80;
const MAX_OVERLAP_SECONDS = 30 * 24 * 60 * 60;

/** How near a node is to an account. */
export const Route = z.enum(["own", "group", "any"]).describe(
  "`own`: the account's own nodes. `group`: also those whose owners name it or one of its groups. " +
    "`any`: also those for everyone.",
);
export type Route = z.infer<typeof Route>;

export const TokenKind = z.enum(["api", "client"])
  .describe("`api`: `sk-colink-…`, calls models. `client`: `client-…`, connects nodes.");
export type TokenKind = z.infer<typeof TokenKind>;

export const KeyView = z.object({
  id: z.string(),
  name: z.string().describe("Empty: the account's own key."),
  kind: TokenKind,
  hint: z.string().describe("The token's beginning and end, to recognise it: `sk-colink-Ab…9xYz`."),
  is_default: z.boolean().describe(
    "Whether it is the account's default token of that kind, which stays copyable (`GET /api/user/me`) and can be rotated, not revoked. The one that it replaced is an ordinary key until it ends.",
  ),
  state: z.enum(["active", "replaced"])
    .describe("`replaced`: still valid, until `expires_at`. Keys that have ended are not listed."),
  created_at: z.number(),
  last_used_at: z.number().nullable().describe(
    "When it last made a call or connected a node, exact to a minute; null: never.",
  ),
  expires_at: z.number().nullable().describe("Null: it does not end by itself."),
  models: z.array(z.string()).nullable()
    .describe("The models that it may call; null: all that the account may."),
  rpm: z.number().nullable().describe(
    "Calls per minute of its own, within the account's; null: the account's only.",
  ),
  budget: described(
    orNull(Budget),
    "What it may use of its own, within the account's; null: no limit of its own.",
  ),
  route: Route.describe("The farthest nodes that it may use; a call may ask for nearer ones."),
}).meta({ id: "Key", description: "A key, as its owner sees it." });
export type KeyView = z.infer<typeof KeyView>;

const limits = {
  models: modelList.nullable().optional(),
  rpm: rpm.nullable().optional(),
  route: Route.optional(),
  budget: orNull(Budget).optional(),
  expires_at: time.nullable().optional(),
};

export const NewKey = z.strictObject({
  name: label(MAX_NAME_CHARS),
  kind: TokenKind.optional().describe("Default: `api`."),
  ...limits,
}).meta({ id: "NewKey", description: "What is absent is not limited." });
export type NewKey = z.infer<typeof NewKey>;

export const KeyChange = z.strictObject({ name: label(MAX_NAME_CHARS).optional(), ...limits })
  .meta({ id: "KeyChange", description: "What is absent stays as it is." });
export type KeyChange = z.infer<typeof KeyChange>;

export const CreatedKey = z.object({
  key: KeyView,
  token: z.string().describe("Shown this once."),
}).meta({ id: "CreatedKey" });
export type CreatedKey = z.infer<typeof CreatedKey>;

export const KeyRotation = z.strictObject({
  overlap_seconds: z.int().min(0).max(MAX_OVERLAP_SECONDS).optional().describe(
    "How long the old token stays valid beside the new one; 0 (default): it ends at once. At most 30 days.",
  ),
}).meta({ id: "KeyRotation" });
export type KeyRotation = z.infer<typeof KeyRotation>;

export const RotatedKey = CreatedKey.extend({
  replaced: orNull(KeyView).describe("The old key while it is valid, else null."),
}).meta({ id: "RotatedKey" });
export type RotatedKey = z.infer<typeof RotatedKey>;
