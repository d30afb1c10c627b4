/** The neutral request → the body of a call to /v1/responses. */

import { unsupported } from "../bad_request.ts";
import type { AnswerFormat, ModelRequest, Part, Tool, Turn } from "../bridge/model_request.ts";
import type { Json } from "../json_object.ts";

/** Throws a 400 that names a field without an equivalent in /v1/responses. Serialise with `toJsonText`. */
export function responsesBody(request: ModelRequest, model: string, stream: boolean): Json {
  const { system, temperature, topP, maxTokens, effort, user, serviceTier } = request;
  if (request.stops.length > 0) {
    throw unsupported(request.stopsParam, "This model's provider takes no stop sequences");
  }
  const instructions = system.map(({ text }) => text).join("\n\n");
  return {
    model,
    input: request.turns.flatMap(itemsOf),
    ...(instructions === "" ? {} : { instructions }),
    ...(stream ? { stream: true } : {}),
    store: false,
    ...(maxTokens === null ? {} : { max_output_tokens: maxTokens }),
    ...(temperature === null ? {} : { temperature }),
    ...(topP === null ? {} : { top_p: topP }),
    ...(effort === null ? {} : { reasoning: { effort, summary: "auto" } }),
    ...toolsOf(request),
    ...textOf(request),
    ...(user === null ? {} : { user }),
    ...(serviceTier === null ? {} : { service_tier: serviceTier }),
  };
}

function itemsOf({ role, parts }: Turn): Json[] {
  const items: Json[] = [];
  let content: Json[] = [];
  const flush = () => {
    if (content.length > 0) items.push({ type: "message", role, content });
    content = [];
  };
  for (const part of parts) {
    if (part.type === "call" || part.type === "result") {
      flush();
      items.push(part.type === "call" ? callItem(part) : resultItem(part));
    } else {
      content.push(...contentOf(part, role === "assistant" ? "output_text" : "input_text"));
    }
  }
  flush();
  return items;
}

function callItem({ id, name, argumentsText, isCustom }: Extract<Part, { type: "call" }>): Json {
  return isCustom
    ? { type: "custom_tool_call", call_id: id, name, input: argumentsText }
    : { type: "function_call", call_id: id, name, arguments: argumentsText };
}

function resultItem({ callId, parts, isError }: Extract<Part, { type: "result" }>): Json {
  const content = parts.flatMap((part) => contentOf(part, "input_text"));
  const isText = content.every(({ type }) => type === "input_text");
  const text = content.map((part) => part.text).join("\n");
  const output = isText ? (isError ? `Error: ${text}` : text) : content;
  return { type: "function_call_output", call_id: callId, output };
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

function textOf({ format, verbosity }: ModelRequest): Json {
  const text = {
    ...(format === null ? {} : { format: formatOf(format) }),
    ...(verbosity === null ? {} : { verbosity }),
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
