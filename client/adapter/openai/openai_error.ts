/** Reads the errors of OpenAI-compatible servers. */

import {
  errorIn,
  errorStatus,
  lastMember,
  objectMembers,
  withMember,
} from "../../../protocol/mod.ts";
import type { UpstreamErrorObject } from "../adapter.ts";
import { CONTEXT_OVERFLOW, isContextOverflow } from "../upstream/context_overflow.ts";
import { errorObject, type ReadError } from "../upstream/upstream_error.ts";

/** A body in OpenAI's shape reaches callers in the provider's words; any other is converted to that shape. */
export const openAiError: ReadError = (status, body, text) => {
  const error = errorObject(body, `HTTP ${status}`);
  if (isContextOverflow(error)) return { code: 400, error: overflow(error) };
  const own = isOpenAiBody(body) ? { bodyText: inShape(text.trim(), body.error) } : {};
  return { code: status, error, ...own };
};

/** An error inside a stream, or in place of an answer, after status 200. */
export function errorAfter200(body: unknown): { code: number; error: UpstreamErrorObject } {
  const error = errorObject(body, "The provider failed in the middle of its answer");
  return isContextOverflow(error)
    ? { code: 400, error: overflow(error) }
    : { code: errorStatus(errorIn(body) ?? error), error };
}

function overflow({ message, param }: UpstreamErrorObject): UpstreamErrorObject {
  return { message, type: "invalid_request_error", param: param ?? null, code: CONTEXT_OVERFLOW };
}

interface OpenAiBody {
  error: { message: string; type: string; param?: unknown; code?: unknown };
}

function isOpenAiBody(body: unknown): body is OpenAiBody {
  const { error } = (body ?? {}) as Partial<OpenAiBody>;
  return typeof error?.message === "string" && typeof error.type === "string";
}

/** The body with a `code` that is a string or null, and with `param`; unchanged if it has both. */
function inShape(text: string, { code, param }: OpenAiBody["error"]): string {
  const isCode = typeof code === "string" || code === null;
  if (isCode && param !== undefined) return text;
  const { start, end } = lastMember(objectMembers(text), "error")!;
  let error = text.slice(start, end);
  // A number repeats the status, in most servers.
  if (!isCode) error = withMember(error, "code", "null");
  if (param === undefined) error = withMember(error, "param", "null");
  return withMember(text, "error", error);
}
