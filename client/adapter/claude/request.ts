/** A request → Claude's Messages request. */

import type { ModelRequest } from "../bridge/model_request.ts";
import { answerFormat } from "./answer_format.ts";
import type { ModelFacts } from "./model_facts.ts";
import { type ThinkingPlan, thinkingPlan } from "./thinking.ts";
import { isThinking, unmarked } from "./thinking_blocks.ts";
import type { ThinkingMemory } from "./thinking_memory.ts";
import { toolboxOf } from "./tools.ts";
import { transcriptOf } from "./transcript.ts";
import type { ClaudeRequest, Turn } from "./wire.ts";

export interface Translation {
  body: ClaudeRequest;
  /** The tool whose input is the answer itself, if a schema had to become a tool. */
  jsonTool: string | null;
}

const MAX_CACHE_HINTS = 4;

/** Throws a 400 UpstreamFailure that names a field that Claude's dialect cannot express. */
export function claudeRequest(
  request: ModelRequest,
  model: string,
  facts: ModelFacts,
  memory: ThinkingMemory,
): Translation {
  const answerTokens = Math.min(
    request.maxTokens ?? facts.maxOutputTokens,
    facts.maxOutputTokens,
  );
  const { system, turns } = transcriptOf(request, {
    recall: (id) => memory.recall(model, id),
    accept: (blocks) => unmarked(blocks, model),
  });
  const plan = keepToolLoop(
    thinkingPlan(request, facts, roomFor(request, facts, answerTokens)),
    turns,
  );
  const output = answerFormat(request, facts, !plan.isOn && facts.forcedTools);
  const toolbox = output.toolbox ?? toolboxOf(request, facts, facts.forcedTools && !plan.isOn);
  const { cache_control } = request.claude;
  const body: ClaudeRequest = {
    model,
    max_tokens: Math.min(answerTokens + plan.budgetTokens, facts.maxOutputTokens),
    stream: true,
    ...nonEmpty("system", [...system, ...output.instructions]),
    messages: turns,
    ...nonEmpty("tools", toolbox.tools),
    ...(toolbox.choice ? { tool_choice: toolbox.choice } : {}),
    ...(plan.thinking ? { thinking: plan.thinking } : {}),
    ...outputConfig(request, plan, output.config),
    ...nonEmpty("stop_sequences", request.stops.filter((text) => text.trim() !== "")),
    ...sampling(request, facts, plan),
    ...metadata(request),
    ...serviceTier(request),
    ...(cache_control ? { cache_control } : {}),
  };
  limitCacheHints(body);
  return { body, jsonTool: output.jsonTool };
}

/** Without a requested limit, thinking may take up to half of the model's. */
function roomFor({ maxTokens }: ModelRequest, facts: ModelFacts, answerTokens: number): number {
  return maxTokens === null ? Math.floor(facts.maxOutputTokens / 2) : answerTokens;
}

/**
 * With a thinking budget, Claude rejects a tool result whose call has lost its thinking. If the
 * client dropped the thinking and it is not in memory, this one call goes without thinking.
 */
function keepToolLoop(plan: ThinkingPlan, turns: Turn[]): ThinkingPlan {
  const lastCall = turns.findLast(({ role }) => role === "assistant");
  const isLoop = turns.at(-1)?.content[0]?.type === "tool_result";
  const [first] = lastCall?.content ?? [];
  const hasThinking = first !== undefined && isThinking(first);
  const drop = plan.thinking?.type === "enabled" && isLoop && !hasThinking;
  const kept: ThinkingPlan = drop ? { budgetTokens: 0, isOn: false } : plan;
  if (drop || kept.thinking?.type === "disabled") removeThinking(turns);
  return kept;
}

function removeThinking(turns: Turn[]): void {
  for (const turn of turns) {
    turn.content = turn.content.filter((block) => !isThinking(block));
  }
}

function outputConfig(
  { claude }: ModelRequest,
  plan: ThinkingPlan,
  config: Record<string, unknown>,
): Pick<ClaudeRequest, "output_config"> {
  const merged = {
    ...config,
    ...(plan.effort ? { effort: plan.effort } : {}),
    ...claude.output_config,
  };
  return Object.keys(merged).length > 0 ? { output_config: merged } : {};
}

/** Claude accepts one of temperature and top_p, and neither while thinking. */
function sampling(
  { temperature, topP, topK }: ModelRequest,
  facts: ModelFacts,
  plan: ThinkingPlan,
): Pick<ClaudeRequest, "temperature" | "top_p" | "top_k"> {
  if (!facts.sampling || plan.isOn) return {};
  return {
    ...(temperature === null ? {} : { temperature: Math.min(1, temperature) }),
    ...(topP !== null && temperature === null ? { top_p: topP } : {}),
    ...(topK !== null && topK > 0 ? { top_k: topK } : {}),
  };
}

/** Only opaque ids are sent: no e-mail addresses or phone numbers. */
function metadata({ user: id }: ModelRequest): Pick<ClaudeRequest, "metadata"> {
  if (!id || id.length > 256) return {};
  const isPersonal = id.includes("@") || /^\+?[\d\s()-]{7,}$/.test(id);
  return isPersonal ? {} : { metadata: { user_id: id } };
}

/** Claude's own tiers, from callers that know them. */
function serviceTier({ serviceTier: tier }: ModelRequest): Pick<ClaudeRequest, "service_tier"> {
  return tier === "auto" || tier === "standard_only" ? { service_tier: tier } : {};
}

/** Claude rejects a fifth cache hint: the last ones stay, which cover the longest prefix. */
function limitCacheHints(request: ClaudeRequest): void {
  const marked = [
    ...request.tools ?? [],
    ...request.system ?? [],
    ...request.messages.flatMap(({ content }) => content),
  ].filter((block) => block.cache_control !== undefined);
  const allowed = MAX_CACHE_HINTS - (request.cache_control ? 1 : 0);
  for (const block of marked.slice(0, Math.max(0, marked.length - allowed))) {
    delete block.cache_control;
  }
}

function nonEmpty<K extends string, T>(key: K, list: T[]): { [P in K]?: T[] } {
  return list.length > 0 ? { [key]: list } as { [P in K]?: T[] } : {};
}
