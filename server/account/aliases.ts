/** Aliases, compiled: to which models a name leads, in which order and under which conditions. */

import type { AliasTarget, AliasView } from "../../api/mod.ts";
import { fitsPattern } from "../../protocol/mod.ts";
import { LruCache } from "../base/lru.ts";

/** An alias as it is stored. */
export interface AliasDefinition {
  readonly name: string;
  readonly targets: readonly AliasTarget[];
}

/** A model to which an alias leads, with the conditions of all aliases on the way. */
export interface Target {
  readonly model: string;
  /** In tokens; 0: any. */
  readonly contextAtLeast: number;
  readonly needs: readonly ("tools" | "vision")[];
  readonly prefer: "loaded" | "own" | "fastest" | null;
  readonly maxWaitMs: number;
}

type AliasFault = NonNullable<AliasView["fault"]>;

/** How long a chain of aliases may be. */
const MAX_ALIAS_DEPTH = 8;

/** How many models an alias may lead to. */
const MAX_ALIAS_MODELS = 64;

/** Names without an exact alias whose pattern is remembered. */
const MAX_REMEMBERED_NAMES = 1000;

/** What stands at one place of an alias's list: a model, or the list of another alias. */
type Step =
  & { readonly weight: number; readonly isFastest: boolean }
  & ({ readonly target: Target } | { readonly steps: readonly Step[] });

/** What the order of targets depends on, besides the alias. */
export interface OrderParts {
  /** From 0 up to 1. */
  random: () => number;
  /** How long calls of the model have lasted lately, in milliseconds; null: unknown. */
  callMs: (model: string) => number | null;
}

export class Alias {
  /** Why calls of it fail whatever is offered; null: nothing is wrong. */
  readonly problem: string | null;
  /** The same for programs. */
  readonly fault: AliasFault | null;
  readonly #steps: readonly Step[];

  constructor(readonly definition: AliasDefinition, find: FindAlias) {
    const compiler = new Compiler(find);
    let steps: readonly Step[] = [];
    let problem: AliasProblem | null = null;
    try {
      steps = compiler.steps(definition, NO_CONDITIONS, []);
    } catch (error) {
      if (!(error instanceof AliasProblem)) throw error;
      problem = error;
    }
    this.#steps = steps;
    this.problem = problem?.message ?? null;
    this.fault = problem?.fault ?? null;
  }

  get name(): string {
    return this.definition.name;
  }

  /** All targets, in the written order; each model once. */
  get targets(): Target[] {
    return distinct(leaves(this.#steps));
  }

  /** The targets in the order in which one call tries them; each model once. */
  ordered(parts: OrderParts): Target[] {
    return distinct(leaves(this.#steps, (steps) => arranged(steps, parts)));
  }
}

/** An alias of exactly that name; `within`: the alias whose target the name is. */
type FindAlias = (name: string, within: AliasDefinition) => AliasDefinition | undefined;

/** A set of aliases in which names are looked up: those for everybody, or those of one account. */
export class AliasSet {
  readonly #exact = new Map<string, Alias>();
  /** The most telling first. */
  readonly #patterns: readonly Alias[];
  /** What names without an exact alias have led to before; null: to nothing. */
  readonly #remembered = new LruCache<string, { alias: Alias | null }>(MAX_REMEMBERED_NAMES);

  /** `shared`: where the targets of these aliases are looked up next. */
  constructor(
    private readonly definitions: readonly AliasDefinition[],
    shared: AliasSet | null = null,
  ) {
    const byName = new Map(definitions.map((definition) => [definition.name, definition]));
    const find: FindAlias = (name, within) => {
      const isOwn = byName.get(within.name) === within;
      const own = isOwn ? byName.get(name) : undefined;
      if (own !== undefined && own !== within) return own;
      const other = shared?.exact(name)?.definition;
      return other === within ? undefined : other;
    };
    const all = definitions.map((definition) => new Alias(definition, find));
    for (const alias of all) if (!isPattern(alias.name)) this.#exact.set(alias.name, alias);
    this.#patterns = all.filter(({ name }) => isPattern(name)).sort(byLiteralLength);
  }

  get isEmpty(): boolean {
    return this.definitions.length === 0;
  }

  /** All of them, in alphabetical order. */
  list(): Alias[] {
    return [...this.#exact.values(), ...this.#patterns]
      .sort((a, b) => a.name < b.name ? -1 : 1);
  }

  /** Aliases without a pattern, which callers can list. */
  named(): Iterable<Alias> {
    return this.#exact.values();
  }

  exact(name: string): Alias | undefined {
    return this.#exact.get(name);
  }

  /** The alias of that name, else the one with the most telling pattern that fits it. */
  find(name: string): Alias | null {
    const exact = this.#exact.get(name);
    if (exact !== undefined) return exact;
    if (this.#patterns.length === 0) return null;
    const known = this.#remembered.get(name);
    if (known !== undefined) return known.alias;
    const alias = this.#patterns.find((pattern) => fitsPattern(name, pattern.name)) ?? null;
    this.#remembered.set(name, { alias });
    return alias;
  }
}

export function isPattern(name: string): boolean {
  return name.includes("*");
}

/** The pattern with more characters of its own first; then by the alphabet. */
function byLiteralLength({ name: a }: Alias, { name: b }: Alias): number {
  const literal = (name: string) => name.replaceAll("*", "").length;
  return literal(b) - literal(a) || (a < b ? -1 : 1);
}

class AliasProblem extends Error {
  readonly fault: AliasFault;

  constructor(
    message: string,
    { code, limit, way = [] }: Pick<AliasFault, "code" | "limit"> & {
      way?: readonly AliasDefinition[];
    },
  ) {
    super(way.length === 0 ? message : `${message}: ${way.map(quoted).join(" → ")}`);
    this.fault = { code, limit, way: way.map(({ name }) => name) };
  }
}

type Conditions = Omit<Target, "model">;

const NO_CONDITIONS: Conditions = {
  contextAtLeast: 0,
  needs: [],
  prefer: null,
  maxWaitMs: 0,
};

/** Follows an alias to its models. */
class Compiler {
  #models = 0;

  constructor(private readonly find: FindAlias) {}

  /** `path`: the aliases on the way. Throws AliasProblem. */
  steps(
    alias: AliasDefinition,
    outer: Conditions,
    path: readonly AliasDefinition[],
  ): readonly Step[] {
    const way = [...path, alias];
    if (path.includes(alias)) {
      throw new AliasProblem("it leads back to itself", { code: "loop", limit: null, way });
    }
    if (way.length > MAX_ALIAS_DEPTH) {
      const limit = MAX_ALIAS_DEPTH;
      const message = `its chain is longer than ${limit} aliases`;
      throw new AliasProblem(message, { code: "too_long", limit, way });
    }
    return alias.targets.map((target) => this.#step(target, outer, way));
  }

  #step(target: AliasTarget, outer: Conditions, way: readonly AliasDefinition[]): Step {
    const conditions = both(outer, target);
    const place = { weight: target.weight ?? 0, isFastest: target.prefer === "fastest" };
    // A target with the alias's own name is the model of that name.
    const next = this.find(target.model, way.at(-1)!);
    if (next !== undefined) {
      return { ...place, steps: this.steps(next, conditions, way) };
    }
    if (++this.#models > MAX_ALIAS_MODELS) {
      const limit = MAX_ALIAS_MODELS;
      const message = `it leads to more than ${limit} models`;
      throw new AliasProblem(message, { code: "too_many_models", limit });
    }
    return { ...place, target: Object.freeze({ model: target.model, ...conditions }) };
  }
}

function quoted({ name }: AliasDefinition): string {
  return `"${name}"`;
}

/** The conditions of an alias on the way, and of a target in its list. */
function both(outer: Conditions, target: AliasTarget): Conditions {
  const { context_at_least: context = 0, needs = [], prefer, max_wait_s: waitS } = target;
  return {
    contextAtLeast: Math.max(outer.contextAtLeast, context),
    needs: [...new Set([...outer.needs, ...needs])],
    prefer: prefer ?? outer.prefer,
    maxWaitMs: waitS === undefined ? outer.maxWaitMs : waitS * 1000,
  };
}

function leaves(
  steps: readonly Step[],
  arrange: (steps: readonly Step[]) => readonly Step[] = (same) => same,
): Target[] {
  return arrange(steps).flatMap((step) =>
    "target" in step ? [step.target] : leaves(step.steps, arrange)
  );
}

function distinct(targets: readonly Target[]): Target[] {
  const seen = new Set<string>();
  return targets.filter(({ model }) => !seen.has(model) && seen.add(model));
}

/** Steps beside each other that have a weight, or that prefer the fastest, are put in order. */
function arranged(steps: readonly Step[], parts: OrderParts): readonly Step[] {
  if (steps.every(({ weight, isFastest }) => weight === 0 && !isFastest)) return steps;
  const arranged: Step[] = [];
  for (let at = 0; at < steps.length;) {
    const kind = kindOf(steps[at]!);
    let end = at + 1;
    while (end < steps.length && kind !== "plain" && kindOf(steps[end]!) === kind) end++;
    const run = steps.slice(at, end);
    arranged.push(...kind === "weighted" ? shuffled(run, parts) : fastestFirst(run, parts));
    at = end;
  }
  return arranged;
}

function kindOf({ weight, isFastest }: Step): "weighted" | "fastest" | "plain" {
  return weight > 0 ? "weighted" : isFastest ? "fastest" : "plain";
}

function shuffled(steps: readonly Step[], { random }: OrderParts): Step[] {
  const left = [...steps];
  const order: Step[] = [];
  while (left.length > 0) {
    let point = random() * left.reduce((sum, { weight }) => sum + weight, 0);
    const found = left.findIndex(({ weight }) => (point -= weight) < 0);
    order.push(...left.splice(Math.max(0, found), 1));
  }
  return order;
}

/** What was not measured yet goes first: after one call it is. */
function fastestFirst(steps: readonly Step[], { callMs }: OrderParts): Step[] {
  const keyed = steps.map((step) => {
    const [first] = leaves([step]);
    return { step, ms: first === undefined ? Infinity : callMs(first.model) ?? -1 };
  });
  return keyed.sort((a, b) => a.ms - b.ms).map(({ step }) => step);
}
