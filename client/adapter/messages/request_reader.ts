/** A request to /v1/messages → the neutral request. */

import { withMember } from "../../../protocol/mod.ts";
import { badRequest, unsupported } from "../bad_request.ts";
import {
  type AnswerFormat,
  type CallPart,
  type Effort,
  emptyRequest,
  type ModelRequest,
  type Part,
  type ResultPart,
  type TextPart,
  type Tool,
  type ToolChoice,
  type Turn,
} from "../bridge/model_request.ts";
import { RawJson } from "../raw_json.ts";
import { partsOf, textsOf } from "./blocks.ts";
import { type Block, type MessagesRequest, parseMessagesRequest } from "./request_schema.ts";

/** Reads a request to /v1/messages/count_tokens, which has no `max_tokens`. */
export function readCountRequest(bodyText: string): ModelRequest {
  return readMessagesRequest(withMember(bodyText, "max_tokens", "1"));
}

/** Throws a 400 that names the field which is invalid, or which no other dialect can express. */
export function readMessagesRequest(bodyText: string): ModelRequest {
  const request = parseMessagesRequest(bodyText);
  rejectUntranslatable(request);
  const { tool_choice: choice, service_tier: tier } = request;
  const tools = (request.tools ?? []).map(toolOf);
  return {
    ...emptyRequest(),
    system: systemOf(request),
    turns: request.messages.map((turn, i) => turnOf(turn, `messages[${i}].content`)),
    tools,
    toolChoice: choice ? choiceOf(choice, tools) : null,
    parallelCalls: choice?.disable_parallel_tool_use ? false : null,
    maxTokens: request.max_tokens,
    temperature: request.temperature ?? null,
    topP: request.top_p ?? null,
    topK: request.top_k ?? null,
    stops: request.stop_sequences ?? [],
    stopsParam: "stop_sequences",
    effort: effortOf(request),
    format: formatOf(request),
    user: request.metadata?.user_id || null,
    serviceTier: tier === "standard_only" ? "default" : null,
  };
}

/** Rejects fields that change what the call does; dropping them silently would mislead the caller. */
function rejectUntranslatable({ container, inference_geo, mcp_servers }: MessagesRequest): void {
  const fields = {
    container,
    inference_geo,
    mcp_servers: mcp_servers?.length ? mcp_servers : null,
  };
  for (const [param, value] of Object.entries(fields)) {
    if (value === undefined || value === null) continue;
    throw unsupported(
      param,
      `${param} is for Anthropic's own servers; this model's provider has another API`,
    );
  }
}

/** Claude Code's first system block differs from call to call, so that no prompt cache would hit. */
const BILLING_LINE = /^x-anthropic-billing-header:/;

function systemOf({ system }: MessagesRequest): TextPart[] {
  return textsOf(system ?? "", "system").filter(({ text }) => !BILLING_LINE.test(text));
}

function turnOf({ role, content }: MessagesRequest["messages"][number], param: string): Turn {
  const blocks: Block[] = typeof content === "string" ? [{ type: "text", text: content }] : content;
  const at = (i: number) => typeof content === "string" ? param : `${param}[${i}]`;
  const read = { system: systemParts, user: userParts, assistant: assistantParts }[role];
  return { role, parts: blocks.flatMap((block, i) => read(block, at(i))) };
}

function systemParts(block: Block, param: string): Part[] {
  return textsOf([block], param, () => `${param}.type`);
}

function userParts(block: Block, param: string): Part[] {
  return block.type === "tool_result" ? [resultOf(block, param)] : partsOf([block], () => param);
}

function resultOf({ tool_use_id: callId, content, is_error }: Block, param: string): ResultPart {
  if (!callId) {
    throw badRequest(`${param}.tool_use_id`, "A tool_result names the call that it answers");
  }
  if (content && typeof content !== "string" && !Array.isArray(content)) {
    throw badRequest(`${param}.content`, "A tool_result's content is a text or a list of blocks");
  }
  const blocks: Block[] = typeof content === "string"
    ? [{ type: "text", text: content }]
    : content ?? [];
  const parts = partsOf(blocks, (i) => `${param}.content[${i}]`);
  return { type: "result", callId, parts, isError: is_error === true, param };
}

function assistantParts(block: Block, param: string): Part[] {
  switch (block.type) {
    case "thinking":
      return [{ type: "thinking", text: block.thinking ?? "", signed: null }];
    case "redacted_thinking":
      // Only Anthropic can decrypt it.
      return [];
    case "tool_use":
      return [callOf(block, param)];
    default:
      return partsOf([block], () => param);
  }
}

function callOf({ id, name, input }: Block, param: string): CallPart {
  if (!id) throw badRequest(`${param}.id`, "A tool_use has an id that its result can name");
  if (!name) throw badRequest(`${param}.name`, "A tool_use names its tool");
  const argumentsText = input instanceof RawJson ? input.text : JSON.stringify(input ?? {});
  return { type: "call", id, name, argumentsText, isCustom: false, param };
}

/** Throws a 400 for tools that only Anthropic's servers can run. */
function toolOf(
  { type, name, description, input_schema, strict }: NonNullable<MessagesRequest["tools"]>[number],
  i: number,
): Tool {
  const param = `tools[${i}]`;
  if (type && type !== "custom") {
    throw unsupported(`${param}.type`, `This model's provider has no ${type} tools`);
  }
  return {
    name,
    description: description || null,
    schema: input_schema ?? null,
    isStrict: strict === true,
    isCustom: false,
    param,
  };
}

function choiceOf(
  { type, name }: NonNullable<MessagesRequest["tool_choice"]>,
  tools: readonly Tool[],
): ToolChoice | null {
  if (tools.length === 0) return null;
  if (type !== "tool") return { mode: type === "any" ? "required" : type, allowed: null };
  if (!name || !tools.some((tool) => tool.name === name)) {
    throw badRequest("tool_choice.name", `tool_choice names ${name ?? "no tool"}, not in tools`);
  }
  return { mode: "tool", name };
}

/** The least thinking budget that each effort stands for. */
const efforts: readonly [budgetTokens: number, effort: Effort][] = [
  [16_384, "high"],
  [4_096, "medium"],
  [0, "low"],
];

/**
 * The requested reasoning effort. "No thinking" is left out: only some models support it, and the
 * others reject the whole call.
 */
function effortOf({ thinking, output_config: output }: MessagesRequest): Effort | null {
  if (output?.effort) return output.effort;
  if (thinking?.type !== "enabled") return null;
  const budget = thinking.budget_tokens ?? 0;
  return efforts.find(([from]) => budget >= from)?.[1] ?? "low";
}

/** `output_format` is the name of the beta version. */
function formatOf({ output_config: output, output_format }: MessagesRequest): AnswerFormat | null {
  const param = output?.format ? "output_config.format" : "output_format";
  const { type, schema } = output?.format ?? output_format ?? {};
  if (!type) return null;
  if (type !== "json_schema" || !schema) {
    throw unsupported(param, "The format of an answer must be a json_schema");
  }
  return { type, name: "answer", description: null, schema, isStrict: isStrict(schema.parse()) };
}

/** OpenAI's strict mode requires every object in a schema to be closed and all its properties required. */
function isStrict(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  const { type, properties, required, additionalProperties } = value as Record<string, unknown>;
  const names = Object.keys((properties ?? {}) as object);
  const isClosed = type !== "object" ||
    (additionalProperties === false && Array.isArray(required) &&
      names.every((name) => required.includes(name)));
  return isClosed && Object.values(value).every(isStrict);
}
