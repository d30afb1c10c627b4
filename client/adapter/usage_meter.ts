/** Counts what one call produced, from the pieces of its answer. */

import { Endpoint } from "../../protocol/mod.ts";
import type { Piece } from "./adapter.ts";
import { markersOf } from "./event_markers.ts";

export interface UsageMeter {
  /** Pieces counted so far. */
  readonly pieces: number;
  /** The upstream's counts; null while it has reported none. Cached tokens are part of the prompt. */
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  /** Events of a stream that carry text, reasoning or tool arguments: about one token each. */
  readonly tokenEvents: number;
  /** The upstream's finish reason, in its own words. */
  readonly finishReason: string | null;
  /** The id of a stored response, which later calls may refer to. */
  readonly responseId: string | null;
  count(piece: Piece): void;
}

type Counts = Record<string, unknown>;

/** The members of an answer or event that report usage. */
interface Report {
  usage?: Counts | null;
  /** Present in Claude's `message_start`. */
  message?: { usage?: Counts | null };
  /** Moonshot reports usage in the last chunk's choice. */
  choices?: { usage?: Counts | null }[] | null;
  /** Present in `response.created` and its like. */
  response?: StoredResponse & { usage?: Counts | null };
}

interface StoredResponse {
  object?: unknown;
  id?: unknown;
  store?: unknown;
}

export function usageMeter(endpoint: Endpoint): UsageMeter {
  const markers = markersOf(endpoint);
  /** Merged member by member: Claude reports the prompt's tokens first, the answer's later. */
  const usage: Counts = {};
  const meter = {
    pieces: 0,
    promptTokens: null as number | null,
    completionTokens: null as number | null,
    tokenEvents: 0,
    finishReason: null as string | null,
    responseId: null as string | null,
    count(piece: Piece) {
      meter.pieces++;
      if (typeof piece === "string") countText(piece);
      else {
        meter.tokenEvents += piece.tokenEvents;
        if (piece.report !== undefined) countText(piece.report);
      }
    },
  };

  function countText(text: string): void {
    if (markers.tokens.test(text)) meter.tokenEvents++;
    meter.finishReason = markers.finishReason.exec(text)?.[1] ?? meter.finishReason;
    if (!markers.accounting.test(text)) return;
    const report = JSON.parse(text) as Report;
    Object.assign(usage, usageIn(report));
    const completion = countIn(usage.completion_tokens) ?? countIn(usage.output_tokens);
    const prompt = promptTokens(usage);
    if (!isPlaceholder(prompt, completion)) {
      meter.completionTokens = completion ?? meter.completionTokens;
      meter.promptTokens = prompt ?? meter.promptTokens;
    }
    if (endpoint === Endpoint.responses) meter.responseId = responseId(report) ?? meter.responseId;
  }

  /** A bridged answer must have numbers here, although its provider has reported none. */
  function isPlaceholder(prompt: number | null, completion: number | null): boolean {
    const isRequired = endpoint === Endpoint.messages || endpoint === Endpoint.responses;
    return isRequired && prompt === 0 && completion === 0;
  }

  return meter;
}

function usageIn({ usage, response, message, choices }: Report): Counts | null | undefined {
  return usage ?? response?.usage ?? message?.usage ??
    choices?.find((choice) => choice?.usage)?.usage;
}

/** Claude reports cached tokens apart from the rest of the prompt. */
function promptTokens(usage: Counts): number | null {
  const prompt = countIn(usage.prompt_tokens);
  if (prompt !== null) return prompt;
  if (usage.input_tokens === undefined) return onlyTotal(usage);
  const counts = [
    usage.input_tokens,
    usage.cache_read_input_tokens,
    usage.cache_creation_input_tokens,
  ].map(countIn);
  return counts[0] === null ? null : counts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
}

/** Endpoints that generate nothing (embeddings, rerank) may report only the total. */
function onlyTotal(usage: Counts): number | null {
  const hasMade = usage.completion_tokens !== undefined || usage.output_tokens !== undefined;
  return hasMade ? null : countIn(usage.total_tokens);
}

function responseId(report: Report & StoredResponse): string | null {
  const response = report.object === "response" ? report : report.response;
  return typeof response?.id === "string" && response.store !== false ? response.id : null;
}

function countIn(value: unknown): number | null {
  return Number.isSafeInteger(value) ? value as number : null;
}
