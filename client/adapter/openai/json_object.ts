/** JSON objects in what a provider says. */

import { UpstreamFailure } from "../adapter.ts";

export type Json = Record<string, unknown>;

/** The object that a text says. Throws an UpstreamFailure if it says none. */
export function parseObject(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value)) return value;
  } catch { /* not JSON: the same complaint */ }
  throw notAnAnswer();
}

export function isJsonObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What came is no part of the answer that was asked for. */
export function notAnAnswer(): UpstreamFailure {
  return new UpstreamFailure(502, "The provider sent something that is not an answer to this call");
}
