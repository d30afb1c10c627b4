/** The calls of a simulation: who asks what and when. */

export type TraceName = "independent" | "conversations" | "mixed";

/** What is asked at a time, or after an answer. */
export interface Ask {
  readonly messages: readonly string[];
  readonly answer: string;
  readonly promptTokens: number;
  readonly answerTokens: number;
}

const CHARS_PER_TOKEN = 4;
const TURNS = 8;

/** Means and spreads of logarithms. */
interface Lengths {
  prompt: readonly [median: number, sigma: number];
  answer: readonly [median: number, sigma: number];
}

const lengths: Readonly<Record<TraceName, Lengths>> = {
  independent: { prompt: [300, 0.9], answer: [180, 0.7] },
  conversations: { prompt: [250, 0.6], answer: [150, 0.5] },
  // The medians and the tails that Patel et al. give for Azure's conversation trace of November 2023:
  // prompts of 1,020 tokens, answers of 129, both with tails to several thousand.
  mixed: { prompt: [1_020, 1.1], answer: [129, 0.95] },
};

/** Mean tokens that a server must write, and what it reads counted as writing. */
export function meanWork(trace: TraceName): number {
  const { prompt, answer } = lengths[trace];
  const mean = ([median, sigma]: readonly [number, number]) => median * Math.exp(sigma ** 2 / 2);
  return mean(answer) + mean(prompt) / 25;
}

/** A conversation: all of its turns; of one turn where calls are independent. */
export function conversation(trace: TraceName, random: () => number, name: string): Ask[] {
  const { prompt, answer } = lengths[trace];
  const turns = trace === "conversations" ? TURNS : 1;
  const asks: Ask[] = [];
  const messages: string[] = [];
  for (let turn = 0; turn < turns; turn++) {
    const promptTokens = drawn(prompt, random);
    const answerTokens = drawn(answer, random);
    messages.push(textOf(`${name} ${turn} `, promptTokens));
    const said = textOf(`${name} ${turn} answer `, answerTokens);
    const chars = messages.reduce((sum, { length }) => sum + length, 0);
    asks.push({
      messages: [...messages],
      answer: said,
      promptTokens: chars / CHARS_PER_TOKEN,
      answerTokens,
    });
    messages.push(said);
  }
  return asks;
}

/** Milliseconds to the next arrival: Poisson; in bursts, every second minute is three times as busy. */
export function gap(trace: TraceName, meanMs: number, atMs: number, random: () => number): number {
  const isBurst = trace === "mixed" && Math.floor(atMs / 60_000) % 2 === 0;
  const factor = trace !== "mixed" ? 1 : isBurst ? 2 / 3 : 2;
  return -Math.log(1 - random()) * meanMs * factor;
}

function drawn([median, sigma]: readonly [number, number], random: () => number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.max(1, Math.min(8_000, Math.round(median * Math.exp(sigma * normal))));
}

function textOf(beginning: string, tokens: number): string {
  return beginning.padEnd(tokens * CHARS_PER_TOKEN, "x");
}
