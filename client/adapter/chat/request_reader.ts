/** A chat completion request → the neutral request. */

import { badRequest, unsupported } from "../bad_request.ts";
import {
  type AnswerFormat,
  type CacheControl,
  type CallPart,
  type ClaudeFields,
  emptyRequest,
  type ModelRequest,
  type Part,
  type TextPart,
  type ThinkingPart,
  type Tool,
  type ToolChoice,
  type Turn,
} from "../bridge/model_request.ts";
import {
  type CacheHints,
  type ChatMessage,
  type ChatPart,
  type ChatRequest,
  parseChatRequest,
} from "./request_schema.ts";

/** Throws a 400 that names the field which is invalid, or which no other dialect can express. */
export function readChatRequest(bodyText: string): ModelRequest {
  const chat = parseChatRequest(bodyText);
  rejectUnsupported(chat);
  const tools = toolsOf(chat);
  const { system, turns } = conversationOf(chat.messages);
  return {
    ...emptyRequest(),
    system,
    turns,
    tools,
    toolChoice: choiceOf(chat, tools),
    parallelCalls: chat.parallel_tool_calls ?? null,
    maxTokens: chat.max_completion_tokens ?? chat.max_tokens ?? null,
    temperature: chat.temperature ?? null,
    topP: chat.top_p ?? null,
    topK: chat.top_k ?? null,
    stops: typeof chat.stop === "string" ? [chat.stop] : chat.stop ?? [],
    effort: chat.reasoning_effort ?? null,
    format: formatOf(chat),
    user: chat.user ?? chat.safety_identifier ?? null,
    serviceTier: chat.service_tier ?? null,
    verbosity: chat.verbosity ?? null,
    claude: claudeFields(chat),
    includeUsage: chat.stream_options?.include_usage === true,
    wantsThinking: Boolean(chat.thinking) ||
      chat.messages.some((message) => message.thinking_blocks?.length),
  };
}

function rejectUnsupported({ n, logprobs, web_search_options, modalities }: ChatRequest): void {
  const why = (what: string) => `This model's provider ${what}`;
  if ((n ?? 1) > 1) throw unsupported("n", why("gives one answer per call: n must be 1"));
  if (logprobs === true) throw unsupported("logprobs", why("gives no log probabilities"));
  if (web_search_options) throw unsupported("web_search_options", why("does not search the web"));
  if (modalities?.some((kind) => kind !== "text")) {
    throw unsupported("modalities", why("answers in text only"));
  }
}

function conversationOf(messages: readonly ChatMessage[]): Pick<ModelRequest, "system" | "turns"> {
  const firstOther = messages.findIndex(({ role }) => role !== "system" && role !== "developer");
  const leading = firstOther < 0 ? messages.length : firstOther;
  const system = messages.slice(0, leading).flatMap((message, i) =>
    systemParts(message, `messages[${i}].content`)
  );
  const functionIds = new Map<string, string>();
  const turns = messages.slice(leading).map((message, i) =>
    turnOf(message, `messages[${leading + i}]`, functionIds)
  );
  return { system, turns };
}

function systemParts(message: ChatMessage, param: string): TextPart[] {
  const parts = partsOf(message.content, param).map((part) => {
    if (part.type !== "text") throw badRequest(param, "System messages must be text");
    return part;
  });
  return hinted(parts, message);
}

/** `functionIds`: the ids given to deprecated function calls, by function name. */
function turnOf(message: ChatMessage, param: string, functionIds: Map<string, string>): Turn {
  switch (message.role) {
    case "system":
    case "developer":
      return { role: "system", parts: systemParts(message, `${param}.content`) };
    case "user":
      return { role: "user", parts: hinted(partsOf(message.content, `${param}.content`), message) };
    case "assistant":
      return { role: "assistant", parts: assistantParts(message, param, functionIds) };
    case "tool":
      return resultTurn(message, message.tool_call_id ?? "", param);
    case "function":
      return resultTurn(message, functionIds.get(message.name ?? "") ?? "", param);
  }
}

function resultTurn(message: ChatMessage, callId: string, param: string): Turn {
  const parts = partsOf(message.content, `${param}.content`);
  const result = { type: "result" as const, callId, parts, isError: false, param };
  return { role: "user", parts: hinted([result], message) };
}

function assistantParts(
  message: ChatMessage,
  param: string,
  functionIds: Map<string, string>,
): Part[] {
  const calls = (message.tool_calls ?? []).map((call, i): CallPart => {
    const { function: called, custom } = call;
    const head = {
      type: "call" as const,
      id: call.id || `${param}_${i}`,
      param: `${param}.tool_calls[${i}]`,
    };
    if (called) {
      return {
        ...head,
        name: called.name,
        argumentsText: called.arguments ?? "",
        isCustom: false,
      };
    }
    if (custom) {
      return { ...head, name: custom.name, argumentsText: custom.input ?? "", isCustom: true };
    }
    throw badRequest(head.param, "A tool call has a function or a custom tool");
  });
  const { function_call: legacy } = message;
  if (legacy) {
    const id = `${param}_${legacy.name}`;
    functionIds.set(legacy.name, id);
    calls.push({
      type: "call",
      id,
      name: legacy.name,
      argumentsText: legacy.arguments ?? "",
      isCustom: false,
      param: `${param}.function_call`,
    });
  }
  const content = partsOf(message.content, `${param}.content`);
  const refusal = message.refusal?.trim()
    ? [{ type: "refusal" as const, text: message.refusal, param: `${param}.refusal` }]
    : [];
  return [...thinkingOf(message), ...hinted([...content, ...refusal, ...calls], message)];
}

function thinkingOf(
  { thinking_blocks: blocks, reasoning_content, reasoning = null }: ChatMessage,
): ThinkingPart[] {
  if (blocks?.length) {
    return blocks.map((signed) => ({ type: "thinking", text: "", signed }));
  }
  const text = reasoning_content || reasoning;
  return text ? [{ type: "thinking", text, signed: null }] : [];
}

/** A message's content without blank texts. */
function partsOf(content: ChatMessage["content"], param: string): Exclude<Part, ThinkingPart>[] {
  if (typeof content === "string") {
    return content.trim() === "" ? [] : [{ type: "text", text: content, param }];
  }
  return (content ?? []).flatMap((part, i) => {
    const at = `${param}[${i}]`;
    const read = Object.hasOwn(readers, part.type) ? readers[part.type] : undefined;
    if (read === undefined) {
      throw unsupported(`${at}.type`, `This model's provider takes no ${part.type} parts`);
    }
    const result = read(part, at);
    if (result === null) return [];
    const cache = cacheOf(part);
    return [cache === undefined ? result : { ...result, cache }];
  });
}

type Reader = (part: ChatPart, param: string) => Exclude<Part, ThinkingPart> | null;

const readers: Readonly<Record<string, Reader>> = Object.freeze({
  text: ({ text }, param) => text?.trim() ? { type: "text", text, param } : null,
  refusal: ({ refusal }, param) =>
    refusal?.trim() ? { type: "refusal", text: refusal, param } : null,
  image_url: ({ image_url: image }, at) => {
    const param = `${at}.image_url.url`;
    const url = typeof image === "string" ? image : image?.url;
    if (url === undefined) throw badRequest(param, "image_url has no url");
    const detail = typeof image === "object" ? image?.detail : undefined;
    return { type: "image", url, param, ...(typeof detail === "string" ? { detail } : {}) };
  },
  file: ({ file }, at) => {
    const param = `${at}.file.file_data`;
    const { file_data: data, filename } = file ?? {};
    if (!data) throw unsupported(param, "Files must be sent as file_data, a data: URL");
    return { type: "file", data, name: filename || null, param };
  },
  input_audio: (_, param) => ({ type: "audio", param }),
});

/** A message's own cache hint marks its last part. */
function hinted<T extends Exclude<Part, ThinkingPart>>(parts: T[], hints: CacheHints): T[] {
  const last = parts.at(-1);
  const cache = cacheOf(hints);
  return last === undefined || cache === undefined
    ? parts
    : [...parts.slice(0, -1), { ...last, cache }];
}

/** A cache hint given in either dialect. Claude supports two lifetimes; any other becomes the default. */
function cacheOf(
  { cache_control, prompt_cache_breakpoint: mark }: CacheHints,
): CacheControl | undefined {
  if (cache_control) return cache_control as CacheControl;
  if (!mark) return undefined;
  return mark.ttl === "1h" || mark.ttl === "5m"
    ? { type: "ephemeral", ttl: mark.ttl }
    : { type: "ephemeral" };
}

function toolsOf({ tools, functions }: ChatRequest): Tool[] {
  const current = (tools ?? []).map((tool, i): Tool => {
    const param = `tools[${i}]`;
    const { function: called, custom } = tool;
    const cache = cacheOf(tool);
    if (called) {
      return {
        name: called.name,
        description: called.description || null,
        schema: called.parameters ?? null,
        isStrict: called.strict === true,
        isCustom: false,
        param,
        cache,
      };
    }
    if (custom) {
      if (custom.format?.type === "grammar") {
        throw unsupported(
          `${param}.custom.format`,
          "This model's provider cannot follow a grammar",
        );
      }
      const { name, description } = custom;
      return {
        name,
        description: description || null,
        schema: null,
        isStrict: false,
        isCustom: true,
        param,
        cache,
      };
    }
    if (tool.type === "function" || tool.type === "custom") {
      throw badRequest(`${param}.${tool.type}`, `The tool has no ${tool.type}`);
    }
    throw unsupported(`${param}.type`, `This model's provider has no ${tool.type} tools`);
  });
  // The deprecated form of tools, before 2023-11.
  const deprecated = (functions ?? []).map(({ name, description, parameters }, i): Tool => ({
    name,
    description: description || null,
    schema: parameters ?? null,
    isStrict: false,
    isCustom: false,
    param: `functions[${i}]`,
  }));
  return [...current, ...deprecated];
}

function choiceOf(
  { tool_choice, function_call }: ChatRequest,
  tools: readonly Tool[],
): ToolChoice | null {
  // `function_call` is the deprecated form.
  const wanted = tool_choice ?? function_call;
  if (tools.length === 0 || !wanted) return null;
  if (typeof wanted === "string") return { mode: wanted, allowed: null };
  if (wanted.allowed_tools) {
    const { mode, tools: allowed } = wanted.allowed_tools;
    return {
      mode: mode === "required" || mode === "none" ? mode : "auto",
      allowed: (allowed ?? []).flatMap((each) => nameOf(each) ?? []),
    };
  }
  const name = nameOf(wanted);
  if (!tools.some((tool) => tool.name === name)) {
    throw badRequest(
      "tool_choice",
      `tool_choice names ${name ?? "no tool"}, which is not in tools`,
    );
  }
  return { mode: "tool", name: name! };
}

function nameOf(choice: {
  name?: string | null | undefined;
  function?: { name: string } | null | undefined;
  custom?: { name: string } | null | undefined;
}): string | undefined {
  return choice.function?.name ?? choice.custom?.name ?? choice.name ?? undefined;
}

const FORMATS: readonly string[] = ["text", "json_object", "json_schema"];

function formatOf({ response_format: format }: ChatRequest): AnswerFormat | null {
  if (!format) return null;
  const { type, json_schema: wanted } = format;
  if (!FORMATS.includes(type)) {
    throw unsupported("response_format.type", `Answers are ${FORMATS.join(", ")}, not ${type}`);
  }
  if (type === "json_object") return { type };
  if (type !== "json_schema") return null;
  if (!wanted) {
    throw badRequest("response_format.json_schema", "response_format has no json_schema");
  }
  return {
    type,
    name: wanted.name || "answer",
    description: wanted.description ?? null,
    schema: wanted.schema ?? null,
    isStrict: wanted.strict === true,
  };
}

function claudeFields({ thinking, output_config, cache_control }: ChatRequest): ClaudeFields {
  return {
    ...(thinking ? { thinking } : {}),
    ...(output_config ? { output_config } : {}),
    ...(cache_control ? { cache_control } : {}),
  };
}
