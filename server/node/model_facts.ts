/** What is known of a model: as one node states it, or as all nodes that serve it state it together. */

import {
  anyOf,
  type Endpoint,
  endpointsOf,
  everyOf,
  leastOf,
  type ModelCapabilities,
} from "../../protocol/mod.ts";

export interface ModelFacts {
  /** Where it can be called; in the protocol's order. */
  readonly endpoints: readonly Endpoint[];
  /** Prompt and answer together, in tokens; null: unknown, here and below. */
  readonly contextLength: number | null;
  /** The longest answer, in tokens. */
  readonly maxOutputTokens: number | null;
  readonly tools: boolean | null;
  readonly vision: boolean | null;
  /** Whether it can reason before it answers. */
  readonly thinking: boolean | null;
  /** Whether it is in memory now, at one of its nodes at least. */
  readonly loaded: boolean | null;
}

/** By model. */
export type FactsByModel = ReadonlyMap<string, ModelFacts>;

/** What is assumed of a model whose capabilities the node did not announce. */
const UNANNOUNCED = factsOf(undefined);

/** The facts, with what they lack as for a model of which nothing is known. */
export function allFacts(known: Partial<ModelFacts>): ModelFacts {
  return { ...UNANNOUNCED, ...known };
}

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
    maxOutputTokens: leastOf(all.map(({ maxOutputTokens }) => maxOutputTokens)),
    tools: everyOf(all.map(({ tools }) => tools)),
    vision: everyOf(all.map(({ vision }) => vision)),
    thinking: everyOf(all.map(({ thinking }) => thinking)),
    loaded: anyOf(all.map(({ loaded }) => loaded)),
  };
}

function factsOf(stated: ModelCapabilities | undefined): ModelFacts {
  return {
    endpoints: endpointsOf(stated),
    contextLength: stated?.context_length ?? null,
    maxOutputTokens: stated?.max_output_tokens ?? null,
    tools: stated?.tools ?? null,
    vision: stated?.vision ?? null,
    thinking: stated?.thinking ?? null,
    loaded: stated?.loaded ?? null,
  };
}
