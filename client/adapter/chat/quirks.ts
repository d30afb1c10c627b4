/** How a provider deviates from the usual OpenAI dialect. */

import { z } from "zod";

export interface Quirks {
  /** The parameter that limits the answer's tokens. */
  limitName: "max_tokens" | "max_completion_tokens";
  /** The member of a past assistant message that holds its reasoning; null: rejected. */
  reasoningField: "reasoning_content" | "reasoning" | null;
  /** The supported reasoning efforts; null: all. */
  efforts: readonly string[] | null;
  /** Whether a system message may only come first. */
  systemFirst: boolean;
  /** The most stop sequences; null: no known limit. */
  maxStops: number | null;
  /** The tokens of prompt and answer together; null: unknown. */
  contextLength: number | null;
  /** The prompt's tokens, as the provider counted them for the call that is repeated. */
  promptTokens: number | null;
  /** Optional fields that are rejected. */
  omit: readonly string[];
}

/** The owner's corrections in the configuration. */
export const quirksShape = z.strictObject({
  max_tokens_field: z.enum(["max_tokens", "max_completion_tokens"]).optional(),
  reasoning_field: z.enum(["reasoning_content", "reasoning", "none"]).optional(),
  efforts: z.array(z.string()).optional(),
  system_first: z.boolean().optional(),
  max_stops: z.int().min(0).optional(),
  context_length: z.int().min(1).optional(),
  omit: z.array(z.string()).optional(),
});

export type ConfiguredQuirks = z.infer<typeof quirksShape>;

const usual: Quirks = {
  limitName: "max_tokens",
  reasoningField: "reasoning_content",
  efforts: null,
  systemFirst: false,
  maxStops: null,
  contextLength: null,
  promptTokens: null,
  omit: [],
};

/** By the provider's host; the first match counts. */
const presets: readonly [host: RegExp, change: Partial<Quirks>][] = [
  [/(^|\.)(openai\.com|openai\.azure\.com)$/, {
    limitName: "max_completion_tokens",
    reasoningField: null,
    maxStops: 4,
  }],
  [/(^|\.)googleapis\.com$/, { maxStops: 5, reasoningField: null }],
  [/(^|\.)mistral\.ai$/, { reasoningField: null }],
  [/(^|\.)(groq\.com|openrouter\.ai)$/, { reasoningField: "reasoning" }],
  [/(^|\.)deepseek\.com$/, { maxStops: 16 }],
];

/** The quirks of a provider at a host, with its owner's corrections. */
export function quirksOf(host: string, own: ConfiguredQuirks = {}): Quirks {
  const preset = presets.find(([pattern]) => pattern.test(host))?.[1];
  const { max_tokens_field: limitName, reasoning_field, efforts, system_first: systemFirst } = own;
  const { max_stops: maxStops, context_length: contextLength, omit } = own;
  const reasoningField = reasoning_field === "none" ? null : reasoning_field;
  const configured = {
    limitName,
    reasoningField,
    efforts,
    systemFirst,
    maxStops,
    contextLength,
    omit,
  };
  const given = Object.entries(configured).filter(([, value]) => value !== undefined);
  return { ...usual, ...preset, ...Object.fromEntries(given) };
}
