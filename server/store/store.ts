/** What outlives the process: one interface over SQLite and PostgreSQL. Times are UTC milliseconds. */

export type Role = "user" | "admin";

/** What a bearer token is for: calling models, or connecting a node. */
export type KeyKind = "api" | "node";

export interface AccountRow {
  id: string;
  /** Lower case; unique. */
  email: string;
  passwordHash: string;
  role: Role;
  createdAt: number;
  disabledAt: number | null;
  totalApiCalls: number;
  totalProvidedCalls: number;
}

export interface KeyRow {
  id: string;
  accountId: string;
  kind: KeyKind;
  /** HMAC-SHA-256 of the token under a secret kept outside the database, as hex; unique. */
  digest: string;
  /** The token, encrypted for the console's copy button. */
  sealed: string;
  /** Calls per minute; null: the gateway's default; 0: none. */
  rpm: number | null;
  /** The models that the key may call; null: all. */
  models: string[] | null;
  createdAt: number;
  revokedAt: number | null;
}

/** What became of a call. */
export type Outcome =
  | "ok"
  | "upstream_error"
  | "node_lost"
  | "cancelled"
  | "timeout"
  | "rejected"
  | "interrupted";

/** One call, written exactly once, when it has ended. */
export interface LedgerEntry {
  /** The request id that the caller, the gateway and the node have in their logs. */
  id: string;
  accountId: string;
  keyId: string;
  /** The account whose node served the call; null if none did. */
  providerAccountId: string | null;
  /** The serving node's public id. */
  nodeId: string | null;
  endpoint: string;
  model: string;
  stream: boolean;
  outcome: Outcome;
  /** What the caller saw; 499 where the caller left first. */
  status: number;
  /** As the upstream told them; null: it did not say. */
  promptTokens: number | null;
  completionTokens: number | null;
  /** Whether the completion's tokens were counted by the gateway instead. */
  estimated: boolean;
  /** Bytes and chunks of answer handed to the caller's socket. */
  deliveredBytes: number;
  deliveredChunks: number;
  /** Chunks of answer that the node sent, delivered or not. */
  producedChunks: number;
  attempts: number;
  queuedMs: number;
  /** From arrival to the first byte of an answer; null: there was none. */
  firstByteMs: number | null;
  durationMs: number;
  startedAt: number;
}

export interface InviteRow {
  /** SHA-256 of the code, as hex. */
  digest: string;
  createdAt: number;
  expiresAt: number;
  usedBy: string | null;
}

/**
 * Everything that the gateway asks of a database. Each method has a deadline of its own and throws
 * ColinkError `store_unavailable` when the database cannot be reached or does not answer in time.
 */
export interface Store {
  readonly kind: "sqlite" | "postgres";

  /** Brings the schema up to date; safe when several gateways start at once. */
  migrate(): Promise<void>;
  /** Throws if the database does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;

  /** Adds an account with its keys, in one transaction. Throws `email_taken`. With `inviteDigest`, uses that invite up or throws `invite_required`. */
  addAccount(account: AccountRow, keys: readonly KeyRow[], inviteDigest?: string): Promise<void>;
  accountByEmail(email: string): Promise<AccountRow | null>;
  accountById(id: string): Promise<AccountRow | null>;
  setRole(accountId: string, role: Role): Promise<void>;
  setPasswordHash(accountId: string, passwordHash: string): Promise<void>;
  /** Shuts an account out, or lets it in again; its keys show up in `revokedSince`. */
  setDisabled(accountId: string, disabled: boolean): Promise<void>;

  /** The account's keys that are not revoked. */
  keysOfAccount(accountId: string): Promise<KeyRow[]>;
  /** The key with this digest, revoked or not, with its account's state. */
  keyByDigest(digest: string): Promise<{ key: KeyRow; accountDisabled: boolean } | null>;
  /** Revokes the account's keys of that kind by the database's clock and adds the new one, in one transaction. Returns the revoked ids. */
  rotateKey(fresh: KeyRow): Promise<string[]>;
  /** Changes a key's limits. */
  setKeyLimits(
    keyId: string,
    limits: { rpm?: number | null; models?: string[] | null },
  ): Promise<void>;
  /**
   * Ids of keys that were revoked, or whose account was disabled, at or after `since` by the
   * database's clock; and that clock's now. A revocation is stamped before it is committed, so ask
   * again from a few seconds before the last `now`, or one that was just being committed is missed.
   */
  revokedSince(since: number): Promise<{ keyIds: string[]; now: number }>;

  addInvite(invite: InviteRow): Promise<void>;

  /** Models that were offered some time: the latest `limit` of them. */
  knownModels(limit: number): Promise<string[]>;
  /** Remembers models; those that are known already change nothing. */
  addKnownModels(names: readonly string[], now: number): Promise<void>;

  /**
   * Writes entries and adds to both totals, in one transaction; entries that are already there
   * change nothing. A call counts once it was served: it ended well, or was cut short after the
   * node had produced some of the answer.
   */
  writeLedger(entries: readonly LedgerEntry[]): Promise<void>;
}
