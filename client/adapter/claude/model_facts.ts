/** What each Claude model takes and gives. The first row that matches counts. */

/** How a model's thinking is asked for: by effort, by a budget of tokens, or not at all. */
export type ThinkingStyle = "adaptive" | "budget" | "none";

export interface ModelFacts {
  /** The most tokens that it may be asked for. */
  maxOutputTokens: number;
  /** Whether it takes temperature, top_p and top_k. */
  sampling: boolean;
  thinking: ThinkingStyle;
  /** The `thinking` that asks for the least of it; null: it always thinks, or never by itself. */
  thinkingOff: "disabled" | "between_tools" | null;
  /** The efforts that it knows; none: it takes no effort. */
  efforts: readonly string[];
  /** Whether it can be made to call a tool. */
  forcedTools: boolean;
  /** Whether it answers to a schema by itself. */
  structuredOutput: boolean;
}

const k = 1000;
const noEffort: readonly string[] = [];
const fourEfforts: readonly string[] = ["low", "medium", "high", "max"];
const allEfforts: readonly string[] = ["low", "medium", "high", "xhigh", "max"];

/** What has held for each generation since Opus 4.7. */
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

/** Of a model that is not in the table: what no model refuses. */
export const unknownModel: ModelFacts = Object.freeze({
  ...current,
  maxOutputTokens: 32 * k,
  thinkingOff: null,
  forcedTools: false,
});

/** What the table says of a model; undefined where it has not heard of it. */
export function factsOf(model: string): ModelFacts | undefined {
  return rows.find(([pattern]) => pattern.test(model))?.[1];
}
