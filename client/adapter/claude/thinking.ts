/** OpenAI's reasoning effort → the thinking parameters of each Claude generation. */

import { nearestEffort as nearest } from "../bridge/effort.ts";
import type { Effort, ModelRequest } from "../bridge/model_request.ts";
import type { ModelFacts } from "./model_facts.ts";
import type { Thinking } from "./wire.ts";

export interface ThinkingPlan {
  thinking?: Thinking;
  effort?: string;
  /** Tokens for thinking, on top of those for the answer. */
  budgetTokens: number;
  /** Whether thinking is on, which excludes sampling parameters and forced tools. */
  isOn: boolean;
}

const MIN_BUDGET_TOKENS = 1024;

const budgets: Readonly<Record<Exclude<Effort, "none">, number>> = Object.freeze({
  minimal: 1_024,
  low: 2_048,
  medium: 8_192,
  high: 16_384,
  xhigh: 32_768,
  max: 32_768,
});

/** `answerTokens`: the limit of the answer without thinking. */
export function thinkingPlan(
  { claude: { thinking: native }, effort }: ModelRequest,
  facts: ModelFacts,
  answerTokens: number,
): ThinkingPlan {
  if (native) {
    const isOn = native.type !== "disabled" && native.type !== "between_tools";
    return { thinking: native, budgetTokens: 0, isOn };
  }
  if (!effort) return { budgetTokens: 0, isOn: false };
  if (effort === "none") return leastThinking(facts);
  return facts.thinking === "adaptive"
    ? {
      thinking: { type: "adaptive", display: "summarized" },
      effort: nearestEffort(effort, facts.efforts),
      budgetTokens: 0,
      isOn: true,
    }
    : budgetPlan(effort, facts, answerTokens);
}

/** Models with a thinking budget think only on request. */
function leastThinking(facts: ModelFacts): ThinkingPlan {
  const quiet = { budgetTokens: 0, isOn: false };
  if (facts.thinking !== "adaptive") return quiet;
  return facts.thinkingOff === null
    ? { ...quiet, effort: "low" }
    : { ...quiet, thinking: { type: facts.thinkingOff } };
}

function budgetPlan(
  effort: Exclude<Effort, "none">,
  facts: ModelFacts,
  answerTokens: number,
): ThinkingPlan {
  const budget = Math.min(budgets[effort], facts.maxOutputTokens - answerTokens);
  const known = facts.efforts.length > 0 ? { effort: nearestEffort(effort, facts.efforts) } : {};
  if (facts.thinking === "none" || budget < MIN_BUDGET_TOKENS) {
    return { ...known, budgetTokens: 0, isOn: false };
  }
  const thinking = { type: "enabled", budget_tokens: budget };
  return { ...known, thinking, budgetTokens: budget, isOn: true };
}

function nearestEffort(effort: Effort, known: readonly string[]): string {
  return nearest(effort, known) ?? "low";
}
