/** How a provider deviates from the usual OpenAI dialect. */

import { z } from "zod";
import type { ServerName } from "../servers/server_kind.ts";

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
  /** Whether a limit that the context has no room for is rejected, and so has to be lowered. */
  fitsContext: boolean;
  /** The prompt's tokens, as the provider counted them for the call that is repeated; null: unknown. */
  promptTokens: number | null;
  /** The length of a tool call's id, of letters and digits only; null: any id is accepted. */
  callIdChars: number | null;
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

export const usualQuirks: Quirks = {
  limitName: "max_tokens",
  reasoningField: "reasoning_content",
  efforts: null,
  systemFirst: false,
  maxStops: null,
  contextLength: null,
  fitsContext: true,
  promptTokens: null,
  callIdChars: null,
  omit: [],
};

/** A row of the presets: `host` is the provider's, `server` and `since` are what the server says of itself. */
interface Preset {
  host?: RegExp;
  server?: ServerName;
  /** The first version that deviates so; absent: all. */
  since?: string;
  change: Partial<Quirks>;
}

/** All that match count, the last one most. */
const presets: readonly Preset[] = [
  {
    host: /(^|\.)(openai\.com|openai\.azure\.com)$/,
    change: { limitName: "max_completion_tokens", reasoningField: null, maxStops: 4 },
  },
  {
    host: /(^|\.)googleapis\.com$/,
    change: {
      maxStops: 5,
      reasoningField: null,
      efforts: ["none", "minimal", "low", "medium", "high"],
    },
  },
  { host: /(^|\.)mistral\.ai$/, change: { reasoningField: null, callIdChars: 9 } },
  { host: /(^|\.)groq\.com$/, change: { reasoningField: "reasoning", maxStops: 4 } },
  { host: /(^|\.)openrouter\.ai$/, change: { reasoningField: "reasoning" } },
  { host: /(^|\.)deepseek\.com$/, change: { maxStops: 16 } },
  {
    server: "ollama",
    change: {
      reasoningField: "reasoning",
      efforts: ["none", "low", "medium", "high"],
      // It cuts the prompt, and goes on.
      fitsContext: false,
    },
  },
  { server: "vllm", change: { efforts: ["none", "low", "medium", "high"] } },
  { server: "vllm", since: "0.16", change: { reasoningField: "reasoning" } },
  { server: "sglang", change: { efforts: ["low", "medium", "high"] } },
];

/** Whether the host is a known service's, rather than a server of the owner's or one of unknown kind. */
export function isKnownHost(hostname: string): boolean {
  return presets.some(({ host }) => host?.test(hostname));
}

/** What is known of a provider before any call. */
export interface ProviderTraits {
  host: string;
  server?: ServerName | null;
  /** The server's version. */
  version?: string | null;
}

/** The quirks of a provider; `ofModel` are those of one of its models, and `own` its owner's corrections. */
export function quirksOf(
  traits: ProviderTraits,
  own: ConfiguredQuirks = {},
  ofModel: Partial<Quirks> = {},
): Quirks {
  return { ...presetQuirks(traits), ...ofModel, ...configuredQuirks(own) };
}

function presetQuirks({ host, server = null, version = null }: ProviderTraits): Quirks {
  const changes = presets.filter((preset) =>
    (preset.host === undefined || preset.host.test(host)) &&
    (preset.server === undefined || preset.server === server) &&
    (preset.since === undefined || isSince(version, preset.since))
  ).map(({ change }) => change);
  return Object.assign({}, usualQuirks, ...changes);
}

function configuredQuirks(own: ConfiguredQuirks): Partial<Quirks> {
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
  return Object.fromEntries(given);
}

/** Whether a version such as `0.16.1rc2` is `first` or later; an unknown one is not. */
function isSince(version: string | null, first: string): boolean {
  const numbers = (text: string) =>
    (/^v?(\d+(?:\.\d+)*)/.exec(text)?.[1] ?? "").split(".").map(Number);
  if (version === null) return false;
  const [have, want] = [numbers(version), numbers(first)];
  const at = want.findIndex((number, i) => number !== (have[i] ?? 0));
  return at < 0 || (have[at] ?? 0) > want[at]!;
}
