/** Reads the error bodies of OpenAI-compatible servers. */

import type { ReadError } from "../upstream/upstream_error.ts";
import { errorObject } from "../upstream/upstream_error.ts";

/** A body in OpenAI's shape reaches callers unchanged; any other is converted to that shape. */
export const openAiError: ReadError = (status, body, text) => {
  const error = errorObject(body, `HTTP ${status}`);
  return { code: status, error, ...(isOpenAiBody(body) ? { bodyText: text.trim() } : {}) };
};

function isOpenAiBody(body: unknown): boolean {
  const { error } = (body ?? {}) as { error?: { message?: unknown; type?: unknown } | null };
  return typeof error?.message === "string" && typeof error.type === "string";
}
