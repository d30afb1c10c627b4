/**
 * The chunks of a chat completion, or one whole completion → neutral events. Expects what the relay
 * has repaired: tool calls numbered, content as text, reasoning as `reasoning_content`.
 */

import { UpstreamFailure } from "../adapter.ts";
import type { AnswerEvent, EndReason, TokenUsage } from "../bridge/answer_event.ts";
import { freeText } from "../bridge/custom_tool.ts";
import { idWithExtra } from "./call_extra.ts";

export interface ReaderOptions {
  /** The stop sequences that the caller requested. */
  stops: readonly string[];
  /** Free-text tools, whose input must be unwrapped. */
  customNames: ReadonlySet<string>;
}

/** The members of a chunk that are read; providers omit or null any of them. */
export interface ChatChunk {
  id?: string | number | null;
  choices?: (ChatChoice & { index?: number | null; delta?: ChatMessage | null })[] | null;
  usage?: ChatUsage | null;
}

/** The members of a whole completion that are read. */
export interface ChatCompletion {
  id?: string | number | null;
  choices?: (ChatChoice & { message?: ChatMessage | null })[] | null;
  usage?: ChatUsage | null;
}

interface ChatChoice {
  finish_reason?: string | null;
  /** Sent by vLLM: the stop sequence that ended the answer. */
  stop_reason?: unknown;
  /** Sent by Moonshot. */
  usage?: ChatUsage | null;
}

interface ChatMessage {
  content?: string | null;
  refusal?: string | null;
  reasoning_content?: string | null;
  /** The name of some servers; the relay copies it. */
  reasoning?: string | null;
  tool_calls?: ChatCall[] | null;
  annotations?: (Annotation | null)[] | null;
}

interface ChatCall {
  index?: number | null;
  id?: string | null;
  function?: { name?: string | null; arguments?: string | null } | null;
  /** Sent by Gemini: must come back with the call. */
  extra_content?: unknown;
}

/** A web page that the text refers to. */
interface Annotation {
  url_citation?: {
    url?: string | null;
    title?: string | null;
    start_index?: number | null;
    end_index?: number | null;
  } | null;
}

interface ChatUsage {
  prompt_tokens?: number | null;
  completion_tokens?: number | null;
  prompt_tokens_details?: {
    cached_tokens?: number | null;
    cache_write_tokens?: number | null;
  } | null;
  completion_tokens_details?: { reasoning_tokens?: number | null } | null;
}

const endReasons: ReadonlyMap<string, EndReason> = new Map([
  ["stop", "stop"],
  ["eos", "stop"],
  ["eos_token", "stop"],
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["tool_calls", "calls"],
  ["tool_use", "calls"],
  ["function_call", "calls"],
  ["content_filter", "refusal"],
  ["safety", "refusal"],
]);

/** A call whose id and name are not both known, or that has begun. */
interface OpenCall {
  /** Null: not begun. */
  call: number | null;
  id: string;
  name: string;
  extra: unknown;
  /** Arguments held back: before the call begins, and all of a free-text tool's. */
  held: string;
  hasArguments: boolean;
}

export class ChatAnswerReader {
  readonly #calls = new Map<number, OpenCall>();
  #callCount = 0;
  #hasBegun = false;
  #end: ChatChoice = {};
  #hasRefused = false;
  #usage: ChatUsage | null = null;
  /** Whether the server's own name for reasoning is `reasoning`. */
  saysReasoning = false;

  constructor(private readonly options: ReaderOptions) {}

  /** The events of one chunk. */
  read({ id, choices, usage }: ChatChunk): AnswerEvent[] {
    // Only the first choice counts: no other dialect has `n`.
    const choice = choices?.find(({ index }) => (index ?? 0) === 0);
    this.#usage = usage ?? choice?.usage ?? this.#usage;
    if (choice?.finish_reason) this.#end = choice;
    const start: AnswerEvent[] = this.#hasBegun ? [] : [{
      type: "start",
      // A few servers number their answers.
      id: typeof id === "string" && id !== "" ? id : null,
    }];
    this.#hasBegun = true;
    return [...start, ...this.#message(choice?.delta ?? {})];
  }

  /** The events of a whole completion. Throws an UpstreamFailure for anything else. */
  readWhole({ id, choices, usage }: ChatCompletion): AnswerEvent[] {
    const [choice] = choices ?? [];
    if (!choice?.message) {
      throw new UpstreamFailure(502, "The provider sent something that is not a chat completion");
    }
    const { message, ...rest } = choice;
    const calls = message.tool_calls?.map((call, index) => ({ ...call, index }));
    const delta = { ...message, ...(calls ? { tool_calls: calls } : {}) };
    return [
      ...this.read({
        id: id ?? null,
        choices: [{ ...rest, index: 0, delta }],
        usage: usage ?? null,
      }),
      ...this.end(),
    ];
  }

  /** The events that end a complete answer. */
  end(): AnswerEvent[] {
    const left = [...this.#calls.values()].flatMap((call) => this.#endCall(call));
    const { stop_reason: matched } = this.#end;
    const isStop = typeof matched === "string" && this.options.stops.includes(matched);
    return [
      ...left,
      ...(this.#usage === null ? [] : [{ type: "usage" as const, usage: usageOf(this.#usage) }]),
      {
        type: "end",
        reason: this.#endReason(),
        stopSequence: isStop ? matched : null,
        explanation: null,
      },
    ];
  }

  #message(message: ChatMessage): AnswerEvent[] {
    const { reasoning_content: reasoning, content, refusal, tool_calls: calls } = message;
    const annotations = Array.isArray(message.annotations) ? message.annotations : [];
    this.#hasRefused ||= Boolean(refusal);
    this.saysReasoning ||= Boolean(message.reasoning);
    return [
      ...(reasoning ? [{ type: "reasoning" as const, text: reasoning }] : []),
      ...(content ? [{ type: "text" as const, text: content }] : []),
      ...(refusal ? [{ type: "refusal" as const, text: refusal }] : []),
      ...(calls ?? []).flatMap((call, i) => this.#call(call, call.index ?? i)),
      ...annotations.flatMap(citationEvents),
    ];
  }

  #call({ id, function: called, extra_content }: ChatCall, index: number): AnswerEvent[] {
    const left = this.#releaseBefore(index);
    const known = this.#calls.get(index);
    const open = known ??
      { call: null, id: "", name: "", extra: null, held: "", hasArguments: false };
    this.#calls.set(index, open);
    open.id ||= id ?? "";
    open.name ||= called?.name ?? "";
    open.extra ??= extra_content;
    open.held += called?.arguments ?? "";
    // A server that sends no id with the second delta sends none at all.
    const isKnown = open.name !== "" && (open.id !== "" || known !== undefined);
    return isKnown ? [...left, ...this.#release(open)] : left;
  }

  /** A call that waits for its id begins before a later one does. */
  #releaseBefore(index: number): AnswerEvent[] {
    if (this.#calls.has(index)) return [];
    return [...this.#calls.values()].flatMap((open) =>
      open.call === null && open.name !== "" ? this.#release(open) : []
    );
  }

  /** Begins the call if it has not begun, and emits the arguments held back. */
  #release(open: OpenCall): AnswerEvent[] {
    const events: AnswerEvent[] = [];
    const isCustom = this.options.customNames.has(open.name);
    if (open.call === null) {
      open.call = this.#callCount++;
      const id = idWithExtra(open.id, open.extra);
      events.push({ type: "call", call: open.call, id, name: open.name, isCustom });
    }
    if (isCustom || open.held === "") return events;
    events.push({ type: "arguments", call: open.call, text: open.held });
    open.held = "";
    open.hasArguments = true;
    return events;
  }

  #endCall(open: OpenCall): AnswerEvent[] {
    if (open.name === "") {
      if (open.id === "" && open.held.trim() === "") return [];
      throw new UpstreamFailure(502, "The provider sent a tool call without a name");
    }
    const events = this.#release(open);
    const isCustom = this.options.customNames.has(open.name);
    // Callers parse the arguments of a call that needs none, too.
    const left = isCustom ? freeText(open.held) : open.hasArguments || this.#isCut() ? "" : "{}";
    if (left === "") return events;
    return [...events, { type: "arguments", call: open.call!, text: left }];
  }

  #isCut(): boolean {
    return this.#endReason() === "length";
  }

  /** Servers send "stop" after calls, and "tool_calls" without any: the calls decide. */
  #endReason(): EndReason {
    const { finish_reason: reason } = this.#end;
    const mapped = endReasons.get(reason?.toLowerCase() ?? "stop") ?? "length";
    if (this.#hasRefused || mapped === "refusal") return "refusal";
    if (mapped === "length") return "length";
    return this.#callCount > 0 ? "calls" : "stop";
  }
}

/** Only web pages have a URL. */
function citationEvents(annotation: Annotation | null): AnswerEvent[] {
  const { url, title, start_index, end_index } = annotation?.url_citation ?? {};
  if (typeof url !== "string") return [];
  const [start, end] = [countOf(start_index), countOf(end_index)];
  return [{ type: "citation", citation: { url, title: title || url, start, end } }];
}

function usageOf(usage: ChatUsage): TokenUsage {
  const { prompt_tokens_details: prompt, completion_tokens_details: completion } = usage;
  return {
    promptTokens: countOf(usage.prompt_tokens),
    completionTokens: countOf(usage.completion_tokens),
    cachedTokens: countOf(prompt?.cached_tokens),
    cacheWriteTokens: countOf(prompt?.cache_write_tokens),
    reasoningTokens: completion ? countOf(completion.reasoning_tokens) : null,
  };
}

function countOf(count: unknown): number {
  return Number.isSafeInteger(count) && Number(count) > 0 ? Number(count) : 0;
}
