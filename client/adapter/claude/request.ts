/** A chat completion request → Claude's Messages request. */

import { unsupported } from "../bad_request.ts";
import { answerFormat } from "./answer_format.ts";
import type { ChatRequest } from "./chat_request.ts";
import type { ModelFacts } from "./model_facts.ts";
import { type ThinkingPlan, thinkingPlan } from "./thinking.ts";
import { isThinking, unmarked } from "./thinking_blocks.ts";
import type { ThinkingMemory } from "./thinking_memory.ts";
import { toolboxOf } from "./tools.ts";
import { transcriptOf } from "./transcript.ts";
import type { CacheControl, ClaudeRequest, Turn } from "./wire.ts";

export interface Translation {
  request: ClaudeRequest;
  /** Free-text tools, whose input must be unwrapped again. */
  customNames: ReadonlySet<string>;
  /** The tool whose input is the answer itself, if a schema had to become a tool. */
  jsonTool: string | null;
}

const MAX_CACHE_HINTS = 4;

/** Throws a 400 UpstreamFailure that names a field that cannot be translated. */
export function translate(
  chat: ChatRequest,
  model: string,
  facts: ModelFacts,
  memory: ThinkingMemory,
): Translation {
  rejectUnsupported(chat);
  const answerTokens = Math.min(
    chat.max_completion_tokens ?? chat.max_tokens ?? facts.maxOutputTokens,
    facts.maxOutputTokens,
  );
  const { system, turns } = transcriptOf(chat.messages, {
    recall: (id) => memory.recall(model, id),
    accept: (blocks) => unmarked(blocks, model),
  });
  const plan = keepToolLoop(thinkingPlan(chat, facts, roomFor(chat, facts, answerTokens)), turns);
  const output = answerFormat(chat, facts, !plan.isOn && facts.forcedTools);
  const toolbox = output.toolbox ?? toolboxOf(chat, facts, facts.forcedTools && !plan.isOn);
  const request: ClaudeRequest = {
    model,
    max_tokens: Math.min(answerTokens + plan.budgetTokens, facts.maxOutputTokens),
    stream: true,
    ...nonEmpty("system", [...system, ...output.instructions]),
    messages: turns,
    ...nonEmpty("tools", toolbox.tools),
    ...(toolbox.choice ? { tool_choice: toolbox.choice } : {}),
    ...(plan.thinking ? { thinking: plan.thinking } : {}),
    ...outputConfig(chat, plan, output.config),
    ...nonEmpty("stop_sequences", stops(chat)),
    ...sampling(chat, facts, plan),
    ...metadata(chat),
    ...passedOn(chat),
  };
  limitCacheHints(request);
  return { request, customNames: toolbox.customNames, jsonTool: output.jsonTool };
}

function rejectUnsupported(chat: ChatRequest): void {
  if ((chat.n ?? 1) > 1) throw unsupported("n", "Claude gives one answer a call: n must be 1");
  if (chat.logprobs === true) throw unsupported("logprobs", "Claude gives no log probabilities");
  if (chat.web_search_options) {
    throw unsupported("web_search_options", "Claude nodes do not search the web for their callers");
  }
  if (chat.modalities?.some((kind) => kind !== "text")) {
    throw unsupported("modalities", "Claude answers in text only");
  }
}

/** Without a requested limit, thinking may take up to half of the model's. */
function roomFor(chat: ChatRequest, facts: ModelFacts, answerTokens: number): number {
  const isGiven = (chat.max_completion_tokens ?? chat.max_tokens ?? null) !== null;
  return isGiven ? answerTokens : Math.floor(facts.maxOutputTokens / 2);
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
  chat: ChatRequest,
  plan: ThinkingPlan,
  config: Record<string, unknown>,
): Pick<ClaudeRequest, "output_config"> {
  const merged = {
    ...config,
    ...(plan.effort ? { effort: plan.effort } : {}),
    ...chat.output_config,
  };
  return Object.keys(merged).length > 0 ? { output_config: merged } : {};
}

function stops({ stop }: ChatRequest): string[] {
  const all = typeof stop === "string" ? [stop] : stop ?? [];
  return all.filter((text) => text.trim() !== "");
}

/** Claude accepts one of temperature and top_p, and neither while thinking. */
function sampling(
  { temperature, top_p, top_k }: ChatRequest,
  facts: ModelFacts,
  plan: ThinkingPlan,
): Pick<ClaudeRequest, "temperature" | "top_p" | "top_k"> {
  if (!facts.sampling || plan.isOn) return {};
  return {
    ...(typeof temperature === "number" ? { temperature: Math.min(1, temperature) } : {}),
    ...(typeof top_p === "number" && typeof temperature !== "number" ? { top_p } : {}),
    ...(typeof top_k === "number" && top_k > 0 ? { top_k } : {}),
  };
}

/** Only opaque ids are sent: no e-mail addresses or phone numbers. */
function metadata(chat: ChatRequest): Pick<ClaudeRequest, "metadata"> {
  const id = chat.user ?? chat.safety_identifier ?? "";
  const isPersonal = id.includes("@") || /^\+?[\d\s()-]{7,}$/.test(id);
  return id === "" || isPersonal || id.length > 256 ? {} : { metadata: { user_id: id } };
}

/** Claude's own fields in a chat request. */
function passedOn(chat: ChatRequest): Pick<ClaudeRequest, "service_tier" | "cache_control"> {
  const { service_tier: tier, cache_control: control } = chat;
  return {
    ...(tier === "auto" || tier === "standard_only" ? { service_tier: tier } : {}),
    ...(control ? { cache_control: control as CacheControl } : {}),
  };
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
