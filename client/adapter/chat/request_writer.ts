/** The neutral request → the body of a chat completion. */

import { unsupported } from "../bad_request.ts";
import {
  type AnswerFormat,
  type CallPart,
  type Effort,
  mergedTurns,
  type ModelRequest,
  type Part,
  type ResultPart,
  type Tool,
} from "../bridge/model_request.ts";
import { nearestEffort } from "../bridge/effort.ts";
import type { Json } from "../json_object.ts";
import { RawJson } from "../raw_json.ts";
import { shortHash, userId } from "../short_hash.ts";
import { splitId } from "./call_extra.ts";
import type { Quirks } from "./quirks.ts";

/** Schemas are RawJson: serialise with `toJsonText`. */
export interface ChatBody extends Json {
  messages: Json[];
}

/** Throws a 400 that names a field without an equivalent in chat completions. */
export function chatBody(
  request: ModelRequest,
  model: string,
  quirks: Quirks,
  stream: boolean,
): ChatBody {
  const { temperature, topP, topK, user, serviceTier, verbosity } = request;
  const stops = request.stops.slice(0, quirks.maxStops ?? undefined);
  const messages = messagesOf(request, quirks);
  const limit = tokenLimit(request, messages, quirks);
  const body: ChatBody = {
    model,
    messages,
    ...(limit === null ? {} : { [quirks.limitName]: limit }),
    ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
    ...(stops.length > 0 ? { stop: stops } : {}),
    ...(temperature === null ? {} : { temperature }),
    ...(topP === null ? {} : { top_p: topP }),
    ...(topK === null ? {} : { top_k: topK }),
    ...toolsOf(request),
    ...effortOf(request.effort, quirks),
    ...formatOf(request.format),
    ...(user === null ? {} : { user: userId(user) }),
    ...(serviceTier === null ? {} : { service_tier: serviceTier }),
    ...(verbosity === null ? {} : { verbosity }),
  };
  for (const field of quirks.omit) delete body[field];
  return body;
}

/** A token has this many characters of JSON, on average over English prompts. */
const CHARS_PER_TOKEN = 4;

/** Left to an answer where the prompt's length is only an estimate. */
const LEAST_ROOM_TOKENS = 1024;

/**
 * The most tokens of the answer: the requested limit, within what the context leaves after the prompt
 * where its length is known; null: none was requested. The estimate of the prompt is rather too low: a
 * server that rejects the limit then says how long the prompt is, whereas too low a limit would cut the
 * answer off.
 */
export function tokenLimit(
  { maxTokens }: ModelRequest,
  prompt: Json[],
  { contextLength, fitsContext, promptTokens }: Quirks,
): number | null {
  if (maxTokens === null || contextLength === null || !fitsContext) return maxTokens;
  const room = promptTokens === null
    ? Math.max(contextLength - estimatedTokens(prompt), LEAST_ROOM_TOKENS)
    : Math.max(contextLength - promptTokens, 1);
  return Math.min(maxTokens, room);
}

function estimatedTokens(prompt: Json[]): number {
  return Math.ceil(JSON.stringify(prompt).length / CHARS_PER_TOKEN);
}

function messagesOf({ system, turns }: ModelRequest, quirks: Quirks): Json[] {
  const first = system.map(({ text }) => text);
  const messages: Json[] = [];
  // Many servers reject neighbours of one role.
  for (const { role, parts } of mergedTurns(turns)) {
    if (role === "system") {
      const text = parts.map((part) => part.type === "text" ? part.text : "").join("\n\n");
      if (quirks.systemFirst) first.push(text);
      else messages.push(...systemMessage(text));
    } else if (role === "user") {
      messages.push(...userMessages(parts, quirks));
    } else {
      messages.push(...assistantMessage(parts, quirks));
    }
  }
  return [...systemMessage(first.filter((text) => text !== "").join("\n\n")), ...messages];
}

function systemMessage(content: string): Json[] {
  return content === "" ? [] : [{ role: "system", content }];
}

/** Every tool result is its own message, before the rest of the user's turn. */
function userMessages(parts: readonly Part[], quirks: Quirks): Json[] {
  const results: Json[] = [];
  const attached: Json[] = [];
  const own: Json[] = [];
  for (const part of parts) {
    if (part.type !== "result") {
      own.push(...contentParts(part));
      continue;
    }
    const { message, attachments } = toolMessage(part, quirks);
    results.push(message);
    attached.push(...attachments);
  }
  const content = [...attached, ...own];
  return content.length === 0
    ? results
    : [...results, { role: "user", content: contentOf(content) }];
}

/** A plain string if possible, which every server accepts. */
function contentOf(parts: Json[]): unknown {
  const [first] = parts;
  return parts.length === 1 && first?.type === "text" ? first.text : parts;
}

/** A tool result as text, the only form in this dialect. Images and files become the user's. */
function toolMessage({ callId, parts, isError }: ResultPart, quirks: Quirks): {
  message: Json;
  attachments: Json[];
} {
  const id = idFor(splitId(callId).id, quirks);
  const all = parts.flatMap(contentParts);
  const texts = all.filter(({ type }) => type === "text").map(({ text }) => String(text));
  const attachments = all.filter(({ type }) => type !== "text");
  if (attachments.length > 0) {
    texts.push("(What this tool showed follows in the next message.)");
    attachments.unshift({ type: "text", text: `Shown by the tool call ${id}:` });
  }
  const text = texts.join("\n");
  return {
    message: { role: "tool", tool_call_id: id, content: isError ? `Error: ${text}` : text },
    attachments,
  };
}

function contentParts(part: Part): Json[] {
  switch (part.type) {
    case "text":
    case "refusal":
      return part.text === "" ? [] : [{ type: "text", text: part.text }];
    case "image": {
      const detail = part.detail === undefined ? {} : { detail: part.detail };
      return [{ type: "image_url", image_url: { url: part.url, ...detail } }];
    }
    case "file":
      return [{ type: "file", file: { filename: part.name ?? "file", file_data: part.data } }];
    case "audio":
      throw unsupported(part.param, "This model's provider takes no audio here");
    default:
      return [];
  }
}

function assistantMessage(parts: readonly Part[], quirks: Quirks): Json[] {
  const { reasoningField } = quirks;
  const content = parts.map((part) =>
    part.type === "text" || part.type === "refusal" ? part.text : ""
  ).join("");
  const calls = parts.filter((part) => part.type === "call").map((call) => toolCall(call, quirks));
  const reasoning = parts.flatMap((part) => part.type === "thinking" ? part.text : []).join("\n");
  if (content === "" && calls.length === 0) return [];
  return [{
    role: "assistant",
    content: content === "" ? null : content,
    ...(reasoning === "" || reasoningField === null ? {} : { [reasoningField]: reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  }];
}

function toolCall(
  { id: given, name, argumentsText, isCustom }: CallPart,
  quirks: Quirks,
): Json {
  const { id, extra } = splitId(given);
  const text = isCustom ? JSON.stringify({ input: argumentsText }) : argumentsText;
  return {
    id: idFor(id, quirks),
    type: "function",
    function: { name, arguments: text },
    ...(extra === undefined ? {} : { extra_content: extra }),
  };
}

/** The call's id, in the form that the provider accepts. */
function idFor(id: string, { callIdChars: chars }: Quirks): string {
  const fits = chars === null || (id.length === chars && /^[a-zA-Z0-9]+$/.test(id));
  return fits ? id : shortHash(id).slice(-chars);
}

const noParameters = new RawJson('{"type":"object","properties":{}}');
/** A free-text tool takes an object with its text. */
const freeText = new RawJson(
  '{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}',
);

function toolsOf({ tools, toolChoice: choice, parallelCalls }: ModelRequest): Json {
  const allowed = choice?.mode === "tool" ? null : choice?.allowed ?? null;
  const offered = allowed === null ? tools : tools.filter(({ name }) => allowed.includes(name));
  if (offered.length === 0) return {};
  return {
    tools: offered.map(functionTool),
    ...(choice === null ? {} : {
      tool_choice: choice.mode === "tool"
        ? { type: "function", function: { name: choice.name } }
        : choice.mode,
    }),
    ...(parallelCalls === false ? { parallel_tool_calls: false } : {}),
  };
}

function functionTool({ name, description, schema, isStrict, isCustom }: Tool): Json {
  return {
    type: "function",
    function: {
      name,
      ...(description === null ? {} : { description }),
      parameters: isCustom ? freeText : schema ?? noParameters,
      ...(isStrict ? { strict: true } : {}),
    },
  };
}

function effortOf(effort: Effort | null, { efforts }: Quirks): Json {
  const nearest = effort === null ? null : nearestEffort(effort, efforts);
  return nearest === null ? {} : { reasoning_effort: nearest };
}

function formatOf(format: AnswerFormat | null): Json {
  if (format === null) return {};
  if (format.type === "json_object") return { response_format: { type: "json_object" } };
  const { type, name, description, schema, isStrict } = format;
  return {
    response_format: {
      type,
      json_schema: {
        name,
        ...(description === null ? {} : { description }),
        ...(schema === null ? {} : { schema }),
        ...(isStrict ? { strict: true } : {}),
      },
    },
  };
}
