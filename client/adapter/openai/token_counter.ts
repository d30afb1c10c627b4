/** Counts a request's tokens at an OpenAI-compatible server: by its own tokenizer, else by an estimate. */

import type { ModelRequest } from "../bridge/model_request.ts";
import { estimateTokens } from "../bridge/token_estimate.ts";
import { usualQuirks } from "../chat/quirks.ts";
import { chatBody } from "../chat/request_writer.ts";
import { toJsonText } from "../raw_json.ts";
import type { NativeApi } from "../servers/native_api.ts";

export interface TokenCount {
  tokens: number;
  isEstimate: boolean;
}

/** Callers count before each turn: an estimate now is better than an exact count late. */
const COUNT_WITHIN_MS = 5_000;

/** A list of token ids is long. */
const MAX_COUNT_BYTES = 32 * 1024 * 1024;

export class TokenCounter {
  /** Whether the server turned out to have no tokenizer. */
  #hasNone = false;

  constructor(private readonly api: NativeApi, private readonly withinMs = COUNT_WITHIN_MS) {}

  /** Looks for a tokenizer again at the next count. */
  forget(): void {
    this.#hasNone = false;
  }

  async count(request: ModelRequest, model: string, signal: AbortSignal): Promise<TokenCount> {
    const withinTime = AbortSignal.any([signal, AbortSignal.timeout(this.withinMs)]);
    const counted = this.#hasNone ? null : await this.#tokenize(request, model, withinTime);
    signal.throwIfAborted();
    this.#hasNone = counted === null;
    return counted === null
      ? { tokens: await estimateTokens(request, signal), isEstimate: true }
      : { tokens: counted, isEstimate: false };
  }

  /** vLLM counts messages; llama.cpp counts text, and renders messages as text. */
  async #tokenize(
    request: ModelRequest,
    model: string,
    signal: AbortSignal,
  ): Promise<number | null> {
    const { messages, tools } = chatBody(request, model, usualQuirks, false);
    const chat = { model, messages, ...(tools ? { tools } : {}) };
    const post = (path: string, body: object) =>
      this.api.post(path, toJsonText(body), signal, MAX_COUNT_BYTES);
    const answer = await post("tokenize", chat);
    if (answer === null) return null;
    if (isCount(answer.count)) return answer.count;
    const rendered = await post("apply-template", chat);
    if (typeof rendered?.prompt !== "string") return null;
    const text = { content: rendered.prompt, add_special: true };
    const { tokens } = await post("tokenize", text) ?? {};
    return Array.isArray(tokens) && tokens.length > 0 ? tokens.length : null;
  }
}

function isCount(count: unknown): count is number {
  return Number.isSafeInteger(count) && Number(count) > 0;
}
