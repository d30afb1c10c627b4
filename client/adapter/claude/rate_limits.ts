/** The Anthropic headers that callers may see, with rate limits under OpenAI's names too. */

import type { HttpHeaders } from "../../http/http_response.ts";
import { relayedHeaders } from "../upstream/relayed_headers.ts";

const PARTS = ["limit", "remaining", "reset"] as const;

/** OpenAI's unit → Anthropic's equivalents, the best one first. */
const units: Readonly<Record<string, readonly string[]>> = Object.freeze({
  requests: ["requests"],
  tokens: ["tokens", "input-tokens", "output-tokens"],
});

/** `nowMs`: the time of day. */
export function claudeHeaders(headers: HttpHeaders, nowMs: number): Record<string, string> {
  const translated = Object.entries(units).flatMap(([unit, sources]) => {
    const source = sources.find((name) => headers.has(`anthropic-ratelimit-${name}-limit`));
    return source === undefined ? [] : PARTS.flatMap((part) => {
      const value = headers.get(`anthropic-ratelimit-${source}-${part}`);
      const shown = part === "reset" ? duration(value, nowMs) : value;
      return shown === null ? [] : [[`x-ratelimit-${part}-${unit}`, shown]];
    });
  });
  return { ...Object.fromEntries(translated), ...relayedHeaders(headers) };
}

/** Anthropic sends a limit's reset time, OpenAI the duration until it: `6m0s`. */
function duration(date: string | null, nowMs: number): string | null {
  const atMs = Date.parse(date ?? "");
  if (Number.isNaN(atMs)) return null;
  const seconds = Math.max(0, Math.ceil((atMs - nowMs) / 1000));
  const minutes = Math.floor(seconds / 60);
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds % 60}s`;
}
