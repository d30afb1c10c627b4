/** Facts about models that the table has not heard of, from the provider itself. */

import { LRUCache } from "lru-cache";
import type { World } from "../../world.ts";
import { factsOf, type ModelFacts, unknownModel } from "./model_facts.ts";

/** Asks the provider for one model's description; null where it has none to give. */
export type Describe = (model: string, signal: AbortSignal) => Promise<unknown>;

/** A call does not wait longer than this to learn what its model can. */
const ASK_WITHIN_MS = 3_000;
/** How long an answer holds, and how soon a provider that gave none is asked again. */
const GOOD_FOR_MS = 24 * 60 * 60_000;
const ASK_AGAIN_AFTER_MS = 10 * 60_000;
const MAX_MODELS = 1_000;

export class ModelList {
  readonly #learned = new LRUCache<string, { facts: ModelFacts; untilMs: number }>({
    max: MAX_MODELS,
  });

  constructor(private readonly describe: Describe, private readonly world: Pick<World, "nowMs">) {}

  /** The table's facts; else the provider's; else what no model refuses. Never throws but for an abort. */
  async factsOf(model: string, signal: AbortSignal): Promise<ModelFacts> {
    const known = factsOf(model) ?? this.#remembered(model);
    if (known !== undefined) return known;
    const withinTime = AbortSignal.any([signal, AbortSignal.timeout(ASK_WITHIN_MS)]);
    const described = await this.describe(model, withinTime);
    signal.throwIfAborted();
    const info = isObject(described) ? described : null;
    const facts = info === null ? unknownModel : factsIn(info);
    const goodForMs = info === null ? ASK_AGAIN_AFTER_MS : GOOD_FOR_MS;
    this.#learned.set(model, { facts, untilMs: this.world.nowMs() + goodForMs });
    return facts;
  }

  #remembered(model: string): ModelFacts | undefined {
    const learned = this.#learned.get(model);
    return learned && learned.untilMs > this.world.nowMs() ? learned.facts : undefined;
  }
}

/** Whatever the provider leaves open stays as careful as for a model that nobody knows. */
function factsIn({ max_tokens, capabilities }: Record<string, unknown>): ModelFacts {
  const can = isObject(capabilities) ? capabilities : {};
  const thinking = isObject(can.thinking) && isObject(can.thinking.types)
    ? can.thinking.types
    : null;
  const effort = isObject(can.effort) ? can.effort : null;
  const facts = { ...unknownModel };
  if (Number.isSafeInteger(max_tokens) && Number(max_tokens) > 0) {
    facts.maxOutputTokens = Number(max_tokens);
  }
  if (can.structured_outputs !== undefined && can.structured_outputs !== null) {
    facts.structuredOutput = isSupported(can.structured_outputs);
  }
  if (thinking !== null) {
    const style = isSupported(thinking.enabled) ? "budget" : "none";
    facts.thinking = isSupported(thinking.adaptive) ? "adaptive" : style;
    facts.thinkingOff = (["disabled", "between_tools"] as const)
      .find((type) => isSupported(thinking[type])) ?? null;
  }
  if (effort !== null) {
    facts.efforts = unknownModel.efforts.filter((step) => isSupported(effort[step]));
  }
  return facts;
}

/** Capabilities are told as `true` or as `{"supported": true}`. */
function isSupported(value: unknown): boolean {
  return value === true || (isObject(value) && value.supported === true);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
