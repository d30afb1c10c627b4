/** Groups of accounts: what administrators do with them, and which groups an account belongs to. */

import type { GroupChange, GroupView, NewGroup } from "../../api/mod.ts";
import type { Clock } from "../base/clock.ts";
import { defined } from "../base/defined.ts";
import { Emitter } from "../base/emitter.ts";
import type { Log } from "../base/log.ts";
import { ColinkError } from "../base/error.ts";
import { newId } from "../base/new_id.ts";
import { groupKey, groupNotFound, type GroupRow } from "../store/groups.ts";
import { Polled } from "../store/polled.ts";
import type { Store } from "../store/store.ts";

export interface GroupsOptions {
  store: Pick<Store, "groups">;
  clock: Clock;
  log: Log;
}

/** Weights are stored in hundredths. */
const HUNDREDTHS = 100;

const NONE: readonly string[] = [];

/** An account's part of what is scarce, and the group that it has it from; null: it is in none. */
interface Part {
  weight: number;
  group: { id: string; weight: number } | null;
}

const ALONE: Part = { weight: 1, group: null };

export class Groups extends Polled {
  /** Emits after groups or members were changed, on any gateway. */
  readonly changes = new Emitter();

  readonly #options: GroupsOptions;
  #version: string | null = null;
  #byId: ReadonlyMap<string, GroupRow> = new Map();
  #idByName: ReadonlyMap<string, string> = new Map();
  #byAccount: ReadonlyMap<string, readonly string[]> = new Map();
  #budgets: ReadonlyMap<string, readonly GroupRow[]> = new Map();
  #sizes: ReadonlyMap<string, number> = new Map();
  /** Of accounts that have one of their own. */
  #weights: ReadonlyMap<string, number> = new Map();

  constructor(options: GroupsOptions) {
    super("cannot read the groups", options);
    this.#options = options;
  }

  /** The ids of the account's groups; a change on another gateway is known here within seconds. */
  groupsOf(accountId: string): readonly string[] {
    return this.#byAccount.get(accountId) ?? NONE;
  }

  /** Whether both are members of a group whose members see each other's nodes. */
  seesNodesOf(accountId: string, ownerId: string): boolean {
    const owners = this.groupsOf(ownerId);
    return this.groupsOf(accountId).some((id) =>
      this.#byId.get(id)?.membersSeeNodes === true && owners.includes(id)
    );
  }

  /** The account's groups that have a budget; undefined: none. */
  budgetsOf(accountId: string): readonly GroupRow[] | undefined {
    return this.#budgets.get(accountId);
  }

  /** The key with no other models than its account's groups may call. */
  bounded<K extends { accountId: string; models: readonly string[] | null }>(key: K): K {
    const limited = this.#budgets.get(key.accountId);
    if (limited === undefined) return key;
    const lists = [key.models, ...limited.map(({ budget }) => budget?.models ?? null)];
    const models = lists.reduce((all, list) =>
      all === null || list === null ? all ?? list : all.filter((name) => list.includes(name))
    );
    return { ...key, models };
  }

  /** The id of the group of that name, in any case; null: there is none. */
  idOf(name: string): string | null {
    return this.#idByName.get(groupKey(name)) ?? null;
  }

  /**
   * The ids of groups that are given by name or id. `kept`: ids that may be of groups which are gone.
   * Throws `invalid_request` for any other that is none.
   */
  idsOf(given: readonly string[], kept: readonly string[] = []): string[] {
    const ids = given.map((one) => {
      const id = this.#byId.has(one) || kept.includes(one) ? one : this.idOf(one);
      if (id !== null) return id;
      throw new ColinkError(
        "invalid_request",
        `Cannot find the group ${JSON.stringify(one)}: expected the name or the id of a group`,
        { param: "groups", problem: { code: "unknown_group", names: [one] } },
      );
    });
    return [...new Set(ids)];
  }

  /** Null: the group is gone. */
  nameOf(id: string): string | null {
    return this.#byId.get(id)?.name ?? null;
  }

  /** The account's own weight, else that of the heaviest of its groups; 1 without either. */
  partOf(accountId: string): Part {
    let group: Part["group"] = null;
    for (const id of this.groupsOf(accountId)) {
      const weight = (this.#byId.get(id)?.weight ?? 0) / HUNDREDTHS;
      if (weight > (group?.weight ?? 0)) group = { id, weight };
    }
    const weight = this.#weights.get(accountId) ?? group?.weight;
    return weight === undefined ? ALONE : { weight, group };
  }

  /** In the order of their names. */
  list(): GroupView[] {
    return [...this.#byId.values()].map((row) => this.#view(row));
  }

  /** The names of the account's groups. */
  namesOf(accountId: string): string[] {
    return this.groupsOf(accountId).flatMap((id) => this.#byId.get(id)?.name ?? []);
  }

  /** Throws `not_found`. */
  async members(id: string): Promise<{ id: string; email: string }[]> {
    if (!this.#byId.has(id)) throw groupNotFound();
    const members = await this.#options.store.groups.members(id);
    return members.map(({ accountId, email }) => ({ id: accountId, email }));
  }

  /** Throws `invalid_request` for a name that another group has, and `too_many`. */
  async create({ name, weight = 1, members_see_nodes = false }: NewGroup): Promise<GroupView> {
    const id = newId("grp_");
    await this.#options.store.groups.add({
      id,
      name,
      weight: Math.round(weight * HUNDREDTHS),
      membersSeeNodes: members_see_nodes,
      budget: null,
      createdAt: this.#options.clock.now(),
    });
    await this.refresh();
    return this.#find(id);
  }

  /** Throws as `create`, and `not_found`. */
  async change(
    id: string,
    { name, weight, members_see_nodes, budget, add = [], remove = [] }: GroupChange,
  ): Promise<GroupView> {
    const { store: { groups }, clock } = this.#options;
    const change = defined({
      name,
      weight: weight === undefined ? undefined : Math.round(weight * HUNDREDTHS),
      membersSeeNodes: members_see_nodes,
      budget,
    });
    if (Object.keys(change).length > 0 && !await groups.change(id, change)) throw groupNotFound();
    if (add.length + remove.length > 0) {
      await groups.changeMembers(id, { add, remove, now: clock.now() });
    }
    await this.refresh();
    return this.#find(id);
  }

  /** Removes the group; resolves with what it was. Throws `not_found`. */
  async remove(id: string): Promise<GroupView> {
    const group = this.#find(id);
    if (!await this.#options.store.groups.remove(id)) throw groupNotFound();
    await this.refresh();
    return group;
  }

  /** Reads the groups if any gateway has changed them. */
  protected override async read(): Promise<void> {
    const { groups } = this.#options.store;
    const version = await groups.version();
    if (version === this.#version) return;
    const { groups: rows, members, weights } = await groups.snapshot();
    const byAccount = new Map<string, string[]>();
    const sizes = new Map<string, number>();
    for (const { groupId, accountId } of members) {
      const ids = byAccount.get(accountId);
      if (ids === undefined) byAccount.set(accountId, [groupId]);
      else ids.push(groupId);
      sizes.set(groupId, (sizes.get(groupId) ?? 0) + 1);
    }
    this.#byId = new Map(rows.map((row) => [row.id, row]));
    this.#idByName = new Map(rows.map(({ nameKey, id }) => [nameKey, id]));
    this.#byAccount = byAccount;
    this.#budgets = budgetsIn(this.#byId, byAccount);
    this.#sizes = sizes;
    this.#weights = new Map(weights.map((one) => [one.accountId, one.weight / HUNDREDTHS]));
    this.#version = version;
    this.changes.emit();
  }

  #find(id: string): GroupView {
    const row = this.#byId.get(id);
    if (row === undefined) throw groupNotFound();
    return this.#view(row);
  }

  #view({ id, name, weight, membersSeeNodes, budget, createdAt }: GroupRow): GroupView {
    return {
      id,
      name,
      weight: weight / HUNDREDTHS,
      members_see_nodes: membersSeeNodes,
      budget,
      created_at: createdAt,
      members: this.#sizes.get(id) ?? 0,
    };
  }
}

/** By account. */
function budgetsIn(
  byId: ReadonlyMap<string, GroupRow>,
  byAccount: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, readonly GroupRow[]> {
  const limited = new Map<string, GroupRow[]>();
  if ([...byId.values()].every(({ budget }) => budget === null)) return limited;
  for (const [accountId, ids] of byAccount) {
    const rows = ids.flatMap((id) => byId.get(id) ?? []).filter(({ budget }) => budget !== null);
    if (rows.length > 0) limited.set(accountId, rows);
  }
  return limited;
}
