/** `/api/admin`: accounts, invites, nodes, settings and the audit log, for administrators. */

import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import {
  AdminNodeChange,
  AdminNodeView,
  AdminUserChange,
  AdminUserFilter,
  AdminUserPage,
  AdminUserView,
  AuditFilter,
  AuditPage,
  CreatedInvite,
  GroupChange,
  GroupMembers,
  GroupView,
  InviteView,
  MessageView,
  NewGroup,
  NewInvite,
  NewPasswordReset,
  PasswordResetLink,
  SessionsEnded,
  SettingsChange,
  SettingsPage,
  SettingsView,
} from "../../../api/mod.ts";
import { budgetText } from "../../account/budget_text.ts";
import { DAY_MS, HOUR_MS } from "../../base/clock.ts";
import { ColinkError } from "../../base/error.ts";
import { defined } from "../../base/defined.ts";
import type { AppEnv } from "../env.ts";
import { gatewayState } from "../gateway_state.ts";
import type { AppParts } from "../parts.ts";
import { answers, body, idParam, session } from "./schema.ts";
import { administrator, audit } from "./visitor.ts";

const DEFAULT_INVITE_DAYS = 7;

const DEFAULT_RESET_HOURS = 24;

const routes = {
  users: createRoute({
    method: "get",
    path: "/admin/users",
    description: "Accounts by `search`, `group`, `sort`; `cursor`, `limit`",
    security: session,
    request: { query: AdminUserFilter },
    responses: answers(AdminUserPage),
  }),
  changeUser: createRoute({
    method: "patch",
    path: "/admin/users/{id}",
    description: "`{role?, disabled?, rpm?, models?, budget?, weight?}`",
    security: session,
    request: { ...idParam, ...body(AdminUserChange) },
    responses: answers(z.object({ user: AdminUserView })),
  }),
  resetPassword: createRoute({
    method: "post",
    path: "/admin/users/{id}/password-reset",
    description:
      "`{hours?}` → `{code, email, expires_at}`: a link with which the account's owner sets a new password once",
    security: session,
    request: { ...idParam, ...body(NewPasswordReset) },
    responses: answers(PasswordResetLink),
  }),
  deleteUser: createRoute({
    method: "delete",
    path: "/admin/users/{id}",
    description:
      "Deletes the account with its keys, sessions, node tokens, memberships and aliases; its calls stay on record without a name",
    security: session,
    request: idParam,
    responses: answers(MessageView),
  }),
  signOutUser: createRoute({
    method: "delete",
    path: "/admin/users/{id}/sessions",
    description: "Ends all of the account's sessions",
    security: session,
    request: idParam,
    responses: answers(SessionsEnded),
  }),
  groups: createRoute({
    method: "get",
    path: "/admin/groups",
    description: "`{groups}`, in the order of their names",
    security: session,
    responses: answers(z.object({ groups: z.array(GroupView) })),
  }),
  createGroup: createRoute({
    method: "post",
    path: "/admin/groups",
    description: "`{name, weight?, members_see_nodes?}` → `{group}`",
    security: session,
    request: body(NewGroup),
    responses: answers(z.object({ group: GroupView })),
  }),
  groupMembers: createRoute({
    method: "get",
    path: "/admin/groups/{id}/members",
    description: "`{members}`, in the order of their addresses",
    security: session,
    request: idParam,
    responses: answers(GroupMembers),
  }),
  changeGroup: createRoute({
    method: "patch",
    path: "/admin/groups/{id}",
    description:
      "`{name?, weight?, members_see_nodes?, budget?, add?, remove?}`; the last two name accounts by id or e-mail",
    security: session,
    request: { ...idParam, ...body(GroupChange) },
    responses: answers(z.object({ group: GroupView })),
  }),
  deleteGroup: createRoute({
    method: "delete",
    path: "/admin/groups/{id}",
    description: "Deletes it; its members stay as they are",
    security: session,
    request: idParam,
    responses: answers(MessageView),
  }),
  invites: createRoute({
    method: "get",
    path: "/admin/invites",
    description: "`{invites}`, newest first; expired and revoked ones stay for 30 days",
    security: session,
    responses: answers(z.object({ invites: z.array(InviteView) })),
  }),
  createInvite: createRoute({
    method: "post",
    path: "/admin/invites",
    description: "`{note?, days?}` → `{invite, code}`; the code is shown this once",
    security: session,
    request: body(NewInvite),
    responses: answers(CreatedInvite),
  }),
  revokeInvite: createRoute({
    method: "delete",
    path: "/admin/invites/{id}",
    description: "Revokes it",
    security: session,
    request: idParam,
    responses: answers(MessageView),
  }),
  settings: createRoute({
    method: "get",
    path: "/admin/settings",
    description:
      "Name, registration mode, default limit, approval of nodes: what is in force, and what the configuration says; and the gateway's state: address, TLS, backup, versions",
    security: session,
    responses: answers(SettingsPage),
  }),
  changeSettings: createRoute({
    method: "patch",
    path: "/admin/settings",
    description: "Sets them; null: resets one to what the configuration says",
    security: session,
    request: body(SettingsChange),
    responses: answers(SettingsView),
  }),
  nodes: createRoute({
    method: "get",
    path: "/admin/nodes",
    description: "All nodes that were ever connected; those that wait for approval first",
    security: session,
    responses: answers(z.object({ nodes: z.array(AdminNodeView) })),
  }),
  changeNode: createRoute({
    method: "patch",
    path: "/admin/nodes/{id}",
    description: "`{approved?, paused?}`",
    security: session,
    request: { ...idParam, ...body(AdminNodeChange) },
    responses: answers(z.object({ node: AdminNodeView })),
  }),
  audit: createRoute({
    method: "get",
    path: "/admin/audit",
    description: "Who did what, when, from where; `actor`, `action`, `cursor`, `limit`",
    security: session,
    request: { query: AuditFilter },
    responses: answers(AuditPage),
  }),
};

export function adminRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  userRoutes(api, parts);
  groupRoutes(api, parts);
  inviteRoutes(api, parts);
  settingRoutes(api, parts);
  nodeRoutes(api, parts);

  api.openapi(routes.audit, async (c) => {
    await administrator(c, parts);
    return c.json(await parts.audit.page(c.req.valid("query")), 200);
  });
}

function userRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { users, deletion, passwordResets, sessions } = parts;

  api.openapi(routes.resetPassword, async (c) => {
    const admin = await administrator(c, parts);
    await parts.rates.take("password_resets_per_account", admin.accountId);
    const { hours = DEFAULT_RESET_HOURS } = c.req.valid("json");
    const link = await passwordResets.create(c.req.valid("param").id, hours * HOUR_MS);
    const event = { action: "password.reset_link", target: link.email, detail: { hours } } as const;
    await audit(c, parts, admin, event);
    return c.json(link, 200);
  });

  api.openapi(routes.deleteUser, async (c) => {
    const admin = await administrator(c, parts);
    const { id } = c.req.valid("param");
    if (id === admin.accountId) {
      throw new ColinkError(
        "invalid_request",
        "Cannot delete your own account here: the settings do, with your password",
        { problem: { code: "own_account" } },
      );
    }
    const target = await deletion.run(id);
    await audit(c, parts, admin, { action: "user.deleted", target });
    return c.json({ message: "Account deleted" }, 200);
  });

  api.openapi(routes.signOutUser, async (c) => {
    const admin = await administrator(c, parts);
    const { id, email: target } = await users.find(c.req.valid("param").id);
    const ended = await sessions.endOthers(id, null);
    await audit(c, parts, admin, { action: "session.ended", target, detail: { ended } });
    return c.json({ ended }, 200);
  });

  api.openapi(routes.users, async (c) => {
    await administrator(c, parts);
    return c.json(await users.page(c.req.valid("query")), 200);
  });

  api.openapi(routes.changeUser, async (c) => {
    const admin = await administrator(c, parts);
    const change = c.req.valid("json");
    const { disabled, models, budget, ...rest } = change;
    const user = await users.change(c.req.valid("param").id, change, admin.accountId);
    const { email: target } = user;
    if (disabled !== undefined) {
      const action = disabled ? "user.disabled" : "user.enabled";
      await audit(c, parts, admin, { action, target });
    }
    const detail = defined({
      ...rest,
      models: models === undefined ? undefined : models?.join(", ") ?? null,
      budget: budgetText(budget),
    });
    if (Object.keys(detail).length > 0) {
      await audit(c, parts, admin, { action: "user.changed", target, detail });
    }
    return c.json({ user }, 200);
  });
}

function groupRoutes(api: OpenAPIHono<AppEnv>, parts: AppParts): void {
  const { groups, accounts } = parts;
  const idOf = (account: string) => account.includes("@") ? accounts.idOf(account) : account;

  api.openapi(routes.groups, async (c) => {
    await administrator(c, parts);
    return c.json({ groups: groups.list() }, 200);
  });

  api.openapi(routes.createGroup, async (c) => {
    const admin = await administrator(c, parts);
    const group = await groups.create(c.req.valid("json"));
    const { name: target, weight } = group;
    await audit(c, parts, admin, { action: "group.created", target, detail: { weight } });
    return c.json({ group }, 200);
  });

  api.openapi(routes.groupMembers, async (c) => {
    await administrator(c, parts);
    return c.json({ members: await groups.members(c.req.valid("param").id) }, 200);
  });

  api.openapi(routes.changeGroup, async (c) => {
    const admin = await administrator(c, parts);
    const { add = [], remove = [], budget, ...change } = c.req.valid("json");
    const group = await groups.change(c.req.valid("param").id, {
      add: await Promise.all(add.map(idOf)),
      remove: await Promise.all(remove.map(idOf)),
      ...change,
      ...defined({ budget }),
    });
    const detail = defined({
      ...change,
      budget: budgetText(budget),
      added: add.length || undefined,
      removed: remove.length || undefined,
    });
    await audit(c, parts, admin, { action: "group.changed", target: group.name, detail });
    return c.json({ group }, 200);
  });

  api.openapi(routes.deleteGroup, async (c) => {
    const admin = await administrator(c, parts);
    const { name: target } = await groups.remove(c.req.valid("param").id);
    await audit(c, parts, admin, { action: "group.deleted", target });
    return c.json({ message: "Group deleted" }, 200);
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
    const event = {
      action: "invite.created",
      target: created.invite.id,
      detail: { days },
    } as const;
    await audit(c, parts, { accountId: id, email: admin.email }, event);
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
    return c.json({ ...settings.view(), gateway: await gatewayState(parts) }, 200);
  });

  api.openapi(routes.changeSettings, async (c) => {
    const admin = await administrator(c, parts);
    const change = c.req.valid("json");
    // Requiring approval from now on must not stop the nodes that serve already.
    if (change.node_approval === true && !settings.values.nodeApproval) await nodes.approveAll();
    const view = await settings.change(change);
    await audit(c, parts, admin, { action: "settings.changed", detail: defined(change) });
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
