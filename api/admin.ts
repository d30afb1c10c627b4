/** What administrators see and do. Times are UTC milliseconds. */

import type { RegistrationMode, Role } from "./account.ts";

/** An account: `GET /api/admin/users?search=&cursor=&limit=`. */
export interface AdminUserView {
  id: string;
  email: string;
  role: Role;
  created_at: number;
  /** Null: it is open. */
  disabled_at: number | null;
  /** Calls per minute of all its keys together; null: the gateway's default; 0: none. */
  rpm: number | null;
  /** The models that it may call; null: all. */
  models: string[] | null;
  total_api_calls: number;
  total_provided_calls: number;
  /** Keys that work. */
  keys: number;
  /** Nodes that are connected. */
  nodes: number;
}

/** LruCache account first. */
export interface AdminUserPage {
  users: AdminUserView[];
  next_cursor: string | null;
}

/** `PATCH /api/admin/users/{id}` → `{ user: AdminUserView }`. What is absent stays as it is. */
export interface AdminUserChange {
  role?: Role;
  disabled?: boolean;
  rpm?: number | null;
  models?: string[] | null;
}

/** `GET /api/admin/invites` → `{ invites }`, newest first; those that are over stay for 30 days. */
export interface InviteView {
  id: string;
  note: string;
  created_at: number;
  expires_at: number;
  created_by: string | null;
  /** The e-mail of the account that was made with it. */
  used_by: string | null;
  state: "open" | "used" | "expired" | "revoked";
}

/** `POST /api/admin/invites` */
export interface NewInvite {
  /** For the administrators' own eyes. */
  note?: string;
  /** 1 to 365; default 7. */
  days?: number;
}

/** The code is told this once. */
export interface CreatedInvite {
  invite: InviteView;
  code: string;
}

/** `GET /api/admin/settings`, and what `PATCH` answers with. */
export interface SettingsView {
  registration: Setting<RegistrationMode>;
  /** Calls per minute of each account without its own limit. */
  default_rpm: Setting<number>;
  /** Whether new nodes wait for an administrator's approval. */
  node_approval: Setting<boolean>;
}

export interface Setting<T> {
  value: T;
  /** What the configuration says: it counts while nothing else is set here. */
  fallback: T;
  /** Whether it is set here. */
  is_set: boolean;
}

/** `PATCH /api/admin/settings`. Null: back to the configuration's. What is absent stays as it is. */
export interface SettingsChange {
  registration?: RegistrationMode | null;
  default_rpm?: number | null;
  node_approval?: boolean | null;
}

/** A node as administrators see it: `GET /api/admin/nodes` → `{ nodes }`; those that wait for approval first. */
export interface AdminNodeView {
  id: string;
  name: string;
  owner_id: string;
  owner_email: string;
  connected: boolean;
  models: string[];
  first_seen_at: number;
  last_seen_at: number;
  approved_at: number | null;
  paused_at: number | null;
}

/** `PATCH /api/admin/nodes/{id}` → `{ node: AdminNodeView }`. What is absent stays as it is. */
export interface AdminNodeChange {
  approved?: boolean;
  paused?: boolean;
}

/** `GET /api/admin/audit?actor=&action=&cursor=&limit=`. Nothing in it is ever changed. */
export interface AuditPage {
  entries: AuditEntry[];
  next_cursor: string | null;
}

export interface AuditEntry {
  id: string;
  at: number;
  /** Who: the account's e-mail then; null: nobody was signed in, or the command line did it. */
  actor: string | null;
  /** `key.created`, `user.disabled`, `settings.changed` … */
  action: AuditAction;
  /** To what or whom: an e-mail, a key's name, a node's id; null: to nothing in particular. */
  target: string | null;
  /** More, by name: `{ "role": "admin" }`. */
  detail: Record<string, string | number | boolean | null>;
  /** The network address; null: the command line. */
  address: string | null;
}

export type AuditAction =
  | "account.registered"
  | "session.started"
  | "session.refused"
  | "session.ended"
  | "password.changed"
  | "key.created"
  | "key.changed"
  | "key.rotated"
  | "key.revoked"
  | "node.renamed"
  | "node.paused"
  | "node.resumed"
  | "node.drained"
  | "node.approved"
  | "node.unapproved"
  | "user.changed"
  | "user.disabled"
  | "user.enabled"
  | "invite.created"
  | "invite.revoked"
  | "settings.changed";
