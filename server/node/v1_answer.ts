/** Reads a v1 node's chunks: makes server-sent events of them and keeps the tally in passing. */

import { askForUsage, withoutUsage } from "../../protocol/mod.ts";
import type { Order, Tally } from "./attempt.ts";

interface Usage {
  prompt_tokens?: unknown;
  completion_tokens?: unknown;
}

interface Chunk {
  usage?: Usage | null;
  choices?: unknown;
}

/** What a chunk may carry that a model made of a token: text, thoughts, a refusal, a tool's arguments. */
interface Delta {
  content?: unknown;
  reasoning?: unknown;
  reasoning_content?: unknown;
  refusal?: unknown;
  tool_calls?: unknown;
}

export class V1Answer {
  #promptTokens: number | null = null;
  #completionTokens: number | null = null;
  #chunks = 0;
  #contentChunks = 0;

  constructor(readonly order: Order) {}

  /**
   * Takes one STREAM's chunk, as value and as text, and returns what the caller gets of it: an
   * event when the call streams, the JSON itself otherwise, nothing where it was the gateway's own
   * question about usage that was answered.
   */
  take(value: unknown, text: string): string {
    const chunk = value as Chunk;
    this.#chunks++;
    this.#readUsage(chunk.usage);
    if (carriesTokens(chunk.choices)) this.#contentChunks++;
    if (!this.order.stream) return text;
    if (this.order.wantsUsage) return event(text);
    const shown = withoutUsage(text, chunk);
    return shown === "" ? "" : event(shown);
  }

  tally(): Tally {
    // A streaming upstream sends about one token a chunk; a whole answer says nothing about its tokens.
    const isGuess = this.#completionTokens === null && this.order.stream && this.#contentChunks > 0;
    return {
      promptTokens: this.#promptTokens,
      completionTokens: isGuess ? this.#contentChunks : this.#completionTokens,
      estimated: isGuess,
      chunks: this.#chunks,
    };
  }

  #readUsage(usage: Usage | null | undefined): void {
    if (typeof usage !== "object" || usage === null) return;
    this.#promptTokens = tokenCount(usage.prompt_tokens) ?? this.#promptTokens;
    this.#completionTokens = tokenCount(usage.completion_tokens) ?? this.#completionTokens;
  }
}

/** The body that a v1 node gets: the caller's, asking for usage where the caller did not. */
export function payloadFor({ stream, wantsUsage, body, streamOptions }: Order): string {
  return stream && !wantsUsage ? askForUsage(body.text, streamOptions) : body.text;
}

/** Opening and closing chunks (a role, a finish reason) are not tokens. */
function carriesTokens(choices: unknown): boolean {
  if (!Array.isArray(choices)) return false;
  return choices.some((choice: { delta?: Delta | null; text?: unknown } | null) => {
    if (choice?.text) return true;
    const delta = choice?.delta;
    return Boolean(
      delta?.content || delta?.reasoning || delta?.reasoning_content || delta?.refusal ||
        delta?.tool_calls,
    );
  });
}

/** JSON may hold line breaks between its tokens, where an event must not. */
function event(text: string): string {
  const oneLine = /[\r\n]/.test(text) ? JSON.stringify(JSON.parse(text)) : text;
  return `data: ${oneLine}\n\n`;
}

function tokenCount(value: unknown): number | null {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? value as number : null;
}
