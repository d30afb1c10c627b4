/** Each model's facts: the table's, corrected by the provider's own description. */

import { LRUCache } from "lru-cache";
import type { World } from "../../world.ts";
import { factsOf, type ModelFacts, unknownModel } from "./model_facts.ts";
import { isObject } from "../json_object.ts";

/** Fetches the provider's description of a model; null if it has none. */
export type Describe = (model: string, signal: AbortSignal) => Promise<unknown>;

/** The longest that a call waits for its model's description. */
const ASK_WITHIN_MS = 3_000;
/** How long a description is valid, and how soon a failed request is repeated. */
const GOOD_FOR_MS = 24 * 60 * 60_000;
const ASK_AGAIN_AFTER_MS = 10 * 60_000;
const MAX_MODELS = 1_000;

interface Learned {
  facts: ModelFacts;
  untilMs: number;
}

export class ModelList {
  readonly #learned = new LRUCache<string, Learned>({ max: MAX_MODELS });
  /** Models whose description is being fetched. */
  readonly #pending = new Set<string>();

  constructor(private readonly describe: Describe, private readonly world: Pick<World, "nowMs">) {}

  /**
   * The facts of a model. Waits for the provider's description only if the model is not in the
   * table; unknown facts default to what no model rejects. Throws only on abort.
   */
  async factsOf(model: string, signal: AbortSignal): Promise<ModelFacts> {
    const learned = this.#learned.get(model);
    if (learned && learned.untilMs > this.world.nowMs()) return learned.facts;
    const known = learned?.facts ?? factsOf(model);
    if (known === undefined) return await this.#learn(model, signal);
    if (!this.#pending.has(model)) void this.#refresh(model);
    return known;
  }

  async #refresh(model: string): Promise<void> {
    this.#pending.add(model);
    // On any failure the table's facts stay.
    await this.#learn(model).catch(() => {});
    this.#pending.delete(model);
  }

  async #learn(model: string, signal?: AbortSignal): Promise<ModelFacts> {
    const timeout = AbortSignal.timeout(ASK_WITHIN_MS);
    const withinTime = signal ? AbortSignal.any([signal, timeout]) : timeout;
    const described = await this.describe(model, withinTime);
    signal?.throwIfAborted();
    const base = this.#learned.get(model)?.facts ?? factsOf(model) ?? unknownModel;
    const facts = isObject(described) ? factsIn(described, base) : base;
    const goodForMs = isObject(described) ? GOOD_FOR_MS : ASK_AGAIN_AFTER_MS;
    this.#learned.set(model, { facts, untilMs: this.world.nowMs() + goodForMs });
    return facts;
  }
}

/** Facts that the description leaves out stay as in `base`. */
function factsIn(
  { max_tokens, capabilities }: Record<string, unknown>,
  base: ModelFacts,
): ModelFacts {
  const can = isObject(capabilities) ? capabilities : {};
  const thinking = isObject(can.thinking) && isObject(can.thinking.types)
    ? can.thinking.types
    : null;
  const effort = isObject(can.effort) ? can.effort : null;
  const facts = { ...base };
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

/** Capabilities are listed as `true` or as `{"supported": true}`. */
function isSupported(value: unknown): boolean {
  return value === true || (isObject(value) && value.supported === true);
}
