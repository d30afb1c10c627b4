/** Accounts as administrators find and change them. */

import { type ExpressionBuilder, type Kysely, sql } from "kysely";
import type { Budget } from "../../api/mod.ts";
import { expectAnotherAdministrator } from "./account_deletion.ts";
import { countUpTo, type Database } from "./database.ts";
import type { GroupTable } from "./groups.ts";
import { isWorking } from "./keys.ts";
import { type AccountRow, accounts, type Role, type Schema } from "./schema.ts";
import { containing, storable } from "./text.ts";

/** What administrators may change of an account. Absent members stay as they are. */
export interface AccountChange {
  role?: Role;
  isDisabled?: boolean;
  rpm?: number | null;
  models?: string[] | null;
  budget?: Budget | null;
  /** In hundredths. */
  weight?: number | null;
}

/** An account, without its password's hash. */
export interface UserRow extends Omit<AccountRow, "passwordHash" | "deletedAt"> {
  /** The number of its keys that work, its own two among them. */
  keys: number;
}

export interface UserQuery {
  /** A part of the e-mail address. */
  search?: string;
  /** The id of a group: its members only. */
  groupId?: string;
  /** Default: newest first. */
  sort?: UserSort;
  /** The last account of the page before. */
  after?: UserPosition;
  limit: number;
}

export type UserSort = "newest" | "email" | "made" | "provided";

/** Where a page ended. */
export interface UserPosition {
  /** What the list is sorted by. */
  value: number | string;
  id: string;
}

/** By which column, and in which direction. */
const orders = {
  newest: { column: "created_at", direction: "desc" },
  email: { column: "email", direction: "asc" },
  made: { column: "total_api_calls", direction: "desc" },
  provided: { column: "total_provided_calls", direction: "desc" },
} as const;

/** The place of an account in a list. */
export function positionIn(sort: UserSort, row: UserRow): UserPosition {
  const value = {
    newest: row.createdAt,
    email: row.email,
    made: row.totalApiCalls,
    provided: row.totalProvidedCalls,
  }[sort];
  return { value, id: row.id };
}

const columns = accounts.pick(
  "id",
  "email",
  "role",
  "createdAt",
  "disabledAt",
  "rpm",
  "models",
  "budget",
  "weight",
  "totalApiCalls",
  "totalProvidedCalls",
);

const budgetColumns = accounts.pick("id", "email", "budget");

type Row = Pick<Schema["accounts"], typeof columns.names[number]> & { keys: number | null };

export class UserTable {
  constructor(
    private readonly database: Database,
    /** Weights are read together with the groups. */
    private readonly groups: Pick<GroupTable, "touch">,
  ) {}

  /** In the order asked for; accounts that are alike in it by their ids. */
  async page(query: UserQuery): Promise<UserRow[]> {
    const { column, direction } = orders[query.sort ?? "newest"];
    const rows = await this.database.read((db) =>
      matching(db, query).select(columns.names).select((row) => this.#keys(row))
        .orderBy(column, direction).orderBy("id", direction).limit(query.limit).execute()
    );
    return rows.map(fromRow);
  }

  /** How many accounts there are, counted up to `limit`. */
  count(query: UserQuery): Promise<number> {
    return this.database.read((db) => countUpTo(db, matching(db, query), query.limit));
  }

  /** At most `limit` accounts that have a budget and may sign in, the oldest first. */
  async withBudget(limit: number) {
    const rows = await this.database.read((db) =>
      db.selectFrom("accounts").select(budgetColumns.names).where("budget", "is not", null)
        .where("disabled_at", "is", null).where("deleted_at", "is", null)
        .orderBy("created_at").orderBy("id").limit(limit).execute()
    );
    return rows.map((row) => budgetColumns.fromRow(row));
  }

  async find(id: string): Promise<UserRow | null> {
    const row = await this.database.read((db) =>
      db.selectFrom("accounts").select(columns.names).select((row) => this.#keys(row))
        .where("id", "=", storable(id)).where("deleted_at", "is", null).executeTakeFirst()
    );
    return row === undefined ? null : fromRow(row);
  }

  /**
   * `keepsAdministrator`: throws `invalid_request` where no administrator that can sign in would be
   * left; two who take each other's rights away at the same moment cannot both do so.
   */
  async change(
    id: string,
    { isDisabled, ...others }: AccountChange,
    { keepsAdministrator = false }: { keepsAdministrator?: boolean } = {},
  ): Promise<void> {
    const set = {
      ...accounts.toChange(others),
      ...(isDisabled === undefined ? {} : { disabled_at: isDisabled ? this.database.now : null }),
    };
    if (Object.keys(set).length === 0) return;
    const takesRights = isDisabled === true || others.role === "user";
    await this.database.transaction(async (db) => {
      if (keepsAdministrator && takesRights) {
        await expectAnotherAdministrator(
          db,
          id,
          "Cannot take the last administrator's rights away",
        );
      }
      if (others.weight !== undefined) await this.groups.touch(db);
      await db.updateTable("accounts").set(set).where("id", "=", storable(id))
        .where("deleted_at", "is", null).execute();
    });
  }

  /** The accounts that have these addresses, in their stored spelling. */
  async idsByEmail(emails: readonly string[]): Promise<{ email: string; id: string }[]> {
    if (emails.length === 0) return [];
    return await this.database.read((db) =>
      db.selectFrom("accounts").select(["email", "id"]).where("email", "in", emails.map(storable))
        .execute()
    );
  }

  /** When the oldest account was made; null: there is none. */
  async oldestAt(): Promise<number | null> {
    const row = await this.database.read((db) =>
      db.selectFrom("accounts").select("created_at").orderBy("created_at").limit(1)
        .executeTakeFirst()
    );
    return row?.created_at ?? null;
  }

  /** The e-mail addresses of these accounts by id; unknown and deleted accounts are left out. */
  async emails(ids: readonly string[]): Promise<Map<string, string>> {
    if (ids.length === 0) return new Map();
    const rows = await this.database.read((db) =>
      db.selectFrom("accounts").select(["id", "email"]).where("id", "in", ids)
        .where("deleted_at", "is", null).execute()
    );
    return new Map(rows.map(({ id, email }) => [id, email]));
  }

  /** A page of account ids, in their order, deleted ones too. */
  async ids(after: string, limit: number): Promise<string[]> {
    const rows = await this.database.read((db) =>
      db.selectFrom("accounts").select("id").where("id", ">", after).orderBy("id").limit(limit)
        .execute()
    );
    return rows.map(({ id }) => id);
  }

  #keys(row: ExpressionBuilder<Schema, "accounts">) {
    return row.selectFrom("keys").select((key) => key.fn.countAll<number>().as("count"))
      .whereRef("keys.account_id", "=", "accounts.id")
      .where(isWorking(this.database.now))
      .as("keys");
  }
}

function matching(db: Kysely<Schema>, { search, groupId, sort = "newest", after }: UserQuery) {
  let query = db.selectFrom("accounts").where("deleted_at", "is", null);
  if (search !== undefined) {
    const pattern = containing(storable(search));
    query = query.where(sql<boolean>`email like ${pattern} escape '\\'`);
  }
  if (groupId !== undefined) {
    query = query.where(
      "id",
      "in",
      db.selectFrom("group_members").select("account_id").where("group_id", "=", storable(groupId)),
    );
  }
  if (after === undefined) return query;
  const { column, direction } = orders[sort];
  const beyond = direction === "desc" ? "<" : ">";
  return query.where((row) =>
    row.or([
      row(column, beyond, after.value),
      row.and([row(column, "=", after.value), row("id", beyond, after.id)]),
    ])
  );
}

function fromRow(row: Row): UserRow {
  return { ...columns.fromRow(row), keys: Number(row.keys ?? 0) };
}
