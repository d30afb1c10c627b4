/**
 * A generation request in no dialect: what every dialect's reader produces and every dialect's writer
 * takes. `param` names the field of the caller's body, for errors.
 */

import type { RawJson } from "../raw_json.ts";

export interface ModelRequest {
  /** The leading instructions. */
  system: TextPart[];
  turns: Turn[];
  tools: Tool[];
  toolChoice: ToolChoice | null;
  /** Whether the model may call several tools at once; null: the provider's default. */
  parallelCalls: boolean | null;
  maxTokens: number | null;
  temperature: number | null;
  topP: number | null;
  topK: number | null;
  stops: string[];
  /** The field of the caller's body that holds them. */
  stopsParam: string;
  effort: Effort | null;
  format: AnswerFormat | null;
  user: string | null;
  serviceTier: string | null;
  verbosity: string | null;
  /** Fields in Claude's own words, from a caller of another dialect. */
  claude: ClaudeFields;
  /** Whether the caller wants the usage chunk of a chat stream. */
  includeUsage: boolean;
  /** Whether the caller understands signed thinking. */
  wantsThinking: boolean;
}

export type Effort = "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max";

export interface ClaudeFields {
  thinking?: { type: string; budget_tokens?: number | undefined };
  output_config?: Record<string, unknown>;
  cache_control?: CacheControl;
}

/** One message. Neighbours may have the same role; writers merge them where a dialect requires it. */
export interface Turn {
  role: "system" | "user" | "assistant";
  parts: Part[];
}

export type Part =
  | TextPart
  | RefusalPart
  | ImagePart
  | FilePart
  | AudioPart
  | CallPart
  | ResultPart
  | ThinkingPart;

/** A mark that the prompt up to here is worth caching. */
export interface CacheControl {
  type: "ephemeral";
  ttl?: string | undefined;
}

interface Placed {
  param: string;
  cache?: CacheControl | undefined;
}

export interface TextPart extends Placed {
  type: "text";
  text: string;
}

interface RefusalPart extends Placed {
  type: "refusal";
  text: string;
}

export interface ImagePart extends Placed {
  type: "image";
  /** A `data:` or `https:` URL. */
  url: string;
  detail?: string | undefined;
}

interface FilePart extends Placed {
  type: "file";
  /** A `data:` URL. */
  data: string;
  name: string | null;
}

interface AudioPart extends Placed {
  type: "audio";
}

export interface CallPart extends Placed {
  type: "call";
  id: string;
  name: string;
  /** JSON text; free text for a custom tool. */
  argumentsText: string;
  isCustom: boolean;
}

export interface ResultPart extends Placed {
  type: "result";
  callId: string;
  parts: Part[];
  isError: boolean;
}

export interface ThinkingPart {
  type: "thinking";
  text: string;
  /** The provider's block as it must be sent back; null: unsigned. */
  signed: Record<string, unknown> | null;
}

export interface Tool extends Placed {
  name: string;
  description: string | null;
  /** JSON Schema of the arguments; null: none given, or a custom tool. */
  schema: RawJson | null;
  isStrict: boolean;
  /** Whether the input is free text. */
  isCustom: boolean;
  /** How the caller names the tool if it is one of a namespace, which only /v1/responses has. */
  member?: { namespace: string; name: string } | undefined;
}

export type ToolChoice =
  | { mode: "none" | "auto" | "required"; allowed: string[] | null }
  | { mode: "tool"; name: string };

export type AnswerFormat =
  | { type: "json_object" }
  | {
    type: "json_schema";
    name: string;
    description: string | null;
    schema: RawJson | null;
    isStrict: boolean;
  };

/** A request with every field at its default. */
export function emptyRequest(): ModelRequest {
  return {
    system: [],
    turns: [],
    tools: [],
    toolChoice: null,
    parallelCalls: null,
    maxTokens: null,
    temperature: null,
    topP: null,
    topK: null,
    stops: [],
    stopsParam: "stop",
    effort: null,
    format: null,
    user: null,
    serviceTier: null,
    verbosity: null,
    claude: {},
    includeUsage: false,
    wantsThinking: false,
  };
}

/** The turns with neighbours of one role merged. */
export function mergedTurns(turns: readonly Turn[]): Turn[] {
  const merged: Turn[] = [];
  for (const { role, parts } of turns) {
    const last = merged.at(-1);
    if (last?.role === role) last.parts.push(...parts);
    else merged.push({ role, parts: [...parts] });
  }
  return merged;
}
