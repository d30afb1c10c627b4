/** The parts of Anthropic's Messages API that the adapter writes and reads. */

import type { CacheControl } from "../bridge/model_request.ts";
import type { RawJson } from "../raw_json.ts";

/** A content block of a request. Unknown members are kept. */
export type Block = { type: string; cache_control?: CacheControl } & Record<string, unknown>;

export interface Turn {
  role: "user" | "assistant";
  content: Block[];
}

export interface Tool {
  name: string;
  description?: string;
  input_schema: RawJson | Record<string, unknown>;
  strict?: boolean;
  cache_control?: CacheControl;
}

export type ToolChoice =
  | { type: "none" }
  | { type: "auto" | "any"; disable_parallel_tool_use?: boolean }
  | { type: "tool"; name: string; disable_parallel_tool_use?: boolean };

export type Thinking = { type: string; budget_tokens?: number | undefined; display?: string };

export interface ClaudeRequest {
  model: string;
  max_tokens: number;
  stream: true;
  system?: Block[];
  messages: Turn[];
  tools?: Tool[];
  tool_choice?: ToolChoice;
  thinking?: Thinking;
  output_config?: Record<string, unknown>;
  stop_sequences?: string[];
  temperature?: number;
  top_p?: number;
  top_k?: number;
  metadata?: { user_id: string };
  service_tier?: string;
  cache_control?: CacheControl;
}

/** Any count may be missing or null. */
export interface ClaudeUsage {
  input_tokens?: number | null;
  output_tokens?: number | null;
  cache_read_input_tokens?: number | null;
  cache_creation_input_tokens?: number | null;
  output_tokens_details?: { thinking_tokens?: number | null } | null;
}

/** A citation; web pages have a URL. */
export interface Citation {
  type?: string;
  url?: string;
  title?: string | null;
}

/** A stream event, discriminated by `type`; unknown types are ignored. */
export interface ClaudeEvent {
  type: string;
  index?: number;
  message?: { id?: string; usage?: ClaudeUsage | null };
  content_block?: { type: string; id?: string; name?: string; text?: string; input?: unknown };
  delta?: {
    type?: string;
    text?: string;
    thinking?: string;
    signature?: string;
    partial_json?: string;
    citation?: Citation | null;
    stop_reason?: string | null;
    stop_sequence?: string | null;
    stop_details?: { explanation?: string | null } | null;
  };
  usage?: ClaudeUsage | null;
  error?: { type?: string; message?: string } | null;
}
