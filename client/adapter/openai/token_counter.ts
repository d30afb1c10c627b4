/** Counts a request's tokens at an OpenAI-compatible server: by its own tokenizer, else by an estimate. */

import type { ModelRequest } from "../bridge/model_request.ts";
import { estimateTokens } from "../bridge/token_estimate.ts";
import { quirksOf } from "../chat/quirks.ts";
import { chatBody } from "../chat/request_writer.ts";
import { isObject, type Json } from "../json_object.ts";
import { toJsonText } from "../raw_json.ts";
import { discard, readWhole } from "../sse/event_stream.ts";
import type { Upstream } from "../upstream/upstream.ts";

export interface TokenCount {
  tokens: number;
  isEstimate: boolean;
}

/** A list of token ids is long. */
const MAX_COUNT_BYTES = 32 * 1024 * 1024;

export class TokenCounter {
  /** Whether the server turned out to have no tokenizer. */
  #hasNone = false;

  constructor(private readonly upstream: Upstream) {}

  /** Looks for a tokenizer again at the next count. */
  forget(): void {
    this.#hasNone = false;
  }

  async count(request: ModelRequest, model: string, signal: AbortSignal): Promise<TokenCount> {
    const counted = this.#hasNone ? null : await this.#tokenize(request, model, signal);
    this.#hasNone = counted === null;
    return counted === null
      ? { tokens: await estimateTokens(request), isEstimate: true }
      : { tokens: counted, isEstimate: false };
  }

  /** vLLM counts messages; llama.cpp counts text, and renders messages as text. */
  async #tokenize(
    request: ModelRequest,
    model: string,
    signal: AbortSignal,
  ): Promise<number | null> {
    const { messages, tools } = chatBody(request, model, quirksOf(""), false);
    const chat = { model, messages, ...(tools ? { tools } : {}) };
    const answer = await this.#post("../tokenize", chat, signal);
    if (answer === null) return null;
    if (isCount(answer.count)) return answer.count;
    const rendered = await this.#post("../apply-template", chat, signal);
    if (typeof rendered?.prompt !== "string") return null;
    const { tokens } = await this.#post(
      "../tokenize",
      { content: rendered.prompt, add_special: true },
      signal,
    ) ?? {};
    return Array.isArray(tokens) && tokens.length > 0 ? tokens.length : null;
  }

  /** Posts to a path beside the API's version; null where that has no answer. */
  async #post(path: string, body: object, signal: AbortSignal): Promise<Json | null> {
    try {
      const text = toJsonText(body);
      const response = await this.upstream.post(path, text, { stream: false, signal });
      if (!response.ok) {
        discard(response);
        return null;
      }
      const value: unknown = JSON.parse(await readWhole(response, signal, MAX_COUNT_BYTES));
      return isObject(value) ? value : null;
    } catch {
      signal.throwIfAborted();
      return null;
    }
  }
}

function isCount(count: unknown): count is number {
  return Number.isSafeInteger(count) && Number(count) > 0;
}
