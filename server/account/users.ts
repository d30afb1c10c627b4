/** Accounts as administrators see and change them. */

import type {
  AdminUserChange,
  AdminUserFilter,
  AdminUserPage,
  AdminUserView,
} from "../../api/mod.ts";
import { type Clock, DAY_MS } from "../base/clock.ts";
import { defined } from "../base/defined.ts";
import { ColinkError } from "../base/error.ts";
import type { Store } from "../store/store.ts";
import { storable } from "../store/text.ts";
import { positionIn, type UserRow, type UserSort } from "../store/users.ts";
import { followingOf, NOTHING_FOLLOWS, sortedCursorOf, sortedPositionOf } from "./cursor.ts";

export interface UsersOptions {
  store: Pick<Store, "users" | "keys" | "usage">;
  clock: Pick<Clock, "now">;
  /** Notified of keys that were revoked or changed by this gateway. */
  keyring: { revoked(keyIds: readonly string[]): void; changed(keyId: string): void };
  sessions: { endOthers(accountId: string, exceptId: string | null): Promise<number> };
  /** How many nodes of the account are connected. */
  nodesOf: (accountId: string) => number;
  groups: { namesOf(accountId: string): string[]; refresh(): Promise<void> };
}

/** Of these days it is shown what an account used. */
const SHOWN_DAYS = 30;

const isNumber = (value: unknown) => Number.isSafeInteger(value);
const isText = (value: unknown) => typeof value === "string" && value === storable(value);
/** Whether a value can be a place in a list of that order. */
const isPlace = {
  newest: isNumber,
  email: isText,
  made: isNumber,
  provided: isNumber,
} as const satisfies Record<UserSort, (value: unknown) => boolean>;

/** Every method throws `store_unavailable` while the database is away. */
export class Users {
  constructor(private readonly options: UsersOptions) {}

  /** Newest account first, unless asked otherwise. Throws `invalid_request` for an invalid cursor. */
  async page(
    { search, group, sort = "newest", cursor, limit }: AdminUserFilter,
  ): Promise<AdminUserPage> {
    const after = sortedPositionOf(sort, isPlace[sort], cursor);
    const query = defined({ search: search?.toLowerCase(), groupId: group, after });
    const { store } = this.options;
    const rows = await store.users.page({ ...query, sort, limit: limit + 1 });
    const shown = rows.slice(0, limit);
    const last = rows.length > limit ? shown.at(-1) : undefined;
    const next = last === undefined ? null : positionIn(sort, last);
    const following = next === null
      ? NOTHING_FOLLOWS
      : await followingOf((limit) => store.users.count({ ...query, sort, after: next, limit }));
    return {
      users: await this.#views(shown),
      next_cursor: sortedCursorOf(sort, next),
      following,
    };
  }

  /** Throws `not_found`. */
  async find(id: string): Promise<AdminUserView> {
    const [view] = await this.#views([await this.#existing(id)]);
    return view!;
  }

  /**
   * Changes an account on behalf of the administrator `byId`. Throws `not_found`, or
   * `invalid_request` where administrators would take away their own rights, or the last one's:
   * that could not be undone.
   */
  async change(id: string, change: AdminUserChange, byId: string): Promise<AdminUserView> {
    const user = await this.#existing(id);
    const { role, disabled: isDisabled, rpm, models, budget } = change;
    const weight = hundredths(change.weight);
    if (id === byId && (isDisabled === true || role === "user")) {
      throw new ColinkError(
        "invalid_request",
        "Cannot take your own rights away: ask another administrator",
        { param: isDisabled === true ? "disabled" : "role", problem: { code: "own_rights" } },
      );
    }
    const { store: { users, keys }, sessions, keyring } = this.options;
    const changed = defined({ role, isDisabled, rpm, models, budget, weight });
    await users.change(id, changed, { keepsAdministrator: true });
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

  async #views(rows: readonly UserRow[]): Promise<AdminUserView[]> {
    if (rows.length === 0) return [];
    const { store: { usage }, clock } = this.options;
    const to = Math.ceil(clock.now() / DAY_MS) * DAY_MS;
    const used = await usage.exported({
      accountIds: rows.map(({ id }) => id),
      by: new Set(),
      step: "day",
      from: to - SHOWN_DAYS * DAY_MS,
      to,
      after: null,
      limit: rows.length,
    });
    const tokens = new Map(
      used.map((one) => [one.accountId, one.promptTokens + one.completionTokens]),
    );
    return rows.map((row) => this.#view(row, tokens.get(row.id) ?? 0));
  }

  #view(row: UserRow, tokens: number): AdminUserView {
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
      recent_tokens: tokens,
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
