/** Keys: bearer tokens that call models or connect nodes. Times are UTC milliseconds. */

/** `api`: `sk-colink-…`, calls models. `client`: `client-…`, connects nodes. */
export type TokenKind = "api" | "client";

/** `active`; or `replaced`: works still, until `expires_at`. Keys that are over are not listed. */
export type KeyState = "active" | "replaced";

/** One key, as its owner sees it: `GET /api/keys` → `{ keys }`, newest first. */
export interface KeyView {
  id: string;
  name: string;
  kind: TokenKind;
  /** The token's beginning and end, enough to recognise it: `sk-colink-Ab…9xYz`. */
  hint: string;
  /** The account's default token of that kind, which stays copyable (`GET /api/user/me`). It can be rotated, not revoked. */
  is_default: boolean;
  state: KeyState;
  created_at: number;
  /** When it last made a call or connected a node, exact to a minute; null: never. */
  last_used_at: number | null;
  /** From then on it does not work; null: it does not end by itself. */
  expires_at: number | null;
  /** The models that it may call; null: all that the account may. */
  models: string[] | null;
  /** Calls per minute of its own, within the account's; null: the account's only. */
  rpm: number | null;
}

/** `POST /api/keys`. What is absent is not limited. */
export interface NewKey {
  name: string;
  /** Default: `api`. */
  kind?: TokenKind;
  models?: string[] | null;
  rpm?: number | null;
  expires_at?: number | null;
}

/** `PATCH /api/keys/{id}`. What is absent stays as it is. */
export interface KeyChange {
  name?: string;
  models?: string[] | null;
  rpm?: number | null;
  expires_at?: number | null;
}

/** A key with its token, which is told this once: `POST /api/keys`. */
export interface CreatedKey {
  key: KeyView;
  token: string;
}

/** `POST /api/keys/{id}/rotate` */
export interface KeyRotation {
  /** How long the old token works beside the new one, in seconds; 0 (default): it is dead at once. At most 30 days. */
  overlap_seconds?: number;
}

/** The successor with its token, told this once; and the old key while it works, else null. */
export interface RotatedKey extends CreatedKey {
  replaced: KeyView | null;
}
