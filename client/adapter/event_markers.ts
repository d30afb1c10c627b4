/** Patterns that find tokens, finish reasons and usage in an event's text without parsing it. */

import { Endpoint } from "../../protocol/mod.ts";

export interface EventMarkers {
  /** Matches an event that carries text, reasoning or tool arguments. */
  tokens: RegExp;
  /** Captures the finish reason in its first group. */
  finishReason: RegExp;
  /** Matches an event that must be parsed: it holds usage or a stored response's id. */
  accounting: RegExp;
}

const NEVER = /(?!)/;
const USAGE = /"usage"\s*:\s*\{/;

const chunkMarkers: EventMarkers = {
  tokens: /"(?:content|text|reasoning|reasoning_content|refusal|arguments)"\s*:\s*"[^"]/,
  finishReason: /"finish_reason"\s*:\s*"(\w+)"/,
  accounting: USAGE,
};

const wholeMarkers: EventMarkers = { tokens: NEVER, finishReason: NEVER, accounting: USAGE };

const streamMarkers: Readonly<Partial<Record<Endpoint, EventMarkers>>> = Object.freeze({
  [Endpoint.chat]: chunkMarkers,
  [Endpoint.completions]: chunkMarkers,
  [Endpoint.responses]: {
    tokens: /"delta"\s*:\s*"[^"]/,
    finishReason: /"type"\s*:\s*"response\.(completed|incomplete|failed)"/,
    accounting: /"response"\s*:\s*\{|"object"\s*:\s*"response"/,
  },
  [Endpoint.messages]: {
    tokens: /"(?:text|thinking|partial_json)"\s*:\s*"[^"]/,
    finishReason: /"stop_reason"\s*:\s*"(\w+)"/,
    accounting: USAGE,
  },
});

/** The patterns of an endpoint's events. Whole answers are searched for usage only. */
export function markersOf(endpoint: Endpoint): EventMarkers {
  return streamMarkers[endpoint] ?? wholeMarkers;
}
