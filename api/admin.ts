/** What administrators see and do. */

import { z } from "@hono/zod-openapi";
import { RegistrationMode, Role } from "./account.ts";
import { Budget } from "./budget.ts";
import { NodeMachine } from "./nodes.ts";
import { TroubleCause } from "./overview.ts";
import {
  filterText,
  following,
  label,
  limitText,
  modelList,
  note,
  orNull,
  rpm,
  weight,
} from "./fields.ts";

const page = { cursor: filterText, limit: limitText(200, 50) };
const next_cursor = z.string().nullable();

export const AdminUserView = z.object({
  id: z.string(),
  email: z.string(),
  role: Role,
  created_at: z.number(),
  disabled_at: z.number().nullable().describe("Null: the account is open."),
  rpm: z.number().nullable().describe(
    "Calls per minute of all its keys together; null: the gateway's default; 0: none.",
  ),
  models: z.array(z.string()).nullable().describe("The models that it may call; null: all."),
  budget: orNull(Budget),
  weight: z.number().nullable().describe(
    "Its part where calls wait, for one of most accounts; null: as its groups say, else 1.",
  ),
  total_api_calls: z.number(),
  total_provided_calls: z.number(),
  recent_tokens: z.number()
    .describe("Prompt and completion tokens of the calls that it made in the last 30 days."),
  keys: z.number().describe("Valid keys, as its Keys page lists them: its own two among them."),
  nodes: z.number().describe("Nodes that are connected."),
  groups: z.array(z.string()).describe("Names of its groups."),
}).meta({ id: "AdminUser" });
export type AdminUserView = z.infer<typeof AdminUserView>;

export const AdminUserFilter = z.object({
  search: filterText.describe("A part of the e-mail."),
  group: filterText.describe("The id of a group: its members only."),
  sort: z.enum(["newest", "email", "made", "provided"]).optional().describe(
    "Default: `newest`. `made` and `provided`: the most calls first. Ask for each page in the same order.",
  ),
  ...page,
});
export type AdminUserFilter = z.output<typeof AdminUserFilter>;

export const AdminUserPage = z.object({ users: z.array(AdminUserView), next_cursor, following })
  .meta({ id: "AdminUserPage", description: "In the order asked for." });
export type AdminUserPage = z.infer<typeof AdminUserPage>;

export const AdminUserChange = z.strictObject({
  role: Role.optional(),
  disabled: z.boolean().optional(),
  rpm: rpm.nullable().optional(),
  models: modelList.nullable().optional(),
  budget: orNull(Budget).optional(),
  weight: weight.nullable().optional(),
}).meta({ id: "AdminUserChange", description: "What is absent stays as it is." });
export type AdminUserChange = z.infer<typeof AdminUserChange>;

export const NewPasswordReset = z.strictObject({
  hours: z.int().min(1).max(168).optional().describe("How long the link is valid; default 24."),
}).meta({ id: "NewPasswordReset" });
export type NewPasswordReset = z.infer<typeof NewPasswordReset>;

export const PasswordResetLink = z.object({
  code: z.string().describe("Shown this once; the link is `/reset#` and the code."),
  email: z.string(),
  expires_at: z.number(),
}).meta({
  id: "PasswordResetLink",
  description: "Sets the account's password once. It replaces the account's earlier link.",
});
export type PasswordResetLink = z.infer<typeof PasswordResetLink>;

export const InviteView = z.object({
  id: z.string(),
  note: z.string(),
  created_at: z.number(),
  expires_at: z.number(),
  created_by: z.string().nullable().describe(
    "An e-mail; null: the command line; `deleted account`: it was deleted.",
  ),
  used_by: z.string().nullable().describe("The e-mail of the account that was made with it."),
  state: z.enum(["open", "used", "expired", "revoked"]),
}).meta({ id: "Invite" });
export type InviteView = z.infer<typeof InviteView>;

export const NewInvite = z.strictObject({
  note: note(200).optional().describe("For the administrators' own eyes."),
  days: z.int().min(1).max(365).optional().describe("How long the code is valid; default 7."),
}).meta({ id: "NewInvite" });
export type NewInvite = z.infer<typeof NewInvite>;

export const CreatedInvite = z.object({
  invite: InviteView,
  code: z.string().describe("Shown this once."),
}).meta({ id: "CreatedInvite" });
export type CreatedInvite = z.infer<typeof CreatedInvite>;

const setting = <T extends z.ZodType>(value: T) =>
  z.object({
    value,
    fallback: value.describe("The configuration's, used while nothing is set here."),
    is_set: z.boolean(),
  });

export interface Setting<T> {
  value: T;
  fallback: T;
  is_set: boolean;
}

const MAX_INSTANCE_NAME_CHARS = 40;

const VersionCount = z.object({
  version: z.string().nullable().describe("Null: not said."),
  count: z.number(),
});

export const GatewayState = z.object({
  public_url: z.string().nullable()
    .describe("COLINK_PUBLIC_URL; null: programs use the address that they know."),
  tls: orNull(z.object({
    valid_until: z.number().nullable().describe("Null: there is no certificate yet."),
    trouble: z.string().nullable()
      .describe("Why there is no valid certificate, or no newer one; null: nothing is wrong."),
    cause: orNull(TroubleCause).describe("The kind of what `trouble` says; null: none is known."),
  })).describe("Null: the gateway speaks plain HTTP, perhaps behind a proxy that speaks TLS."),
  backup: z.object({
    last_at: z.number().nullable().describe("Null: none is known."),
    database: z.enum(["sqlite", "postgres"])
      .describe("Of PostgreSQL the gateway knows no backups that other tools make."),
  }),
  gateways: z.array(VersionCount).describe("Gateways that live, by version, this one's first."),
  nodes: z.array(VersionCount)
    .describe("Connected nodes by program and version, the most frequent first; at most 20."),
}).meta({ id: "GatewayState", description: "What cannot be changed while the gateway runs." });
export type GatewayState = z.infer<typeof GatewayState>;

export const SettingsView = z.object({
  name: setting(z.string()).describe("What the console calls this gateway; empty: Co-Link."),
  registration: setting(RegistrationMode),
  default_rpm: setting(z.number())
    .describe("Calls per minute of each account without a limit of its own."),
  node_approval: setting(z.boolean())
    .describe("Whether new nodes wait for an administrator's approval."),
}).meta({ id: "Settings" });
export type SettingsView = z.infer<typeof SettingsView>;

export const SettingsPage = SettingsView.extend({ gateway: GatewayState })
  .meta({ id: "SettingsPage" });
export type SettingsPage = z.infer<typeof SettingsPage>;

export const SettingsChange = z.strictObject({
  name: label(MAX_INSTANCE_NAME_CHARS).nullable().optional(),
  registration: RegistrationMode.nullable().optional(),
  default_rpm: rpm.nullable().optional(),
  node_approval: z.boolean().nullable().optional(),
}).meta({
  id: "SettingsChange",
  description: "Null: back to the configuration's. What is absent stays as it is.",
});
export type SettingsChange = z.infer<typeof SettingsChange>;

export const AdminNodeView = z.object({
  id: z.string(),
  name: z.string(),
  owner_id: z.string(),
  owner_email: z.string(),
  connected: z.boolean(),
  models: z.array(z.string()),
  agent: z.string().nullable().describe("Its program and version; null: not said."),
  machine: orNull(NodeMachine).describe("Null where the node reports nothing."),
  first_seen_at: z.number(),
  last_seen_at: z.number(),
  approved_at: z.number().nullable(),
  paused_at: z.number().nullable(),
}).meta({ id: "AdminNode" });
export type AdminNodeView = z.infer<typeof AdminNodeView>;

export const AdminNodeChange = z.strictObject({
  approved: z.boolean().optional(),
  paused: z.boolean().optional(),
}).meta({ id: "AdminNodeChange", description: "What is absent stays as it is." });
export type AdminNodeChange = z.infer<typeof AdminNodeChange>;

export const AuditAction = z.enum([
  "account.registered",
  "account.linked",
  "account.unlinked",
  "session.started",
  "session.refused",
  "session.ended",
  "password.changed",
  "password.reset_link",
  "password.reset",
  "key.created",
  "key.changed",
  "key.rotated",
  "key.revoked",
  "node.renamed",
  "node.paused",
  "node.resumed",
  "node.drained",
  "node.forgotten",
  "node.approved",
  "node.unapproved",
  "user.changed",
  "user.disabled",
  "user.enabled",
  "user.deleted",
  "user.email_changed",
  "join.created",
  "join.approved",
  "join.denied",
  "join.completed",
  "group.created",
  "group.changed",
  "group.deleted",
  "invite.created",
  "invite.revoked",
  "settings.changed",
  "alias.saved",
  "alias.removed",
  "model.changed",
]);
export type AuditAction = z.infer<typeof AuditAction>;

export const AuditEntry = z.object({
  id: z.string(),
  at: z.number(),
  actor: z.string().nullable().describe(
    "The account's e-mail at that time; null: no one was signed in, or the command line did it.",
  ),
  action: AuditAction,
  target: z.string().nullable().describe("An e-mail, a key's name, a node's id; null: none."),
  detail: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
    .describe('More, by name: `{ "role": "admin" }`.'),
  address: z.string().nullable().describe("The network address; null: the command line."),
}).meta({ id: "AuditEntry" });
export type AuditEntry = z.infer<typeof AuditEntry>;

export const AuditFilter = z.object({ actor: filterText, action: filterText, ...page });

export const AuditPage = z.object({ entries: z.array(AuditEntry), next_cursor, following })
  .meta({ id: "AuditPage", description: "Newest first. Entries are never changed." });
export type AuditPage = z.infer<typeof AuditPage>;
