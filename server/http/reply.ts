/** Renders errors, once, in the one shape that every path answers with. */

import type { ErrorView } from "../../protocol/mod.ts";
import { ColinkError } from "../error.ts";
import type { Refusal } from "../call/blame.ts";

export function errorView(error: ColinkError): ErrorView {
  const { type, code } = error.kind;
  return { error: { message: error.message, type, param: error.param, code } };
}

/** An error as a complete answer; `headers` go along (the request's id, limits). */
export function errorResponse(error: ColinkError, headers?: Headers): Response {
  const all = new Headers(headers);
  all.set("content-type", "application/json");
  if (error.retryAfterMs !== null) {
    all.set("retry-after-ms", String(Math.ceil(error.retryAfterMs)));
    all.set("retry-after", String(Math.ceil(error.retryAfterMs / 1000)));
  }
  // SDKs retry by status; where that cannot help, they are told so.
  if (isRetriedBySdks(error.kind.status)) {
    all.set("x-should-retry", String(error.kind.retry !== "never"));
  }
  const status = error.kind.status === 499 ? 400 : error.kind.status;
  return new Response(JSON.stringify(errorView(error)), { status, headers: all });
}

/** The upstream's own refusal, as it came. */
export function refusalResponse({ status, body, headers }: Refusal, ours?: Headers): Response {
  const all = new Headers(ours);
  for (const [name, value] of Object.entries(headers)) all.set(name, value);
  all.set("content-type", "application/json");
  // A conflict upstream will be one again; SDKs would try it twice more.
  if (isRetriedBySdks(status)) all.set("x-should-retry", "false");
  return new Response(body, { status, headers: all });
}

function isRetriedBySdks(status: number): boolean {
  return status === 408 || status === 409 || status === 429 || status >= 500;
}
