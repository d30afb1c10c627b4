/** Accounts as administrators see and change them. */

import type { AdminUserChange, AdminUserPage, AdminUserView } from "../../api/mod.ts";
import { defined } from "../base/defined.ts";
import { ColinkError } from "../base/error.ts";
import type { Store } from "../store/store.ts";
import type { UserRow } from "../store/users.ts";
import { pageOf, positionOf } from "./cursor.ts";

export interface UsersOptions {
  store: Pick<Store, "users" | "keys">;
  /** Notified of keys that were revoked or changed by this gateway. */
  keyring: { revoked(keyIds: readonly string[]): void; changed(keyId: string): void };
  sessions: { endOthers(accountId: string, exceptId: string | null): Promise<number> };
  /** How many nodes of the account are connected. */
  nodesOf: (accountId: string) => number;
  groups: { namesOf(accountId: string): string[]; refresh(): Promise<void> };
}

/** Every method throws `store_unavailable` while the database is away. */
export class Users {
  constructor(private readonly options: UsersOptions) {}

  /** Newest account first. Throws `invalid_request` for an invalid cursor. */
  async page(
    { search, cursor, limit }: {
      search?: string | undefined;
      cursor?: string | undefined;
      limit: number;
    },
  ): Promise<AdminUserPage> {
    const after = positionOf(cursor);
    const query = defined({ search: search?.toLowerCase(), after, limit: limit + 1 });
    const rows = await this.options.store.users.page(query);
    const { shown, nextCursor } = pageOf(rows, limit, ({ createdAt: at, id }) => ({ at, id }));
    return { users: shown.map((row) => this.#view(row)), next_cursor: nextCursor };
  }

  /** Throws `not_found`. */
  async find(id: string): Promise<AdminUserView> {
    return this.#view(await this.#existing(id));
  }

  /**
   * Changes an account on behalf of the administrator `byId`. Throws `not_found`, or
   * `invalid_request` where administrators would take away their own rights: the last one could
   * not undo that.
   */
  async change(id: string, change: AdminUserChange, byId: string): Promise<AdminUserView> {
    const user = await this.#existing(id);
    const { role, disabled: isDisabled, rpm, models, budget } = change;
    const weight = hundredths(change.weight);
    if (id === byId && (isDisabled === true || role === "user")) {
      throw new ColinkError(
        "invalid_request",
        "Cannot take your own rights away: ask another administrator",
        { param: isDisabled === true ? "disabled" : "role" },
      );
    }
    const { store: { users, keys }, sessions, keyring } = this.options;
    await users.change(id, defined({ role, isDisabled, rpm, models, budget, weight }));
    if (weight !== undefined) await this.options.groups.refresh();
    const wasDisabled = isDisabled === true && user.disabledAt === null;
    const wasDemoted = role === "user" && user.role === "admin";
    // The role is read with every request; ending the sessions makes the console show the change at once.
    if (wasDisabled || wasDemoted) await sessions.endOthers(id, null);
    const keyIds = (await keys.ofAccount(id)).map((key) => key.id);
    if (wasDisabled) keyring.revoked(keyIds);
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
      budget: row.budget,
      weight: row.weight === null ? null : row.weight / 100,
      total_api_calls: row.totalApiCalls,
      total_provided_calls: row.totalProvidedCalls,
      keys: row.keys,
      nodes: this.options.nodesOf(row.id),
      groups: this.options.groups.namesOf(row.id),
    };
  }
}

/** As weights are stored. */
export function hundredths<T extends number | null | undefined>(weight: T) {
  return typeof weight === "number" ? Math.round(weight * 100) : weight;
}
