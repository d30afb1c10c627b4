/** The neutral request → the body of a call to /v1/responses. */

import { unsupported } from "../bad_request.ts";
import { nearestEffort } from "../bridge/effort.ts";
import type { AnswerFormat, ModelRequest, Part, Tool, Turn } from "../bridge/model_request.ts";
import { splitId } from "../chat/call_extra.ts";
import type { Quirks } from "../chat/quirks.ts";
import { tokenLimit } from "../chat/request_writer.ts";
import type { Json } from "../json_object.ts";
import { userId } from "../short_hash.ts";

/** Throws a 400 that names a field without an equivalent in /v1/responses. Serialise with `toJsonText`. */
export function responsesBody(
  request: ModelRequest,
  model: string,
  quirks: Quirks,
  stream: boolean,
): Json {
  const { temperature, topP, user, serviceTier } = request;
  if (request.stops.length > 0) {
    throw unsupported(request.stopsParam, "This model's provider takes no stop sequences");
  }
  const { instructions, turns } = promptOf(request, quirks);
  const effort = request.effort && nearestEffort(request.effort, quirks.efforts);
  const customIds = customIdsIn(turns);
  const input = turns.flatMap((turn) => itemsOf(turn, customIds));
  const limit = tokenLimit(request, input, quirks);
  const body: Json = {
    model,
    input,
    ...(instructions === "" ? {} : { instructions }),
    ...(stream ? { stream: true } : {}),
    store: false,
    ...(limit === null ? {} : { max_output_tokens: limit }),
    ...(temperature === null ? {} : { temperature }),
    ...(topP === null ? {} : { top_p: topP }),
    ...(effort === null ? {} : { reasoning: { effort, summary: "auto" } }),
    ...toolsOf(request),
    ...textOf(request, quirks),
    ...(user === null ? {} : { user: userId(user) }),
    ...(serviceTier === null ? {} : { service_tier: serviceTier }),
  };
  for (const field of quirks.omit) delete body[field];
  return body;
}

/** Where a system message may only come first, later ones are instructions, too. */
function promptOf(
  { system, turns }: ModelRequest,
  { systemFirst }: Quirks,
): { instructions: string; turns: readonly Turn[] } {
  const isMoved = ({ role }: Turn) => systemFirst && role === "system";
  const moved = turns.filter(isMoved).flatMap(({ parts }) => parts);
  const texts = [...system, ...moved].map((part) => part.type === "text" ? part.text : "");
  return {
    instructions: texts.filter((text) => text !== "").join("\n\n"),
    turns: turns.filter((turn) => !isMoved(turn)),
  };
}

/** The calls of free-text tools: their results are items of another type. */
function customIdsIn(turns: readonly Turn[]): ReadonlySet<string> {
  const calls = turns.flatMap(({ parts }) => parts).filter((part) => part.type === "call");
  return new Set(calls.filter(({ isCustom }) => isCustom).map(({ id }) => id));
}

function itemsOf({ role, parts }: Turn, customIds: ReadonlySet<string>): Json[] {
  const items: Json[] = [];
  let content: Json[] = [];
  const flush = () => {
    if (content.length > 0) items.push({ type: "message", role, content });
    content = [];
  };
  for (const part of parts) {
    if (part.type === "call" || part.type === "result") {
      flush();
      items.push(part.type === "call" ? callItem(part) : resultItem(part, customIds));
    } else {
      content.push(...contentOf(part, role === "assistant" ? "output_text" : "input_text"));
    }
  }
  flush();
  return items;
}

function callItem({ id, name, argumentsText, isCustom }: Extract<Part, { type: "call" }>): Json {
  const { id: call_id } = splitId(id);
  return isCustom
    ? { type: "custom_tool_call", call_id, name, input: argumentsText }
    : { type: "function_call", call_id, name, arguments: argumentsText };
}

function resultItem(
  { callId, parts, isError }: Extract<Part, { type: "result" }>,
  customIds: ReadonlySet<string>,
): Json {
  const content = parts.flatMap((part) => contentOf(part, "input_text"));
  const isText = content.every(({ type }) => type === "input_text");
  const text = content.map((part) => part.text).join("\n");
  const error = isError ? [{ type: "input_text", text: "Error:" }] : [];
  return {
    type: customIds.has(callId) ? "custom_tool_call_output" : "function_call_output",
    call_id: splitId(callId).id,
    output: isText ? (isError ? `Error: ${text}` : text) : [...error, ...content],
  };
}

function contentOf(part: Part, textType: string): Json[] {
  switch (part.type) {
    case "text":
      return part.text === "" ? [] : [{ type: textType, text: part.text }];
    case "refusal":
      return [{ type: "refusal", refusal: part.text }];
    case "image":
      return [{ type: "input_image", image_url: part.url, detail: part.detail ?? "auto" }];
    case "file":
      return [{ type: "input_file", filename: part.name ?? "file", file_data: part.data }];
    case "audio":
      throw unsupported(part.param, "This model's provider takes no audio");
    default:
      // Past reasoning is sealed by another provider.
      return [];
  }
}

function toolsOf({ tools, toolChoice: choice, parallelCalls }: ModelRequest): Json {
  const allowed = choice?.mode === "tool" ? null : choice?.allowed ?? null;
  const offered = allowed === null ? tools : tools.filter(({ name }) => allowed.includes(name));
  if (offered.length === 0) return {};
  return {
    tools: offered.map(toolOf),
    ...(choice === null ? {} : {
      tool_choice: choice.mode === "tool"
        ? { type: typeOf(offered, choice.name), name: choice.name }
        : choice.mode,
    }),
    ...(parallelCalls === null ? {} : { parallel_tool_calls: parallelCalls }),
  };
}

function typeOf(tools: readonly Tool[], name: string): string {
  return tools.find((tool) => tool.name === name)?.isCustom ? "custom" : "function";
}

function toolOf({ name, description, schema, isStrict, isCustom }: Tool): Json {
  const described = description === null ? {} : { description };
  return isCustom
    ? { type: "custom", name, ...described }
    : { type: "function", name, ...described, parameters: schema, strict: isStrict };
}

function textOf({ format, verbosity }: ModelRequest, { omit }: Quirks): Json {
  const text = {
    ...(format === null ? {} : { format: formatOf(format) }),
    ...(verbosity === null || omit.includes("verbosity") ? {} : { verbosity }),
  };
  return Object.keys(text).length > 0 ? { text } : {};
}

function formatOf(format: AnswerFormat): Json {
  if (format.type === "json_object") return { type: "json_object" };
  const { type, name, description, schema, isStrict } = format;
  return {
    type,
    name,
    ...(description === null ? {} : { description }),
    schema,
    strict: isStrict,
  };
}
