/** Claude's models: limits and features. The first matching row counts. */

/** How thinking is requested: by effort, by a token budget, or not at all. */
type ThinkingStyle = "adaptive" | "budget" | "none";

export interface ModelFacts {
  /** The largest accepted `max_tokens`. */
  maxOutputTokens: number;
  /** Whether the model accepts temperature, top_p and top_k. */
  sampling: boolean;
  thinking: ThinkingStyle;
  /** The `thinking` type for the least thinking; null: the model always thinks, or only on request. */
  thinkingOff: "disabled" | "between_tools" | null;
  /** The supported efforts; empty: the model accepts no effort. */
  efforts: readonly string[];
  /** Whether tool calls can be forced. */
  forcedTools: boolean;
  /** Whether the model supports structured output. */
  structuredOutput: boolean;
}

const k = 1000;
const noEffort: readonly string[] = [];
const fourEfforts: readonly string[] = ["low", "medium", "high", "max"];
const allEfforts: readonly string[] = ["low", "medium", "high", "xhigh", "max"];

/** Common to each generation since Opus 4.7. */
const current: ModelFacts = {
  maxOutputTokens: 128 * k,
  sampling: false,
  thinking: "adaptive",
  thinkingOff: "disabled",
  efforts: allEfforts,
  forcedTools: true,
  structuredOutput: true,
};

const budget: ModelFacts = {
  maxOutputTokens: 64 * k,
  sampling: true,
  thinking: "budget",
  thinkingOff: "disabled",
  efforts: noEffort,
  forcedTools: true,
  structuredOutput: false,
};

const rows: readonly [RegExp, ModelFacts][] = [
  [/sonnet-5-5/, { ...current, thinkingOff: "between_tools", forcedTools: false }],
  [/opus-5-5|fable-5-[12]/, { ...current, thinkingOff: null, forcedTools: false }],
  [/haiku-5-5|opus-5/, current],
  [/fable-5/, { ...current, thinkingOff: null }],
  [/opus-4-[78]|sonnet-5/, current],
  [/(opus|sonnet)-4-6/, { ...current, sampling: true, efforts: fourEfforts }],
  [/opus-4-5/, { ...budget, efforts: ["low", "medium", "high"], structuredOutput: true }],
  [/-4-5/, { ...budget, structuredOutput: true }],
  [/opus-4-1/, { ...budget, maxOutputTokens: 32 * k, structuredOutput: true }],
  [/opus-4/, { ...budget, maxOutputTokens: 32 * k }],
  [/sonnet-4/, budget],
  [/claude-3/, { ...budget, maxOutputTokens: 4096, thinking: "none", thinkingOff: null }],
];

/** For models missing from the table: what no model rejects. */
export const unknownModel: ModelFacts = Object.freeze({
  ...current,
  maxOutputTokens: 32 * k,
  thinkingOff: null,
  forcedTools: false,
});

/** A model's row in the table; undefined: not in the table. */
export function factsOf(model: string): ModelFacts | undefined {
  return rows.find(([pattern]) => pattern.test(model))?.[1];
}
