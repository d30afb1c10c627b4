/** Reads JSON objects out of a provider's answers. */

import { UpstreamFailure } from "./adapter.ts";

export type Json = Record<string, unknown>;

/** Parses a JSON object. Throws an UpstreamFailure for any other text. */
export function parseObject(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch { /* not JSON: the same failure */ }
  throw notAnAnswer();
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The failure for a body or event that is no part of the requested answer. */
export function notAnAnswer(): UpstreamFailure {
  return new UpstreamFailure(502, "The provider sent something that is not an answer to this call");
}
