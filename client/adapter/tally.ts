/** Counts what one call produced, from the pieces that pass by. */

import { Endpoint } from "../../protocol/mod.ts";
import type { Piece } from "./adapter.ts";
import { signsOf } from "./signs.ts";

export interface Tally {
  /** Pieces that were sent. */
  readonly pieces: number;
  /** As the upstream told, or null where it did not. Tokens from its cache are part of the prompt. */
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  /** Events of a stream that carry text, thoughts or tool arguments: about one token each. */
  readonly tokenEvents: number;
  /** As the upstream told. */
  readonly finishReason: string | null;
  /** Of a stored response, by which later calls may name it. */
  readonly responseId: string | null;
  count(piece: Piece): void;
}

type Counts = Record<string, unknown>;

/** An answer, or an event that holds one. */
interface Told {
  usage?: Counts | null;
  /** `message_start`. */
  message?: { usage?: Counts | null };
  /** `response.created` and others. */
  response?: StoredResponse & { usage?: Counts | null };
}

interface StoredResponse {
  object?: unknown;
  id?: unknown;
  store?: unknown;
}

export function tallyOf(endpoint: Endpoint): Tally {
  const sign = signsOf(endpoint);
  /** Later counts replace earlier ones, one by one: some dialects tell the prompt's first. */
  const usage: Counts = {};
  const tally = {
    pieces: 0,
    promptTokens: null as number | null,
    completionTokens: null as number | null,
    tokenEvents: 0,
    finishReason: null as string | null,
    responseId: null as string | null,
    count(piece: Piece) {
      tally.pieces++;
      if (typeof piece === "string") countText(piece);
      else tally.tokenEvents += piece.tokenEvents;
    },
  };

  function countText(text: string): void {
    if (sign.tokens.test(text)) tally.tokenEvents++;
    tally.finishReason = sign.finishReason.exec(text)?.[1] ?? tally.finishReason;
    if (!sign.account.test(text)) return;
    const told = JSON.parse(text) as Told;
    Object.assign(usage, told.usage ?? told.response?.usage ?? told.message?.usage);
    tally.completionTokens = countIn(usage.completion_tokens) ?? countIn(usage.output_tokens) ??
      tally.completionTokens;
    tally.promptTokens = promptTokens(usage) ?? tally.promptTokens;
    if (endpoint === Endpoint.responses) tally.responseId = storedId(told) ?? tally.responseId;
  }

  return tally;
}

/** Claude counts what its cache holds apart from the rest of the prompt. */
function promptTokens(usage: Counts): number | null {
  const told = countIn(usage.prompt_tokens);
  if (told !== null) return told;
  if (usage.input_tokens === undefined) return onlyTotal(usage);
  const counts = [
    usage.input_tokens,
    usage.cache_read_input_tokens,
    usage.cache_creation_input_tokens,
  ].map(countIn);
  return counts[0] === null ? null : counts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
}

/** Of what was only read, some servers tell nothing but the sum. */
function onlyTotal(usage: Counts): number | null {
  const hasMade = usage.completion_tokens !== undefined || usage.output_tokens !== undefined;
  return hasMade ? null : countIn(usage.total_tokens);
}

function storedId(told: Told & StoredResponse): string | null {
  const response = told.object === "response" ? told : told.response;
  return typeof response?.id === "string" && response.store !== false ? response.id : null;
}

function countIn(value: unknown): number | null {
  return Number.isSafeInteger(value) ? value as number : null;
}
