/** The account database: what outlives the process, one interface over SQLite and PostgreSQL. Times are UTC milliseconds. */

import type { DeletedAccount } from "./account_deletion.ts";
import type { AuditTable } from "./audit.ts";
import type { CallTable } from "./calls.ts";
import type { GroupTable } from "./groups.ts";
import type { IdentityRow, IdentityTable } from "./identities.ts";
import type { InviteTable } from "./invites.ts";
import type { JoinTable } from "./joins.ts";
import type { KeyTable } from "./keys.ts";
import type { LentTable } from "./lent.ts";
import type { NameTable } from "./names.ts";
import type { NodeTable } from "./nodes.ts";
import type { PasswordResetTable } from "./password_resets.ts";
import type { SessionTable } from "./sessions.ts";
import type { SettingTable } from "./settings.ts";
import type { SharedItemTable } from "./shared_items.ts";
import type { UsageTable } from "./usage.ts";
import type { UserTable } from "./users.ts";
import type {
  AccountRow,
  AttemptEntry,
  CandidateEntry,
  ChoiceEntry,
  KeyKind,
  KeyRow,
  LedgerEntry,
  ReplaysEntry,
  Role,
} from "./schema.ts";

export type {
  AccountRow,
  AttemptEntry,
  CandidateEntry,
  ChoiceEntry,
  KeyKind,
  KeyRow,
  LedgerEntry,
  ReplaysEntry,
  Role,
};

export interface NewPasswordHash {
  hash: string;
  /** The hash that must be there before; absent: any. */
  replacing?: string;
  /** The session that changes the password, and stays. */
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
  /** Writes a call of its own and deletes it: throws if the database takes no writes. */
  probe(): Promise<void>;
  /** What is wrong with the database, as far as the latest work showed; null: nothing. */
  readonly trouble: string | null;
  close(): Promise<void>;

  /**
   * Adds an account with its keys, in one transaction. Throws `email_taken`. With `inviteDigest`,
   * uses that invite up or throws `invite_required`. With `identity`, the account is that person's;
   * throws `email_taken` if the person has an account already.
   */
  addAccount(
    account: AccountRow,
    keys: readonly KeyRow[],
    inviteDigest?: string,
    identity?: IdentityRow,
  ): Promise<void>;
  /**
   * Adds an administrator with its keys, if there never was one. False, and nothing has changed:
   * there is or was one. Throws `email_taken`.
   */
  addFirstAdmin(account: AccountRow, keys: readonly KeyRow[]): Promise<boolean>;
  /** Whether there is or ever was an administrator. */
  isSetUp(): Promise<boolean>;
  accountByEmail(email: string): Promise<AccountRow | null>;
  accountById(id: string): Promise<AccountRow | null>;
  /**
   * Deletes an account: its keys and sessions end, its memberships, aliases, codes and limits go, and
   * its row loses its address. Its calls stay in the ledger. Null: there is none of that id. Throws
   * `invalid_request` for the last administrator.
   */
  deleteAccount(id: string): Promise<DeletedAccount | null>;
  /** False: there is no such account. Throws `email_taken`. */
  setEmail(accountId: string, email: string): Promise<boolean>;
  /**
   * Ends the account's sessions too, all but `exceptSession`; resolves with their ids. Null, and
   * nothing has changed: there is no such account, or its password is not the one to replace.
   */
  setPasswordHash(accountId: string, change: NewPasswordHash): Promise<string[] | null>;
  /**
   * Sets the password of the account that the code with this digest is for, uses the code up and
   * ends all of the account's sessions. Null, and no password has changed: the code is unknown, used
   * or expired, or the account is disabled.
   */
  resetPassword(
    digest: string,
    hash: string,
  ): Promise<{ accountId: string; sessionIds: string[] } | null>;
  readonly passwordResets: PasswordResetTable;
  readonly keys: KeyTable;
  readonly sessions: SessionTable;
  readonly users: UserTable;
  readonly identities: IdentityTable;
  readonly groups: GroupTable;
  readonly invites: InviteTable;
  readonly joins: JoinTable;
  readonly nodes: NodeTable;
  readonly lent: LentTable;
  readonly calls: CallTable;
  readonly usage: UsageTable;
  readonly settings: SettingTable;
  readonly names: NameTable;
  readonly audit: AuditTable;
  readonly sharedItems: SharedItemTable;

  /** The latest `limit` models that nodes ever offered. */
  knownModels(limit: number): Promise<string[]>;
  /** Remembers models; one that is known already keeps its time. */
  addKnownModels(names: readonly string[], now: number): Promise<void>;

  /**
   * Writes entries and adds to totals and usage, in one transaction; entries that are already there
   * change nothing. Totals count a call that was served: see base/outcome.ts.
   */
  writeLedger(entries: readonly LedgerEntry[]): Promise<void>;
}
