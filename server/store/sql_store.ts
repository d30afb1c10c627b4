/** The Store over either database: queries that mean the same on both. */

import type { Kysely, Transaction } from "kysely";
import { ColinkError } from "../base/error.ts";
import { deleteAccount, type DeletedAccount } from "./account_deletion.ts";
import { AuditTable } from "./audit.ts";
import { type Backend, isUniqueViolation } from "./backend.ts";
import { CallTable } from "./calls.ts";
import { Database } from "./database.ts";
import { GroupTable } from "./groups.ts";
import { type IdentityRow, IdentityTable } from "./identities.ts";
import { InviteTable } from "./invites.ts";
import { JoinTable } from "./joins.ts";
import { KeyTable } from "./keys.ts";
import { writeLedger } from "./ledger_table.ts";
import { LentTable } from "./lent.ts";
import { migrate } from "./migrate.ts";
import { NameTable } from "./names.ts";
import { NodeTable } from "./nodes.ts";
import { PasswordResetTable } from "./password_resets.ts";
import {
  type AccountRow,
  accounts,
  type KeyRow,
  keys,
  type LedgerEntry,
  type Schema,
} from "./schema.ts";
import { SessionTable } from "./sessions.ts";
import { SettingTable } from "./settings.ts";
import { SharedItemTable } from "./shared_items.ts";
import type { NewPasswordHash, Store } from "./store.ts";
import { UsageTable } from "./usage.ts";
import { UserTable } from "./users.ts";

export class SqlStore implements Store {
  readonly kind: Store["kind"];
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
  readonly #database: Database;

  constructor(private readonly backend: Backend) {
    this.kind = backend.kind;
    const database = this.#database = new Database(backend);
    this.passwordResets = new PasswordResetTable(database);
    this.keys = new KeyTable(database);
    this.sessions = new SessionTable(database);
    this.identities = new IdentityTable(database, this.sessions);
    this.groups = new GroupTable(database);
    this.users = new UserTable(database, this.groups);
    this.invites = new InviteTable(database);
    this.joins = new JoinTable(database, this.keys);
    this.nodes = new NodeTable(database);
    this.lent = new LentTable(database);
    this.calls = new CallTable(database);
    this.usage = new UsageTable(database);
    this.settings = new SettingTable(database);
    this.names = new NameTable(database);
    this.audit = new AuditTable(database);
    this.sharedItems = new SharedItemTable(database);
  }

  migrate(): Promise<void> {
    return this.backend.migrate(migrate);
  }

  async probe(): Promise<void> {
    const id = `probe-${crypto.randomUUID()}`;
    try {
      await this.#database.transaction(async (db) => {
        await writeLedger(db, this.backend, [probeOf(id)]);
        await db.deleteFrom("ledger").where("id", "=", id).execute();
        await db.deleteFrom("usage_fresh").where("account_id", "=", id).execute();
      });
    } catch (error) {
      throw this.#database.failed(error);
    }
    this.#database.wrote();
  }

  get trouble(): string | null {
    return this.#database.trouble;
  }

  close(): Promise<void> {
    return this.backend.close();
  }

  addAccount(
    account: AccountRow,
    ownKeys: readonly KeyRow[],
    inviteDigest?: string,
    identity?: IdentityRow,
  ): Promise<void> {
    return this.#database.transaction(async (db) => {
      // The invite first: without a valid one, a caller must not learn which addresses are taken.
      if (inviteDigest !== undefined) await this.invites.use(db, inviteDigest, account.id);
      await insertAccount(db, account, ownKeys);
      if (identity !== undefined && !await this.identities.add(db, identity)) {
        throw emailTaken(HAS_ACCOUNT);
      }
    });
  }

  addFirstAdmin(account: AccountRow, ownKeys: readonly KeyRow[]): Promise<boolean> {
    return this.#database.transaction(async (db) => {
      // The unique name makes the second of two attempts wait here for the first.
      const first = await db.insertInto("settings").values({ name: SET_UP, value: "true" })
        .onConflict((conflict) => conflict.column("name").doNothing())
        .returning("name").executeTakeFirst();
      if (first === undefined || await hasAdmin(db)) return false;
      await insertAccount(db, account, ownKeys);
      return true;
    });
  }

  isSetUp(): Promise<boolean> {
    return this.#database.read(async (db) => {
      const done = await db.selectFrom("settings").select("name").where("name", "=", SET_UP)
        .executeTakeFirst();
      return done !== undefined || await hasAdmin(db);
    });
  }

  accountByEmail(email: string): Promise<AccountRow | null> {
    return this.#account("email", email);
  }

  accountById(id: string): Promise<AccountRow | null> {
    return this.#account("id", id);
  }

  async #account(column: "email" | "id", value: string): Promise<AccountRow | null> {
    // PostgreSQL refuses text with NUL in it, even to compare with.
    if (value.includes("\0")) return null;
    const row = await this.#database.read((db) =>
      db.selectFrom("accounts").selectAll().where(column, "=", value)
        .where("deleted_at", "is", null).executeTakeFirst()
    );
    return accounts.fromFound(row);
  }

  deleteAccount(id: string): Promise<DeletedAccount | null> {
    return this.#database.transaction((db) =>
      deleteAccount(db, id, {
        now: this.backend.now,
        endSessions: (accountId) => this.sessions.endAll(db, accountId, null),
        touchGroups: () => this.groups.touch(db),
      })
    );
  }

  setEmail(accountId: string, email: string): Promise<boolean> {
    return this.#database.transaction(async (db) => {
      const changed = await db.updateTable("accounts").set({ email })
        .where("id", "=", accountId).where("deleted_at", "is", null).returning("id")
        .executeTakeFirst();
      return changed !== undefined;
    }).catch((error) => {
      if (!isUniqueViolation(error)) throw error;
      throw emailTaken("Cannot change the e-mail address: another account has it already");
    });
  }

  setPasswordHash(
    accountId: string,
    { hash, replacing, exceptSession }: NewPasswordHash,
  ): Promise<string[] | null> {
    return this.#database.transaction(async (db) => {
      let update = db.updateTable("accounts").set({ password_hash: hash })
        .where("id", "=", accountId);
      if (replacing !== undefined) update = update.where("password_hash", "=", replacing);
      const changed = await update.returning("id").executeTakeFirst();
      if (changed === undefined) return null;
      await this.passwordResets.drop(db, accountId);
      return await this.sessions.endAll(db, accountId, exceptSession ?? null);
    });
  }

  resetPassword(
    digest: string,
    hash: string,
  ): Promise<{ accountId: string; sessionIds: string[] } | null> {
    return this.#database.transaction(async (db) => {
      const accountId = await this.passwordResets.use(db, digest);
      if (accountId === null) return null;
      const changed = await db.updateTable("accounts").set({ password_hash: hash })
        .where("id", "=", accountId).where("disabled_at", "is", null).returning("id")
        .executeTakeFirst();
      if (changed === undefined) return null;
      return { accountId, sessionIds: await this.sessions.endAll(db, accountId, null) };
    });
  }

  async knownModels(limit: number): Promise<string[]> {
    const rows = await this.#database.read((db) =>
      db.selectFrom("known_models").select("name").orderBy("seen_at", "desc").orderBy("name")
        .limit(limit).execute()
    );
    return rows.map(({ name }) => name);
  }

  async addKnownModels(names: readonly string[], now: number): Promise<void> {
    if (names.length === 0) return;
    await this.#database.write((db) =>
      db.insertInto("known_models").values(names.map((name) => ({ name, seen_at: now })))
        .onConflict((conflict) => conflict.column("name").doNothing())
        .execute()
    );
  }

  async writeLedger(entries: readonly LedgerEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const rememberUses = await this.#database.transaction(async (db) => {
      await writeLedger(db, this.backend, entries);
      return await this.keys.used(db, entries);
    });
    this.#database.wrote();
    rememberUses();
  }
}

/**
 * A setting that says that there was a first administrator. It stays indefinitely: an administrator who
 * loses the role does not open the set-up again.
 */
const SET_UP = "set_up";

/** A call that no account made, in a cell of its own: no two gateways' probes wait for each other. */
function probeOf(id: string): LedgerEntry {
  return {
    id,
    accountId: id,
    keyId: "",
    providerAccountId: null,
    nodeId: null,
    endpoint: "",
    model: "",
    alias: null,
    stream: false,
    outcome: "rejected",
    status: 0,
    promptTokens: null,
    completionTokens: null,
    estimated: false,
    deliveredBytes: 0,
    deliveredChunks: 0,
    producedChunks: 0,
    attempts: 0,
    queuedMs: 0,
    firstByteMs: null,
    durationMs: 0,
    startedAt: 0,
    cause: null,
    attemptLog: [],
    route: null,
    choice: null,
    replays: null,
  };
}

/** Within a transaction. Throws `email_taken`. */
async function insertAccount(
  db: Transaction<Schema>,
  account: AccountRow,
  ownKeys: readonly KeyRow[],
): Promise<void> {
  const added = await db.insertInto("accounts").values(accounts.toRow(account))
    .onConflict((conflict) => conflict.column("email").doNothing())
    .returning("id").executeTakeFirst();
  if (added === undefined) throw emailTaken(HAS_ACCOUNT);
  if (ownKeys.length === 0) return;
  await db.insertInto("keys").values(ownKeys.map((key) => keys.toRow(key))).execute();
}

const HAS_ACCOUNT = "Cannot register: this e-mail address has an account already; sign in instead";

function emailTaken(message: string): ColinkError {
  return new ColinkError("email_taken", message, { param: "email" });
}

async function hasAdmin(db: Kysely<Schema>): Promise<boolean> {
  const admin = await db.selectFrom("accounts").select("id").where("role", "=", "admin").limit(1)
    .executeTakeFirst();
  return admin !== undefined;
}
