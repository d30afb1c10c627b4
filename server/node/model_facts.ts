/** What is known of a model: as one node states it, or as all nodes that serve it state it together. */

import {
  type Endpoint,
  endpointsOf,
  everyOf,
  leastOf,
  type ModelCapabilities,
} from "../../protocol/mod.ts";

export interface ModelFacts {
  /** Where it can be called; in the protocol's order. */
  readonly endpoints: readonly Endpoint[];
  /** In tokens; null: unknown. */
  readonly contextLength: number | null;
  readonly tools: boolean | null;
  readonly vision: boolean | null;
}

/** By model. */
export type FactsByModel = ReadonlyMap<string, ModelFacts>;

/** What is assumed of a model whose capabilities the node did not announce. */
const UNANNOUNCED = factsOf(undefined);

export function factsIn(facts: FactsByModel | undefined, model: string): ModelFacts {
  return facts?.get(model) ?? UNANNOUNCED;
}

/** Reads the `capabilities` of a REGISTER or STATUS, which the codec has checked. */
export function factsByModel(
  capabilities: Record<string, ModelCapabilities>,
  models: readonly string[],
): FactsByModel {
  // Capabilities of models that are not offered would only take memory.
  return new Map(
    models.filter((model) => Object.hasOwn(capabilities, model))
      .map((model) => [model, factsOf(capabilities[model])]),
  );
}

/** What a caller may count on, whichever of the nodes runs its call; endpoints are those of any of them. */
export function together(all: readonly ModelFacts[]): ModelFacts {
  const endpoints = endpointsOf({ endpoints: all.flatMap(({ endpoints }) => endpoints) });
  return {
    endpoints,
    contextLength: leastOf(all.map(({ contextLength }) => contextLength)),
    tools: everyOf(all.map(({ tools }) => tools)),
    vision: everyOf(all.map(({ vision }) => vision)),
  };
}

function factsOf(stated: ModelCapabilities | undefined): ModelFacts {
  return {
    endpoints: endpointsOf(stated),
    contextLength: stated?.context_length ?? null,
    tools: stated?.tools ?? null,
    vision: stated?.vision ?? null,
  };
}
