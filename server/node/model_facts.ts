/** What is known of a model: as one node tells it, or as all that serve it tell together. */

import { type Endpoint, endpointsOf, type ModelCapabilities } from "../../protocol/mod.ts";

export interface ModelFacts {
  /** Where it can be called; in the protocol's order. */
  readonly endpoints: readonly Endpoint[];
  /** In tokens; null: nobody said. */
  readonly contextLength: number | null;
  readonly tools: boolean | null;
  readonly vision: boolean | null;
}

/** By model. */
export type FactsByModel = ReadonlyMap<string, ModelFacts>;

/** What holds of a model that its node says nothing of. */
const UNTOLD = factsOf(undefined);

export function factsIn(facts: FactsByModel | undefined, model: string): ModelFacts {
  return facts?.get(model) ?? UNTOLD;
}

/** Reads the `capabilities` of a REGISTER or STATUS, which were checked. */
export function factsByModel(
  capabilities: Record<string, ModelCapabilities>,
  models: readonly string[],
): FactsByModel {
  // What is told of models that are not offered is not kept.
  return new Map(
    models.filter((model) => Object.hasOwn(capabilities, model))
      .map((model) => [model, factsOf(capabilities[model])]),
  );
}

/** What a caller may count on, whichever of the nodes it gets; endpoints are those of any of them. */
export function together(all: readonly ModelFacts[]): ModelFacts {
  const endpoints = endpointsOf({ endpoints: all.flatMap(({ endpoints }) => endpoints) });
  return {
    endpoints,
    contextLength: least(all.map(({ contextLength }) => contextLength)),
    tools: every(all.map(({ tools }) => tools)),
    vision: every(all.map(({ vision }) => vision)),
  };
}

function factsOf(told: ModelCapabilities | undefined): ModelFacts {
  return {
    endpoints: endpointsOf(told),
    contextLength: told?.context_length ?? null,
    tools: told?.tools ?? null,
    vision: told?.vision ?? null,
  };
}

function least(numbers: readonly (number | null)[]): number | null {
  const known = numbers.filter((number) => number !== null);
  return known.length === 0 ? null : known.reduce((a, b) => Math.min(a, b));
}

/** Null where nobody knows. */
function every(flags: readonly (boolean | null)[]): boolean | null {
  const known = flags.filter((flag) => flag !== null);
  return known.length === 0 ? null : known.every(Boolean);
}
