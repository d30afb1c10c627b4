/** Counts what one call produced, from the usage that passes by. */

export interface Tally {
  /** Pieces that were sent. */
  readonly pieces: number;
  /** As the upstream told, or null where it did not. */
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  count(text: string): void;
}

interface UsageText {
  usage?: { prompt_tokens?: unknown; completion_tokens?: unknown } | null;
}

export function tallyOf(): Tally {
  const tally = {
    pieces: 0,
    promptTokens: null as number | null,
    completionTokens: null as number | null,
    count(text: string) {
      tally.pieces++;
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
