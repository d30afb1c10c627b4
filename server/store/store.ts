/** What outlives the process: one interface over SQLite and PostgreSQL. Times are UTC milliseconds. */

import type { AuditTable } from "./audit.ts";
import type { CallTable } from "./calls.ts";
import type { InviteTable } from "./invites.ts";
import type { KeyTable } from "./keys.ts";
import type { NodeTable } from "./nodes.ts";
import type { SessionTable } from "./sessions.ts";
import type { SettingTable } from "./settings.ts";
import type { UsageTable } from "./usage.ts";
import type { UserTable } from "./users.ts";
import type { AccountRow, KeyRow, LedgerEntry } from "./rows.ts";

export type * from "./rows.ts";

/** A password as it is to be stored from now on. */
export interface NewPasswordHash {
  hash: string;
  /** The hash that it takes the place of; absent: whatever is there. */
  replacing?: string;
  /** The session of whoever changes it. */
  exceptSession?: string;
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
  /**
   * Adds an administrator with its keys, if there never was one. False, and nothing is added: there is
   * or was. Throws `email_taken`.
   */
  addFirstAdmin(account: AccountRow, keys: readonly KeyRow[]): Promise<boolean>;
  /** Whether there is an administrator, or ever was a first one. */
  isSetUp(): Promise<boolean>;
  accountByEmail(email: string): Promise<AccountRow | null>;
  accountById(id: string): Promise<AccountRow | null>;
  /**
   * Ends the account's sessions too, all but `exceptSession`; resolves with their ids. Null, and
   * nothing has changed: there is no such account, or its password is another than the one to replace.
   */
  setPasswordHash(accountId: string, change: NewPasswordHash): Promise<string[] | null>;
  readonly keys: KeyTable;
  readonly sessions: SessionTable;
  readonly users: UserTable;
  readonly invites: InviteTable;
  readonly nodes: NodeTable;
  readonly calls: CallTable;
  readonly usage: UsageTable;
  readonly settings: SettingTable;
  readonly audit: AuditTable;

  /** Models that were offered some time: the latest `limit` of them. */
  knownModels(limit: number): Promise<string[]>;
  /** Remembers models; those that are known already change nothing. */
  addKnownModels(names: readonly string[], now: number): Promise<void>;

  /**
   * Writes entries and adds to totals and rollups, in one transaction; entries that are already there
   * change nothing. A call counts once it was served: it ended well, or was cut short after the
   * node had produced some of the answer.
   */
  writeLedger(entries: readonly LedgerEntry[]): Promise<void>;
}
