/** Counts what one call produced, from the usage that passes by. */

export interface Tally {
  /** Pieces that were sent. */
  readonly pieces: number;
  /** As the upstream told, or null where it did not. */
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  /** Pieces of a stream that carry text, thoughts or tool arguments: about one token each. */
  readonly tokenPieces: number;
  /** As the upstream told. */
  readonly finishReason: string | null;
  count(text: string): void;
}

/** Pieces are not parsed to be counted: a look at the text tells enough. */
const CARRIES_TOKENS =
  /"(?:content|text|reasoning|reasoning_content|refusal|arguments)"\s*:\s*"[^"]/;
const FINISH_REASON = /"finish_reason"\s*:\s*"(\w+)"/;

interface UsageText {
  usage?: { prompt_tokens?: unknown; completion_tokens?: unknown } | null;
}

export function tallyOf(): Tally {
  const tally = {
    pieces: 0,
    promptTokens: null as number | null,
    completionTokens: null as number | null,
    tokenPieces: 0,
    finishReason: null as string | null,
    count(text: string) {
      tally.pieces++;
      if (CARRIES_TOKENS.test(text)) tally.tokenPieces++;
      tally.finishReason = FINISH_REASON.exec(text)?.[1] ?? tally.finishReason;
      // Most pieces say nothing of usage, and a look at the text is far cheaper than parsing it.
      if (!/"usage"\s*:\s*\{/.test(text)) return;
      const { usage } = JSON.parse(text) as UsageText;
      tally.promptTokens = countIn(usage?.prompt_tokens) ?? tally.promptTokens;
      tally.completionTokens = countIn(usage?.completion_tokens) ?? tally.completionTokens;
    },
  };
  return tally;
}

function countIn(value: unknown): number | null {
  return Number.isSafeInteger(value) ? value as number : null;
}
