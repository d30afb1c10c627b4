/** A request to /v1/responses → the neutral request. */

import { badRequest, unsupported } from "../bad_request.ts";
import {
  type AnswerFormat,
  emptyRequest,
  mergedTurns,
  type ModelRequest,
  type Part,
  type TextPart,
  type ThinkingPart,
  type Tool,
  type ToolChoice,
  type Turn,
} from "../bridge/model_request.ts";
import {
  type InputItem,
  type InputPart,
  parseResponsesRequest,
  type RequestTool,
  type ResponsesRequest,
} from "./request_schema.ts";
import { unsealThinking } from "./sealed_thinking.ts";
import { flatToolName } from "./tool_name.ts";

/** Throws a 400 that names the field which is invalid, or which no other dialect can express. */
export function readResponsesRequest(bodyText: string): ModelRequest {
  const request = parseResponsesRequest(bodyText);
  rejectUnsupported(request);
  const tools = toolsOf(request);
  const { system, turns } = conversationOf(request);
  return {
    ...emptyRequest(),
    system,
    turns,
    tools,
    toolChoice: choiceOf(request, tools),
    parallelCalls: request.parallel_tool_calls ?? null,
    maxTokens: request.max_output_tokens ?? null,
    temperature: request.temperature ?? null,
    topP: request.top_p ?? null,
    effort: request.reasoning?.effort ?? null,
    format: formatOf(request),
    user: request.user ?? request.safety_identifier ?? null,
    serviceTier: request.service_tier ?? null,
    verbosity: request.text?.verbosity ?? null,
  };
}

const NO_LOGPROBS = "This model's provider gives no log probabilities";

/** What depends on stored responses or on OpenAI's own servers. */
function rejectUnsupported(request: ResponsesRequest): void {
  const { previous_response_id, conversation, background, prompt, top_logprobs, include } = request;
  const why = {
    previous_response_id: previous_response_id
      ? "No response of this id is stored here: send the whole conversation as input"
      : null,
    conversation: conversation ? "This model's provider stores no conversations" : null,
    background: background ? "This model's provider does not run calls in the background" : null,
    prompt: prompt ? "This model's provider stores no prompts" : null,
    top_logprobs: top_logprobs ? NO_LOGPROBS : null,
    include: include?.includes("message.output_text.logprobs") ? NO_LOGPROBS : null,
  };
  for (const [param, message] of Object.entries(why)) {
    if (message !== null) throw unsupported(param, message);
  }
}

function conversationOf(
  { instructions, input }: ResponsesRequest,
): Pick<ModelRequest, "system" | "turns"> {
  const items: InputItem[] = typeof input === "string"
    ? [{ role: "user", content: input }]
    : input ?? [];
  const turns = items.flatMap((item, i) => turnOf(item, `input[${i}]`));
  const firstOther = turns.findIndex(({ role }) => role !== "system");
  const leading = turns.splice(0, firstOther < 0 ? turns.length : firstOther);
  const first: TextPart[] = instructions
    ? [{ type: "text", text: instructions, param: "instructions" }]
    : [];
  if (turns.length === 0) {
    throw badRequest("input", "input holds no message: send at least one");
  }
  return {
    system: [...first, ...leading.flatMap(({ parts }) => parts as TextPart[])],
    // A message, its reasoning and its calls are items of their own.
    turns: mergedTurns(turns),
  };
}

function turnOf(item: InputItem, param: string): Turn[] {
  const type = item.type ?? (item.role ? "message" : "");
  const read = Object.hasOwn(itemReaders, type) ? itemReaders[type] : undefined;
  if (read !== undefined) return [read(item, param)];
  // Calls of hosted tools in earlier turns; a rejection would end the conversation.
  if (/_(?:call|output)$|^mcp_/.test(type)) {
    return [{ role: "assistant", parts: [quoted(item, type, param)] }];
  }
  throw unsupported(`${param}.type`, `This model's provider has no ${type || "such"} items`);
}

type ItemReader = (item: InputItem, param: string) => Turn;

const itemReaders: Readonly<Record<string, ItemReader>> = Object.freeze({
  message: messageTurn,
  function_call: (item, param) => callTurn(item, item.arguments ?? "", false, param),
  custom_tool_call: (item, param) => callTurn(item, item.input ?? "", true, param),
  function_call_output: resultTurn,
  custom_tool_call_output: resultTurn,
  reasoning: ({ summary, content, encrypted_content }) => ({
    role: "assistant",
    // Servers of open models send the reasoning itself, and no summary.
    parts: thinkingOf(
      summary?.length || !Array.isArray(content) ? summary ?? [] : content,
      encrypted_content,
    ),
  }),
});

function messageTurn({ role, content }: InputItem, param: string): Turn {
  const parts = partsOf(content, `${param}.content`);
  if (role === "user" || role === "assistant") return { role, parts };
  if (!role) throw badRequest(`${param}.role`, "A message has a role");
  if (parts.some(({ type }) => type !== "text")) {
    throw badRequest(`${param}.content`, "System messages must be text");
  }
  return { role: "system", parts };
}

function callTurn(
  { call_id: id, name: ownName, namespace }: InputItem,
  argumentsText: string,
  isCustom: boolean,
  param: string,
): Turn {
  if (!id) throw badRequest(`${param}.call_id`, "A call has a call_id that its output can name");
  if (!ownName) throw badRequest(`${param}.name`, "A call names its tool");
  const name = flatToolName(namespace, ownName);
  return { role: "assistant", parts: [{ type: "call", id, name, argumentsText, isCustom, param }] };
}

function resultTurn({ call_id: callId, output }: InputItem, param: string): Turn {
  if (!callId) throw badRequest(`${param}.call_id`, "An output names the call that it answers");
  const parts = partsOf(output, `${param}.output`);
  return { role: "user", parts: [{ type: "result", callId, parts, isError: false, param }] };
}

function thinkingOf(
  summary: readonly InputPart[],
  sealed: string | null | undefined,
): ThinkingPart[] {
  const blocks = unsealThinking(sealed);
  if (blocks.length > 0) {
    return blocks.map((signed) => ({ type: "thinking", text: "", signed }));
  }
  const text = summary.map((part) => part.text ?? "").join("\n\n");
  return text === "" ? [] : [{ type: "thinking", text, signed: null }];
}

function quoted(item: InputItem, type: string, param: string): TextPart {
  return { type: "text", text: `<${type}>\n${JSON.stringify(item)}\n</${type}>`, param };
}

function partsOf(content: InputItem["content"], param: string): Part[] {
  if (typeof content === "string") return textPart(content, param);
  return (content ?? []).flatMap((part, i) => {
    const at = `${param}[${i}]`;
    const read = Object.hasOwn(partReaders, part.type) ? partReaders[part.type] : undefined;
    if (read === undefined) {
      throw unsupported(`${at}.type`, `This model's provider takes no ${part.type} parts`);
    }
    return read(part, at);
  });
}

const partReaders: Readonly<Record<string, (part: InputPart, param: string) => Part[]>> = Object
  .freeze({
    input_text: ({ text }, param) => textPart(text, param),
    output_text: ({ text }, param) => textPart(text, param),
    text: ({ text }, param) => textPart(text, param),
    refusal: ({ refusal }, param) => refusal ? [{ type: "refusal", text: refusal, param }] : [],
    input_image: imagePart,
    input_file: filePart,
  });

function textPart(text: string | null | undefined, param: string): TextPart[] {
  return text ? [{ type: "text", text, param }] : [];
}

function imagePart({ image_url: url, detail }: InputPart, at: string): Part[] {
  const param = `${at}.image_url`;
  if (!url) throw unsupported(param, "Images must be given as image_url, not as file_id");
  return [{ type: "image", url, param, ...(detail ? { detail } : {}) }];
}

function filePart({ file_data: data, filename }: InputPart, at: string): Part[] {
  const param = `${at}.file_data`;
  if (!data) throw unsupported(param, "Files must be sent as file_data, a data: URL");
  return [{ type: "file", data, name: filename || null, param }];
}

/**
 * Hosted tools that a model with other tools can do without. Agents such as Codex offer them in
 * every request, whatever the provider has.
 */
const dispensable: ReadonlySet<string> = new Set([
  "web_search",
  "web_search_preview",
  "image_generation",
  // Finds tools that are in the request in any case.
  "tool_search",
]);

function toolsOf({ tools: wanted }: ResponsesRequest): Tool[] {
  const all = wanted ?? [];
  const canDoWithout = all.some(({ type }) => !dispensable.has(type));
  return all.flatMap((tool, i) => {
    if (canDoWithout && dispensable.has(tool.type)) return [];
    return tool.type === "namespace"
      ? membersOf(tool, `tools[${i}]`)
      : [toolOf(tool, null, `tools[${i}]`)];
  });
}

function membersOf({ name, tools }: RequestTool, param: string): Tool[] {
  if (!name) throw badRequest(`${param}.name`, "A namespace has a name");
  return (tools ?? []).map((tool, i) => toolOf(tool, name, `${param}.tools[${i}]`));
}

/** Throws a 400 for tools that only the provider's own servers can run. */
function toolOf(
  { type, name, description, parameters, strict, format }: RequestTool,
  namespace: string | null,
  param: string,
): Tool {
  if (type !== "function" && type !== "custom") {
    throw unsupported(`${param}.type`, `This model's provider has no ${type} tools`);
  }
  if (!name) throw badRequest(`${param}.name`, "A tool has a name");
  // No other dialect enforces a grammar, but a model can follow its description.
  const grammar = format?.definition
    ? `The input must match this ${format.syntax ?? ""} grammar:\n${format.definition}`
    : "";
  return {
    name: flatToolName(namespace, name),
    ...(namespace === null ? {} : { member: { namespace, name } }),
    description: [description, grammar].filter(Boolean).join("\n\n") || null,
    schema: type === "custom" ? null : parameters ?? null,
    isStrict: type === "function" && strict === true,
    isCustom: type === "custom",
    param,
  };
}

function choiceOf(
  { tool_choice: wanted }: ResponsesRequest,
  tools: readonly Tool[],
): ToolChoice | null {
  if (tools.length === 0 || !wanted) return null;
  if (typeof wanted === "string") return { mode: wanted, allowed: null };
  if (wanted.type === "allowed_tools") {
    const { mode, tools: allowed } = wanted;
    return {
      mode: mode === "required" || mode === "none" ? mode : "auto",
      allowed: (allowed ?? []).flatMap(({ name, namespace }) =>
        name ? flatToolName(namespace, name) : []
      ),
    };
  }
  const name = wanted.name && flatToolName(wanted.namespace, wanted.name);
  if (!name || !tools.some((tool) => tool.name === name)) {
    throw badRequest("tool_choice", `tool_choice names ${name ?? wanted.type}, not in tools`);
  }
  return { mode: "tool", name };
}

function formatOf({ text }: ResponsesRequest): AnswerFormat | null {
  const { type, name, description, schema, strict } = text?.format ?? {};
  switch (type) {
    case undefined:
    case "text":
      return null;
    case "json_object":
      return { type };
    case "json_schema":
      if (!schema) throw badRequest("text.format.schema", "text.format has no schema");
      return {
        type,
        name: name || "answer",
        description: description ?? null,
        schema,
        isStrict: strict === true,
      };
    default:
      throw unsupported(
        "text.format.type",
        `Answers are text, json_object or json_schema, not ${type}`,
      );
  }
}
