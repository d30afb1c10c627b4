/** Accounts as administrators see and change them. */

import type { AdminUserChange, AdminUserPage, AdminUserView } from "../../api/mod.ts";
import { ColinkError } from "../base/error.ts";
import type { Store } from "../store/store.ts";
import type { UserRow } from "../store/users.ts";
import { cursorOf, positionOf } from "./cursor.ts";

export interface UsersOptions {
  store: Pick<Store, "users" | "keys">;
  /** Told the ids of keys whose account was shut here. */
  keyring: { revoked(keyIds: readonly string[]): void; changed(keyId: string): void };
  sessions: { endOthers(accountId: string, exceptId: string | null): Promise<number> };
  /** How many nodes of the account are connected. */
  nodesOf: (accountId: string) => number;
}

/** Every method throws `store_unavailable` while the database is away. */
export class Users {
  constructor(private readonly options: UsersOptions) {}

  /** LruCache account first. Throws `invalid_request` for a cursor that is none. */
  async page(
    { search, cursor, limit }: { search?: string; cursor?: string; limit: number },
  ): Promise<AdminUserPage> {
    const after = positionOf(cursor);
    const { users } = this.options.store;
    const rows = await users.page({
      limit: limit + 1,
      ...(search === undefined ? {} : { search: search.toLowerCase() }),
      ...(after === undefined ? {} : { after }),
    });
    const shown = rows.slice(0, limit);
    const last = shown.at(-1);
    const hasMore = rows.length > limit && last !== undefined;
    return {
      users: shown.map((row) => this.#view(row)),
      next_cursor: hasMore ? cursorOf({ at: last.createdAt, id: last.id }) : null,
    };
  }

  /** Throws `not_found`. */
  async find(id: string): Promise<AdminUserView> {
    return this.#view(await this.#existing(id));
  }

  /**
   * Changes an account on the word of the administrator `byId`. Throws `not_found`, or
   * `invalid_request` for what would leave nobody to undo it.
   */
  async change(id: string, change: AdminUserChange, byId: string): Promise<AdminUserView> {
    const user = await this.#existing(id);
    const { role, disabled: isDisabled, rpm, models } = change;
    if (id === byId && (isDisabled === true || role === "user")) {
      throw new ColinkError(
        "invalid_request",
        "Cannot take your own rights away: ask another administrator",
        { param: isDisabled === true ? "disabled" : "role" },
      );
    }
    const { users, keys } = this.options.store;
    await users.change(id, { role, isDisabled, rpm, models });
    const isShut = isDisabled === true && user.disabledAt === null;
    const hasLostRights = role === "user" && user.role === "admin";
    // A session says nothing of its role; but who was demoted should see it at once.
    if (isShut || hasLostRights) await this.options.sessions.endOthers(id, null);
    const { keyring } = this.options;
    const keyIds = (await keys.ofAccount(id)).map((key) => key.id);
    if (isShut) keyring.revoked(keyIds);
    else keyIds.forEach((keyId) => keyring.changed(keyId));
    return this.find(id);
  }

  async #existing(id: string): Promise<UserRow> {
    const row = await this.options.store.users.find(id);
    if (row !== null) return row;
    throw new ColinkError("not_found", "Cannot find the account: there is none of that id");
  }

  #view(row: UserRow): AdminUserView {
    return {
      id: row.id,
      email: row.email,
      role: row.role,
      created_at: row.createdAt,
      disabled_at: row.disabledAt,
      rpm: row.rpm,
      models: row.models,
      total_api_calls: row.totalApiCalls,
      total_provided_calls: row.totalProvidedCalls,
      keys: row.keys,
      nodes: this.options.nodesOf(row.id),
    };
  }
}
