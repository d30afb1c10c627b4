/** `/api/admin`: accounts, invites, nodes, settings and the audit log, for administrators. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type {
  AdminNodeChange,
  AdminNodeView,
  AdminUserChange,
  AdminUserPage,
  AdminUserView,
  AuditEntry,
  AuditPage,
  CreatedInvite,
  InviteView,
  NewInvite,
  SettingsChange,
  SettingsView,
} from "../../../api/mod.ts";
import type { AppEnv } from "../env.ts";
import type { AppParts } from "../parts.ts";
import { answers, body, idParam, limitText, Message, modelList, rpm, session } from "./schema.ts";
import { administrator, audit } from "./visitor.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const DEFAULT_INVITE_DAYS = 7;
const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;

const registration = z.enum(["open", "invite", "closed"]);

const User: z.ZodType<AdminUserView> = z.object({
  id: z.string(),
  email: z.string(),
  role: z.enum(["user", "admin"]),
  created_at: z.number(),
  disabled_at: z.number().nullable(),
  rpm: z.number().nullable(),
  models: z.array(z.string()).nullable(),
  total_api_calls: z.number(),
  total_provided_calls: z.number(),
  keys: z.number(),
  nodes: z.number(),
}).openapi("AdminUser");

const UserPage: z.ZodType<AdminUserPage> = z.object({
  users: z.array(User),
  next_cursor: z.string().nullable(),
}).openapi("AdminUserPage");

const UserChange: z.ZodType<AdminUserChange> = z.strictObject({
  role: z.enum(["user", "admin"]).optional(),
  disabled: z.boolean().optional(),
  rpm: rpm.nullable().optional(),
  models: modelList.nullable().optional(),
}).openapi("AdminUserChange");

const Invite: z.ZodType<InviteView> = z.object({
  id: z.string(),
  note: z.string(),
  created_at: z.number(),
  expires_at: z.number(),
  created_by: z.string().nullable(),
  used_by: z.string().nullable(),
  state: z.enum(["open", "used", "expired", "revoked"]),
}).openapi("Invite");

const New: z.ZodType<NewInvite> = z.strictObject({
  note: z.string().trim().max(200).regex(/^\P{Cc}*$/u, { error: "control characters in it" })
    .optional(),
  days: z.int().min(1).max(365).optional(),
}).openapi("NewInvite");

const Created: z.ZodType<CreatedInvite> = z.object({ invite: Invite, code: z.string() })
  .openapi("CreatedInvite");

const setting = <T extends z.ZodType>(value: T) =>
  z.object({ value, fallback: value, is_set: z.boolean() });

const Settings: z.ZodType<SettingsView> = z.object({
  registration: setting(registration),
  default_rpm: setting(z.number()),
  node_approval: setting(z.boolean()),
}).openapi("Settings");

const Change: z.ZodType<SettingsChange> = z.strictObject({
  registration: registration.nullable().optional(),
  default_rpm: rpm.nullable().optional(),
  node_approval: z.boolean().nullable().optional(),
}).openapi("SettingsChange");

const Node: z.ZodType<AdminNodeView> = z.object({
  id: z.string(),
  name: z.string(),
  owner_id: z.string(),
  owner_email: z.string(),
  connected: z.boolean(),
  models: z.array(z.string()),
  first_seen_at: z.number(),
  last_seen_at: z.number(),
  approved_at: z.number().nullable(),
  paused_at: z.number().nullable(),
}).openapi("AdminNode");

const NodeChange: z.ZodType<AdminNodeChange> = z.strictObject({
  approved: z.boolean().optional(),
  paused: z.boolean().optional(),
}).openapi("AdminNodeChange");

const Entry: z.ZodType<AuditEntry> = z.object({
  id: z.string(),
  at: z.number(),
  actor: z.string().nullable(),
  action: z.enum([
    "account.registered",
    "session.started",
    "session.refused",
    "session.ended",
    "password.changed",
    "key.created",
    "key.changed",
    "key.rotated",
    "key.revoked",
    "node.renamed",
    "node.paused",
    "node.resumed",
    "node.drained",
    "node.approved",
    "node.unapproved",
    "user.changed",
    "user.disabled",
    "user.enabled",
    "invite.created",
    "invite.revoked",
    "settings.changed",
  ]),
  target: z.string().nullable(),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  address: z.string().nullable(),
}).openapi("AuditEntry");

const Audit: z.ZodType<AuditPage> = z.object({
  entries: z.array(Entry),
  next_cursor: z.string().nullable(),
}).openapi("AuditPage");

const text = z.string().max(300).optional();
const page = { cursor: text, limit: limitText(MAX_PAGE, DEFAULT_PAGE) };

const routes = {
  users: createRoute({
    method: "get",
    path: "/admin/users",
    security: session,
    request: { query: z.object({ search: text, ...page }) },
    responses: answers(UserPage),
  }),
  changeUser: createRoute({
    method: "patch",
    path: "/admin/users/{id}",
    security: session,
    request: { ...idParam, ...body(UserChange) },
    responses: answers(z.object({ user: User })),
  }),
  invites: createRoute({
    method: "get",
    path: "/admin/invites",
    security: session,
    responses: answers(z.object({ invites: z.array(Invite) })),
  }),
  createInvite: createRoute({
    method: "post",
    path: "/admin/invites",
    security: session,
    request: body(New),
    responses: answers(Created),
  }),
  revokeInvite: createRoute({
    method: "delete",
    path: "/admin/invites/{id}",
    security: session,
    request: idParam,
    responses: answers(Message),
  }),
  settings: createRoute({
    method: "get",
    path: "/admin/settings",
    security: session,
    responses: answers(Settings),
  }),
  changeSettings: createRoute({
    method: "patch",
    path: "/admin/settings",
    security: session,
    request: body(Change),
    responses: answers(Settings),
  }),
  nodes: createRoute({
    method: "get",
    path: "/admin/nodes",
    security: session,
    responses: answers(z.object({ nodes: z.array(Node) })),
  }),
  changeNode: createRoute({
    method: "patch",
    path: "/admin/nodes/{id}",
    security: session,
    request: { ...idParam, ...body(NodeChange) },
    responses: answers(z.object({ node: Node })),
  }),
  audit: createRoute({
    method: "get",
    path: "/admin/audit",
    security: session,
    request: { query: z.object({ actor: text, action: text, ...page }) },
    responses: answers(Audit),
  }),
};

export function adminRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  userRoutes(api, parts);
  inviteRoutes(api, parts);
  settingRoutes(api, parts);
  nodeRoutes(api, parts);

  api.openapi(routes.audit, async (c) => {
    await administrator(c, parts);
    return c.json(await parts.audit.page(c.req.valid("query")), 200);
  });
}

function userRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { users } = parts;

  api.openapi(routes.users, async (c) => {
    await administrator(c, parts);
    return c.json(await users.page(c.req.valid("query")), 200);
  });

  api.openapi(routes.changeUser, async (c) => {
    const admin = await administrator(c, parts);
    const change = c.req.valid("json");
    const { disabled, models, ...rest } = change;
    const user = await users.change(c.req.valid("param").id, change, admin.accountId);
    const { email: target } = user;
    if (disabled !== undefined) {
      const action = disabled ? "user.disabled" : "user.enabled";
      await audit(c, parts, admin, { action, target });
    }
    const detail = {
      ...rest,
      ...(models === undefined ? {} : { models: models?.join(", ") ?? null }),
    };
    if (Object.keys(detail).length > 0) {
      await audit(c, parts, admin, { action: "user.changed", target, detail });
    }
    return c.json({ user }, 200);
  });
}

function inviteRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { invites } = parts;

  api.openapi(routes.invites, async (c) => {
    await administrator(c, parts);
    return c.json({ invites: await invites.list() }, 200);
  });

  api.openapi(routes.createInvite, async (c) => {
    const { accountId: id, ...admin } = await administrator(c, parts);
    const { note, days = DEFAULT_INVITE_DAYS } = c.req.valid("json");
    const created = await invites.create({
      note: note ?? "",
      ttlMs: days * DAY_MS,
      createdBy: { id, email: admin.email },
    });
    const deed = { action: "invite.created", target: created.invite.id, detail: { days } } as const;
    await audit(c, parts, { accountId: id, email: admin.email }, deed);
    return c.json(created, 200);
  });

  api.openapi(routes.revokeInvite, async (c) => {
    const admin = await administrator(c, parts);
    const { id } = await invites.revoke(c.req.valid("param").id);
    await audit(c, parts, admin, { action: "invite.revoked", target: id });
    return c.json({ message: "Invite revoked" }, 200);
  });
}

function settingRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { settings, nodes } = parts;

  api.openapi(routes.settings, async (c) => {
    await administrator(c, parts);
    return c.json(settings.view(), 200);
  });

  api.openapi(routes.changeSettings, async (c) => {
    const admin = await administrator(c, parts);
    const change = c.req.valid("json");
    // Who asks for approval from now on does not mean the nodes that serve already.
    if (change.node_approval === true && !settings.values.nodeApproval) await nodes.approveAll();
    const view = await settings.change(change);
    await audit(c, parts, admin, { action: "settings.changed", detail: { ...change } });
    return c.json(view, 200);
  });
}

function nodeRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { nodes } = parts;

  api.openapi(routes.nodes, async (c) => {
    await administrator(c, parts);
    return c.json({ nodes: await nodes.all() }, 200);
  });

  api.openapi(routes.changeNode, async (c) => {
    const admin = await administrator(c, parts);
    const change = c.req.valid("json");
    const node = await nodes.administer(c.req.valid("param").id, change);
    const { approved, paused } = change;
    if (approved !== undefined) {
      const action = approved ? "node.approved" : "node.unapproved";
      await audit(c, parts, admin, { action, target: node.id });
    }
    if (paused !== undefined) {
      const action = paused ? "node.paused" : "node.resumed";
      await audit(c, parts, admin, { action, target: node.id });
    }
    return c.json({ node }, 200);
  });
}
