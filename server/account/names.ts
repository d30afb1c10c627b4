/** Names that lead to models, and what administrators say about models; in force on every gateway within seconds. */

import type { AliasView, ModelSettings, NewAlias } from "../../api/mod.ts";
import type { Clock } from "../base/clock.ts";
import { ColinkError } from "../base/error.ts";
import type { Log } from "../base/log.ts";
import type { NamedValue } from "../store/names.ts";
import { Polled } from "../store/polled.ts";
import type { Store } from "../store/store.ts";
import {
  type Alias,
  type AliasDefinition,
  AliasSet,
  isPattern,
  type OrderParts,
  type Target,
} from "./aliases.ts";

export interface NamesOptions {
  store: Pick<Store, "names">;
  /** Notified of accounts of which this gateway has changed the aliases. */
  keyring: { accountChanged(accountId: string): void };
  clock: Clock;
  log: Log;
}

/** The caller who asks for a model by a name. */
interface Asker {
  /** The models that the key may call; null: all. */
  readonly models: readonly string[] | null;
  /** The aliases of the key's account; null: it has none. */
  readonly ownAliases: OwnAliases | null;
}

/** The ids of an account's groups. */
type GroupIds = readonly string[];

/** Where a call goes that asks for an alias. */
export interface NamePlan {
  /** The name that was asked for. */
  readonly name: string;
  /** In the order in which they are tried. */
  readonly targets: readonly Target[];
}

/** An alias as it is listed for callers. */
export interface NamedAlias {
  readonly name: string;
  readonly models: readonly string[];
}

const MAX_ALIASES = 1000;
const MAX_OWN_ALIASES = 50;
const MAX_MODEL_SETTINGS = 1000;

export class Names extends Polled {
  readonly #options: NamesOptions;
  #aliases = new AliasSet([]);
  #models: ReadonlyMap<string, ModelSettings> = new Map();
  /** The stored version of the names that are in force; undefined: nothing was read yet. */
  #stored: string | null | undefined;
  #hasGroups = false;
  #revision = 0;

  constructor(options: NamesOptions) {
    super("cannot read the aliases", options);
    this.#options = options;
  }

  /** Reads the names again if any has changed. */
  protected override async read(): Promise<void> {
    const { names } = this.#options.store;
    const revision = await names.revision();
    if (revision === this.#stored) return;
    const rows = await names.shared();
    const values = <T>(kind: NamedValue["kind"]) =>
      rows.filter((row) => row.kind === kind).map(({ value }) => JSON.parse(value) as T);
    this.#aliases = new AliasSet(values<AliasDefinition>("alias"));
    this.#models = new Map(values<ModelSettings>("model").map((model) => [model.name, model]));
    this.#hasGroups = [...this.#models.values()].some(({ groups }) => groups !== undefined);
    this.#stored = revision;
    this.#revision++;
  }

  /** A number that changes with what any name leads to for everybody. */
  get revision(): number {
    return this.#revision;
  }

  /**
   * Where a call by that name goes; null: the name is no alias. The account's own aliases go before
   * those of everybody. A key that is limited to certain models may call an administrator's alias by
   * its name, because the administrator decides what it leads to; else it reaches those targets that
   * it may call themselves, so that no account widens a key's limits by an alias of its own.
   * Throws `model_not_allowed`, or `alias_broken` for a loop or a chain that is too long.
   */
  plan(
    asker: Asker,
    name: string,
    partsOf: () => OrderParts & { groups: GroupIds },
  ): NamePlan | null {
    const own = asker.ownAliases?.within(this.#aliases).find(name) ?? null;
    const alias = own ?? (this.#aliases.isEmpty ? null : this.#aliases.find(name));
    if (alias === null) return null;
    const parts = partsOf();
    const { models } = asker;
    const isWhole = models === null || (own === null && models.includes(name));
    const targets = this.#permitted(alias.ordered(parts), isWhole ? null : models, parts.groups);
    if (targets.length === 0 && alias.problem === null) {
      throw new ColinkError(
        "model_not_allowed",
        `Cannot call "${name}": this key may use neither it nor a model that it leads to; ask the key's owner`,
        { param: "model" },
      );
    }
    if (alias.problem !== null) throw broken(name, alias.problem);
    return { name, targets };
  }

  /** The aliases that the asker may call and can list: those that are no patterns. */
  listed(asker: Asker, groups: GroupIds): NamedAlias[] {
    const own = asker.ownAliases?.within(this.#aliases);
    const ownOnes = [...own?.named() ?? []].map((alias) => ({ alias, isOwn: true }));
    const others = [...this.#aliases.named()].filter(({ name }) => own?.exact(name) === undefined)
      .map((alias) => ({ alias, isOwn: false }));
    return [...ownOnes, ...others].flatMap(({ alias, isOwn }) => {
      const named = this.#named(alias, asker.models, groups, isOwn, alias.name);
      return named === null ? [] : [named];
    });
  }

  /** What the name leads the asker to; null: it is no alias, or one that the asker may not call. */
  lookUp(asker: Asker, name: string, groups: GroupIds): NamedAlias | null {
    const own = asker.ownAliases?.within(this.#aliases).find(name) ?? null;
    const alias = own ?? this.#aliases.find(name);
    return alias === null ? null : this.#named(alias, asker.models, groups, own !== null, name);
  }

  #named(
    alias: Alias,
    models: readonly string[] | null,
    groups: GroupIds,
    isOwn: boolean,
    name: string,
  ): NamedAlias | null {
    if (alias.problem !== null) return null;
    const isWhole = models === null || (!isOwn && models.includes(name));
    const targets = this.#permitted(alias.targets, isWhole ? null : models, groups);
    return targets.length === 0 ? null : { name, models: targets.map(({ model }) => model) };
  }

  /** The targets that are in the list, if there is one, and that members of the groups may call. */
  #permitted(targets: Target[], models: readonly string[] | null, groups: GroupIds): Target[] {
    return targets.filter(({ model }) =>
      (models === null || models.includes(model)) && this.mayUse(model, groups)
    );
  }

  /** Whether some models are for the members of certain groups alone. */
  get hasGroups(): boolean {
    return this.#hasGroups;
  }

  /** Whether a member of the groups may call the model. */
  mayUse(model: string, groups: GroupIds): boolean {
    if (!this.#hasGroups) return true;
    const members = this.#models.get(model)?.groups;
    return members === undefined || members.some((id) => groups.includes(id));
  }

  /** Whether lists and hints name the model to members of the groups. */
  isListed(model: string, groups: GroupIds): boolean {
    return this.mayUse(model, groups) && this.#models.get(model)?.hidden !== true;
  }

  /** A text that changes whenever lists name the model to other callers. */
  listingOf(model: string): string {
    const { hidden, groups } = this.#models.get(model) ?? {};
    return hidden === true ? "hidden" : groups?.join() ?? "";
  }

  /** What administrators say about the model; undefined: nothing. */
  settingsOf(model: string): ModelSettings | undefined {
    return this.#models.get(model);
  }

  /** What is said about all models, by name. */
  get modelSettings(): ReadonlyMap<string, ModelSettings> {
    return this.#models;
  }

  /** The aliases for everybody. */
  aliases(isOffered: (model: string) => boolean): AliasView[] {
    return this.#aliases.list().map((alias) => viewOf(alias, isOffered));
  }

  /** Saves an alias for everybody. Throws `invalid_request` for one that closes a loop or is too deep, or `too_many`. */
  async save(alias: NewAlias): Promise<void> {
    checkPattern(alias.name);
    const { names } = this.#options.store;
    await names.changeShared("alias", alias.name, MAX_ALIASES, (rows) => {
      const others = rows.map(({ value }) => JSON.parse(value) as AliasDefinition);
      soundWith(others, alias, null);
      return JSON.stringify(alias);
    });
    await this.refresh();
  }

  /** Throws `not_found`. */
  async remove(name: string): Promise<void> {
    await this.#removeShared("alias", name, "alias");
  }

  /** Saves what is said about a model. Throws `too_many`. */
  async saveModel(model: ModelSettings): Promise<void> {
    const { names } = this.#options.store;
    const value = JSON.stringify(model);
    await names.changeShared("model", model.name, MAX_MODEL_SETTINGS, () => value);
    await this.refresh();
  }

  /** Throws `not_found`. */
  async removeModel(name: string): Promise<void> {
    await this.#removeShared("model", name, "setting of a model");
  }

  async #removeShared(kind: "alias" | "model", name: string, what: string): Promise<void> {
    await this.#options.store.names.changeShared(kind, name, Infinity, (rows) => {
      if (rows.some((row) => row.name === name)) return null;
      throw notFound(what);
    });
    await this.refresh();
  }

  /** The account's own aliases. */
  async own(accountId: string, isOffered: (model: string) => boolean): Promise<AliasView[]> {
    const own = OwnAliases.of(await this.#options.store.names.own(accountId));
    return own?.within(this.#aliases).list().map((alias) => viewOf(alias, isOffered)) ?? [];
  }

  /** Throws as `save`. */
  async saveOwn(accountId: string, alias: NewAlias): Promise<void> {
    checkPattern(alias.name);
    await this.#options.store.names.changeOwn(accountId, (value) => {
      const aliases = soundWith(definitionsIn(value), alias, this.#aliases);
      if (aliases.length > MAX_OWN_ALIASES) {
        throw new ColinkError(
          "too_many",
          `Cannot save the alias: an account may have ${MAX_OWN_ALIASES} of its own`,
        );
      }
      return JSON.stringify(aliases);
    });
    this.#options.keyring.accountChanged(accountId);
  }

  /** Throws `not_found`. */
  async removeOwn(accountId: string, name: string): Promise<void> {
    await this.#options.store.names.changeOwn(accountId, (value) => {
      const aliases = definitionsIn(value);
      const left = aliases.filter((alias) => alias.name !== name);
      if (left.length === aliases.length) throw notFound("alias");
      return left.length === 0 ? null : JSON.stringify(left);
    });
    this.#options.keyring.accountChanged(accountId);
  }
}

/** An account's own aliases, as its keys carry them. */
export class OwnAliases {
  #compiled: { shared: AliasSet; aliases: AliasSet } | null = null;

  private constructor(private readonly definitions: readonly AliasDefinition[]) {}

  /** `value`: as stored; null: there are none. */
  static of(value: string | null): OwnAliases | null {
    return value === null ? null : new OwnAliases(definitionsIn(value));
  }

  /** Compiled when a call first asks, and again when an alias for everybody has changed. */
  within(shared: AliasSet): AliasSet {
    if (this.#compiled?.shared !== shared) {
      this.#compiled = { shared, aliases: new AliasSet(this.definitions, shared) };
    }
    return this.#compiled.aliases;
  }
}

function definitionsIn(value: string | null): AliasDefinition[] {
  return value === null ? [] : JSON.parse(value) as AliasDefinition[];
}

function viewOf(alias: Alias, isOffered: (model: string) => boolean): AliasView {
  const { name, targets } = alias.definition;
  return {
    name,
    targets: [...targets],
    leads_to: alias.targets.map(({ model }) => ({ model, offered: isOffered(model) })),
    problem: alias.problem,
    fault: alias.fault,
  };
}

/** A pattern of stars alone would make every other model uncallable. */
function checkPattern(name: string): void {
  if (!isPattern(name) || name.replaceAll("*", "") !== "") return;
  throw new ColinkError(
    "invalid_request",
    "Cannot save the alias: a pattern needs a character besides the star, as in claude-*",
    { param: "name", problem: { code: "only_stars" } },
  );
}

/** The aliases with one of them replaced. Throws if that one has a problem then, or another one that had none before. */
function soundWith(
  aliases: readonly AliasDefinition[],
  added: AliasDefinition,
  shared: AliasSet | null,
): AliasDefinition[] {
  const others = aliases.filter(({ name }) => name !== added.name);
  const hadProblem = new Set(problemsOf(new AliasSet(aliases, shared)).map(({ name }) => name));
  const next = [...others, added];
  const problems = problemsOf(new AliasSet(next, shared));
  const own = problems.find(({ name }) => name === added.name);
  const fresh = own ?? problems.find(({ name }) => !hadProblem.has(name));
  if (fresh !== undefined) {
    const { name, problem, fault } = fresh;
    const which = name === added.name ? "the alias" : `the alias, which "${name}" leads to`;
    throw new ColinkError("invalid_request", `Cannot save ${which}: ${problem}`, {
      param: "targets",
      ...(fault !== null && { problem: problemOf(fault) }),
    });
  }
  return next;
}

function problemOf({ code, limit, way }: NonNullable<Alias["fault"]>) {
  return {
    code: `alias_${code}` as const,
    ...(limit !== null && { limit }),
    ...(way.length > 0 && { names: [...way] }),
  };
}

function problemsOf(aliases: AliasSet): Alias[] {
  return aliases.list().filter(({ problem }) => problem !== null);
}

function broken(name: string, problem: string): ColinkError {
  return new ColinkError(
    "alias_broken",
    `Cannot serve "${name}": this alias leads nowhere, because ${problem}; ask the one who made the alias`,
    { param: "model" },
  );
}

function notFound(what: string): ColinkError {
  return new ColinkError("not_found", `Cannot remove it: there is no ${what} of that name`);
}
