/** Groups: accounts that nodes are lent to, and that share what is scarce, under one name. */

import { sql, type Transaction } from "kysely";
import { ColinkError } from "../base/error.ts";
import type { Database } from "./database.ts";
import { type GroupRow, groups, type Schema } from "./schema.ts";
import { storable } from "./text.ts";

export type { GroupRow };

/** What administrators may change of a group. Absent members stay as they are. */
export type GroupChange = Partial<Pick<GroupRow, "name" | "weight" | "membersSeeNodes" | "budget">>;

/** All groups with their members, as they were at one moment. */
export interface GroupSnapshot {
  /** In the order of their names. */
  groups: GroupRow[];
  members: { groupId: string; accountId: string }[];
  /** Of accounts that have one of their own, in hundredths. */
  weights: { accountId: string; weight: number }[];
}

export interface GroupMember {
  accountId: string;
  email: string;
}

const MAX_GROUPS = 1000;
/** Of all groups together: every gateway holds them in memory. */
const MAX_MEMBERS = 100_000;

/** The setting that every change of a group gives another value. */
const VERSION = "groups_version";

export class GroupTable {
  constructor(private readonly database: Database) {}

  /** Another text after each change; null: there never was a group. */
  async version(): Promise<string | null> {
    const row = await this.database.read((db) =>
      db.selectFrom("settings").select("value").where("name", "=", VERSION).executeTakeFirst()
    );
    return row?.value ?? null;
  }

  async snapshot(): Promise<GroupSnapshot> {
    return await this.database.read(async (db) => {
      const rows = await db.selectFrom("account_groups").selectAll().orderBy("name_key").execute();
      const members = await db.selectFrom("group_members").select(["group_id", "account_id"])
        .execute();
      const weighted = await db.selectFrom("accounts").select(["id", "weight"])
        .where("weight", "is not", null).execute();
      return {
        groups: rows.map((row) => groups.fromRow(row)),
        members: members.map((row) => ({ groupId: row.group_id, accountId: row.account_id })),
        weights: weighted.map((row) => ({ accountId: row.id, weight: row.weight! })),
      };
    });
  }

  /** In the order of their addresses. */
  async members(groupId: string): Promise<GroupMember[]> {
    const rows = await this.database.read((db) =>
      db.selectFrom("group_members").innerJoin(
        "accounts",
        "accounts.id",
        "group_members.account_id",
      )
        .select(["accounts.id", "accounts.email"]).where("group_id", "=", storable(groupId))
        .orderBy("accounts.email").execute()
    );
    return rows.map(({ id, email }) => ({ accountId: id, email }));
  }

  /** Throws `invalid_request` for a name that another group has, and `too_many`. */
  add(group: Omit<GroupRow, "nameKey">): Promise<void> {
    return this.#change(async (db) => {
      const { count } = await db.selectFrom("account_groups")
        .select((row) => row.fn.countAll<number>().as("count")).executeTakeFirstOrThrow();
      if (Number(count) >= MAX_GROUPS) {
        throw new ColinkError(
          "too_many",
          `Cannot make the group: there are ${MAX_GROUPS}; delete one`,
        );
      }
      const row = groups.toRow({ ...group, nameKey: groupKey(group.name) });
      const added = await db.insertInto("account_groups").values(row)
        .onConflict((conflict) => conflict.column("name_key").doNothing())
        .returning("id").executeTakeFirst();
      if (added === undefined) throw nameTaken(group.name);
    });
  }

  /** False: there is no such group. Throws `invalid_request` for a name that another group has. */
  change(id: string, change: GroupChange): Promise<boolean> {
    return this.#change(async (db) => {
      const { name } = change;
      const set = {
        id: sql.ref<string>("id"),
        ...groups.toChange({ ...change, ...(name !== undefined && { nameKey: groupKey(name) }) }),
      };
      if (name !== undefined) {
        const other = await db.selectFrom("account_groups").select("id")
          .where("name_key", "=", groupKey(name)).where("id", "<>", storable(id))
          .executeTakeFirst();
        if (other !== undefined) throw nameTaken(name);
      }
      const changed = await db.updateTable("account_groups").set(set)
        .where("id", "=", storable(id)).returning("id").executeTakeFirst();
      return changed !== undefined;
    });
  }

  /** Removes a group; its members stay as they are. False: there is none of that id. */
  remove(id: string): Promise<boolean> {
    return this.#change(async (db) => {
      await db.deleteFrom("group_members").where("group_id", "=", storable(id)).execute();
      const gone = await db.deleteFrom("account_groups").where("id", "=", storable(id))
        .returning("id").executeTakeFirst();
      return gone !== undefined;
    });
  }

  /** Adds accounts to a group and removes others. Throws `not_found` and `too_many`. */
  changeMembers(
    id: string,
    { add, remove, now }: { add: readonly string[]; remove: readonly string[]; now: number },
  ): Promise<void> {
    return this.#change(async (db) => {
      const group = await db.selectFrom("account_groups").select("id")
        .where("id", "=", storable(id)).executeTakeFirst();
      if (group === undefined) throw groupNotFound();
      if (remove.length > 0) {
        await db.deleteFrom("group_members").where("group_id", "=", id)
          .where("account_id", "in", remove.map(storable)).execute();
      }
      const found = add.length === 0 ? [] : await db.selectFrom("accounts").select("id")
        .where("id", "in", add.map(storable)).where("deleted_at", "is", null).execute();
      if (found.length < new Set(add).size) {
        throw new ColinkError("not_found", "Cannot add to the group: an account does not exist");
      }
      if (found.length === 0) return;
      await db.insertInto("group_members")
        .values(found.map((row) => ({ group_id: id, account_id: row.id, added_at: now })))
        .onConflict((conflict) => conflict.columns(["group_id", "account_id"]).doNothing())
        .execute();
      const { count } = await db.selectFrom("group_members")
        .select((row) => row.fn.countAll<number>().as("count")).executeTakeFirstOrThrow();
      if (Number(count) > MAX_MEMBERS) {
        throw new ColinkError(
          "too_many",
          `Cannot add to the group: all groups together may have ${MAX_MEMBERS} members`,
        );
      }
    });
  }

  /** Within a transaction: lets other gateways notice it. The setting's row makes such transactions wait for each other. */
  async touch(db: Transaction<Schema>): Promise<void> {
    const value = JSON.stringify(crypto.randomUUID());
    await db.insertInto("settings").values({ name: VERSION, value })
      .onConflict((conflict) => conflict.column("name").doUpdateSet({ value })).execute();
  }

  #change<T>(work: (db: Transaction<Schema>) => Promise<T>): Promise<T> {
    return this.database.transaction(async (db) => {
      await this.touch(db);
      return await work(db);
    });
  }
}

/** Names that differ in case alone are one name. */
/** The same for names that look the same: in any case, and composed or not. */
export function groupKey(name: string): string {
  return name.normalize("NFC").toLowerCase();
}

function nameTaken(name: string): ColinkError {
  return new ColinkError(
    "invalid_request",
    `Cannot name the group "${name}": another group has that name; choose another one`,
    { param: "name", problem: { code: "name_taken" } },
  );
}

export function groupNotFound(): ColinkError {
  return new ColinkError("not_found", "Cannot find the group: there is none of that id");
}
