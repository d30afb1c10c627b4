/** Reads the chunks of a v1 node: turns them into server-sent events and keeps the tally. */

import { askForUsage, CallBody, edited, usageOptions, withoutUsage } from "../../protocol/mod.ts";
import { MAX_CHOICES, type Order, type Tally } from "./attempt.ts";
import { textInTurns } from "./body.ts";

interface Usage {
  prompt_tokens?: unknown;
  completion_tokens?: unknown;
}

interface Chunk {
  usage?: Usage | null;
  choices?: unknown;
}

interface Choice {
  index?: unknown;
  finish_reason?: unknown;
}

/** Parts of a chunk that hold tokens: text, reasoning, a refusal, the arguments of a tool call. */
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
  /** Indexes of the choices that have given their finish reason; null: none has. */
  #ended: Set<number> | null = null;
  #highestIndex = 0;
  /** Whether all choices of a stream have ended, so that only usage may follow. */
  isComplete = false;
  /** Whether the call was stopped: its caller does not get what is taken from now on. */
  isStopped = false;

  constructor(readonly order: Order) {}

  /**
   * Takes the chunk of one STREAM, as value and as text, and returns what the caller gets of it: an
   * event if the call streams, otherwise the JSON itself; the empty string if the chunk only reports
   * usage that the gateway asked for.
   */
  take(value: unknown, text: string): string {
    const chunk = value as Chunk;
    this.#chunks++;
    this.#readUsage(chunk.usage);
    if (carriesTokens(chunk.choices)) this.#contentChunks++;
    if (!this.order.stream) return text;
    if (Array.isArray(chunk.choices) && !this.isStopped) this.#readEnds(chunk.choices);
    if (this.order.wantsUsage) return event(text);
    const shown = withoutUsage(text, chunk);
    return shown === "" ? "" : event(shown);
  }

  tally(): Tally {
    // A streaming upstream sends about one token per chunk; a whole answer does not show its number of tokens.
    const isGuess = this.#completionTokens === null && this.order.stream && this.#contentChunks > 0;
    return {
      promptTokens: this.#promptTokens,
      completionTokens: isGuess ? this.#contentChunks : this.#completionTokens,
      estimated: isGuess,
      chunks: this.#chunks,
      ...(this.isComplete ? { isComplete: true as const } : {}),
    };
  }

  #readEnds(choices: readonly (Choice | null)[]): void {
    for (const choice of choices) {
      const index = choice?.index ?? 0;
      if (!isIndex(index)) continue;
      if (index > this.#highestIndex) this.#highestIndex = index;
      if (typeof choice?.finish_reason !== "string") continue;
      (this.#ended ??= new Set()).add(index);
      const expected = Math.max(this.#highestIndex + 1, this.order.choices);
      this.isComplete = this.#ended.size >= expected;
    }
  }

  #readUsage(usage: Usage | null | undefined): void {
    if (typeof usage !== "object" || usage === null) return;
    this.#promptTokens = tokenCount(usage.prompt_tokens) ?? this.#promptTokens;
    this.#completionTokens = tokenCount(usage.completion_tokens) ?? this.#completionTokens;
  }
}

/** The body for a v1 node: the caller's, changed to ask for usage in a stream whose caller did not. */
export function payloadFor({ stream, wantsUsage, body, streamOptions }: Order): string {
  return stream && !wantsUsage ? askForUsage(body.text, streamOptions) : body.text;
}

/** As `payloadFor`, for a long body, with others' turns in between. Null once it is not wanted any more. */
export async function payloadInTurns(
  { stream, wantsUsage, body, streamOptions }: Order,
  isWanted: () => boolean,
): Promise<string | null> {
  if (!stream || wantsUsage) return textInTurns(body.bytes, isWanted);
  const scanned = await CallBody.inSlices(body.bytes);
  const edits = scanned.edits({ stream_options: usageOptions(streamOptions) });
  return isWanted() ? textInTurns(edited(scanned.bytes, edits), isWanted) : null;
}

function isIndex(index: unknown): index is number {
  return Number.isInteger(index) && (index as number) >= 0 && (index as number) < MAX_CHOICES;
}

/** Whether any choice holds tokens: chunks with only a role or a finish reason do not. */
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

/** JSON may have line breaks between its tokens, which would end the event's line. */
function event(text: string): string {
  const oneLine = /[\r\n]/.test(text) ? JSON.stringify(JSON.parse(text)) : text;
  return `data: ${oneLine}\n\n`;
}

function tokenCount(value: unknown): number | null {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? value as number : null;
}
