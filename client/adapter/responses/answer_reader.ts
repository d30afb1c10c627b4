/** The events of /v1/responses → neutral events, one event at a time. */

import { type UpstreamErrorObject, UpstreamFailure } from "../adapter.ts";
import type { AnswerEvent, EndReason, TokenUsage } from "../bridge/answer_event.ts";
import { CONTEXT_OVERFLOW, isContextOverflow } from "../upstream/context_overflow.ts";
import { isObject, type Json } from "../json_object.ts";
import { itemEvents } from "../openai/response_events.ts";

/** A call whose item has begun and not ended. */
interface OpenCall {
  call: number;
  isCustom: boolean;
  hasDeltas: boolean;
}

export class ResponseAnswerReader {
  /** By output index. */
  readonly #calls = new Map<unknown, OpenCall>();
  #callCount = 0;
  #hasBegun = false;
  #hasRefused = false;
  /** Whether anything of the answer itself was read. */
  #hasContent = false;
  /** Characters of text so far, and before the open part: citations count from their part's start. */
  #textChars = 0;
  #partStart = 0;

  /** Returns the events of one event: none, one or several. Throws the UpstreamFailure that it reports. */
  read(event: Json): AnswerEvent[] {
    const events = this.#eventsOf(event);
    this.#hasContent ||= events.some(({ type }) => type !== "start");
    return events;
  }

  #eventsOf(event: Json): AnswerEvent[] {
    const { type, delta } = event;
    const text = typeof delta === "string" ? delta : "";
    switch (type) {
      case "response.created":
        return this.#begin(event.response);
      case "response.content_part.added":
        this.#partStart = this.#textChars;
        return [];
      case "response.output_text.delta":
        this.#textChars += text.length;
        return textEvent("text", text);
      case "response.output_text.annotation.added":
        return citationEvents(event.annotation, this.#partStart);
      case "response.refusal.delta":
        this.#hasRefused ||= text !== "";
        return textEvent("refusal", text);
      case "response.reasoning_text.delta":
      case "response.reasoning_summary_text.delta":
        return textEvent("reasoning", text);
      case "response.reasoning_summary_part.added":
        return event.summary_index === 0 ? [] : textEvent("reasoning", "\n\n");
      case "response.output_item.added":
        return this.#beginCall(event);
      case "response.function_call_arguments.delta":
        return this.#continueCall(event.output_index, text);
      case "response.output_item.done":
        return this.#endCall(event);
      case "response.completed":
      case "response.incomplete":
        return this.#end(event.response);
      case "response.failed":
        throw failureOf(event.response);
      default:
        return [];
    }
  }

  #begin(response: unknown): AnswerEvent[] {
    if (this.#hasBegun) return [];
    this.#hasBegun = true;
    const id = isObject(response) && typeof response.id === "string" ? response.id : null;
    return [{ type: "start", id }];
  }

  #beginCall({ item, output_index }: Json): AnswerEvent[] {
    if (!isObject(item)) return [];
    const isCustom = item.type === "custom_tool_call";
    if (!isCustom && item.type !== "function_call") return [];
    const open = { call: this.#callCount++, isCustom, hasDeltas: false };
    this.#calls.set(output_index, open);
    const [id, name] = [textIn(item.call_id), textIn(item.name)];
    return [{ type: "call", call: open.call, id, name, isCustom }];
  }

  #continueCall(index: unknown, text: string): AnswerEvent[] {
    const open = this.#calls.get(index);
    if (open === undefined || text === "") return [];
    open.hasDeltas = true;
    return [{ type: "arguments", call: open.call, text }];
  }

  /** A free-text tool's input is emitted whole, and so are arguments without deltas: callers parse them. */
  #endCall({ item, output_index }: Json): AnswerEvent[] {
    const open = this.#calls.get(output_index);
    if (open === undefined || open.hasDeltas || !isObject(item)) return [];
    const isCut = item.status === "incomplete";
    const text = open.isCustom ? textIn(item.input) : textIn(item.arguments) || (isCut ? "" : "{}");
    return text === "" ? [] : [{ type: "arguments", call: open.call, text }];
  }

  #end(response: unknown): AnswerEvent[] {
    const { usage, incomplete_details: details, output } = isObject(response)
      ? response
      : {} as Json;
    const cut = isObject(details) ? details.reason : null;
    return [
      ...(this.#hasContent ? [] : this.#whole(output)),
      ...(isObject(usage) ? [{ type: "usage" as const, usage: usageOf(usage) }] : []),
      { type: "end", reason: this.#reason(cut), stopSequence: null, explanation: null },
    ];
  }

  /** The output of a server that sends it with the last event only. */
  #whole(output: unknown): AnswerEvent[] {
    if (!Array.isArray(output)) return [];
    return output.filter(isObject).flatMap(itemEvents).flatMap((event) => this.read(event));
  }

  #reason(cut: unknown): EndReason {
    if (cut === "content_filter" || (this.#hasRefused && this.#callCount === 0)) return "refusal";
    if (cut !== null && cut !== undefined) return "length";
    return this.#callCount > 0 ? "calls" : "stop";
  }
}

function textEvent(type: "text" | "refusal" | "reasoning", text: string): AnswerEvent[] {
  return text === "" ? [] : [{ type, text }];
}

/** Only web pages have a URL. */
function citationEvents(annotation: unknown, partStart: number): AnswerEvent[] {
  if (!isObject(annotation) || annotation.type !== "url_citation") return [];
  const { url, title, start_index: start, end_index: end } = annotation;
  if (typeof url !== "string") return [];
  const citation = {
    url,
    title: textIn(title) || url,
    start: partStart + countOf(start),
    end: partStart + countOf(end),
  };
  return [{ type: "citation", citation }];
}

function usageOf(usage: Json): TokenUsage {
  const input = isObject(usage.input_tokens_details) ? usage.input_tokens_details : {};
  const output = isObject(usage.output_tokens_details) ? usage.output_tokens_details : null;
  return {
    promptTokens: countOf(usage.input_tokens),
    completionTokens: countOf(usage.output_tokens),
    cachedTokens: countOf(input.cached_tokens),
    cacheWriteTokens: countOf(input.cache_write_tokens),
    reasoningTokens: output === null ? null : countOf(output.reasoning_tokens),
  };
}

/** The failure that a failed response reports. */
function failureOf(response: unknown): UpstreamFailure {
  const error = isObject(response) && isObject(response.error) ? response.error : {};
  const code = textIn(error.code) || "server_error";
  const message = textIn(error.message) || "The provider failed in the middle of its answer";
  const isOverflow = isContextOverflow({ message, code });
  // A code that names the request's input is for the caller to fix.
  const isRequest = isOverflow ||
    /^(?:invalid|unsupported|empty|failed_to_download)_|_too_(?:large|small)$/.test(code);
  const shown: UpstreamErrorObject = {
    message,
    type: isRequest ? "invalid_request_error" : "server_error",
    param: null,
    code: isOverflow ? CONTEXT_OVERFLOW : code,
  };
  const status = code === "rate_limit_exceeded" ? 429 : isRequest ? 400 : 502;
  return new UpstreamFailure(status, message, { error: shown });
}

function textIn(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function countOf(count: unknown): number {
  return Number.isSafeInteger(count) && Number(count) > 0 ? Number(count) : 0;
}
