/** The headers of every answer: the request's id, caching, and what browsers on other sites may do. */

import type { MiddlewareHandler } from "hono";
import { newId } from "../base/new_id.ts";
import { RELAYED_HEADERS } from "../../protocol/mod.ts";
import type { ErrorFormat } from "./error_format.ts";
import type { AnswerHeaders, AppContext, AppEnv, CommonHeaders } from "./env.ts";

const API_VERSION: Readonly<AnswerHeaders> = Object.freeze({ "openai-version": "2020-10-01" });

/** `/v1` may be called from any site, with a key and never with cookies. Sent to browsers only: it is long. */
const openToAllSites: Readonly<AnswerHeaders> = Object.freeze({
  "access-control-allow-origin": "*",
  "access-control-expose-headers": [
    "x-request-id",
    "request-id",
    "x-colink-node",
    "x-colink-route",
    "x-colink-alias",
    "x-colink-replayed",
    "x-colink-resumable",
    ...new Set(RELAYED_HEADERS.values()),
  ].join(", "),
});

/** Nothing under `/api` may be cached, and no browser may guess its content types. */
const privateHeaders: Readonly<AnswerHeaders> = Object.freeze({
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
});

/** The headers that every answer to a call begins with. */
export function callHeaders(
  requestId: string,
  { requestIdHeader }: ErrorFormat,
  sent: Headers,
): AnswerHeaders {
  const headers: AnswerHeaders = { "x-request-id": requestId };
  Object.assign(headers, v1Headers(sent));
  if (requestIdHeader !== null) headers[requestIdHeader] = requestId;
  return headers;
}

/** A name as a header's value: what is not printable ASCII is encoded as in a URL. */
export function headerText(name: string): string {
  return name.toWellFormed().replaceAll(/[^\x21-\x7e]+|%/g, encodeURIComponent);
}

/** The headers that any other answer has, whatever it will be. The same object for one request each time. */
export function answerHeaders(c: AppContext): CommonHeaders {
  const known = c.get("headers");
  if (known !== undefined) return known;
  const headers = { "x-request-id": newId("req-"), ...pathHeaders(c) };
  c.set("headers", headers);
  return headers;
}

/**
 * Puts a request's headers on its answer. They are set in place: making a new Response of one that has
 * a body would cost its body.
 */
export const commonHeaders: MiddlewareHandler<AppEnv> = async (c, next) => {
  const headers = answerHeaders(c);
  await next();
  for (const [name, value] of Object.entries(headers)) c.res.headers.set(name, value);
};

/** Needs no key: browsers send none here. `*` would not cover `authorization`, so the list is reflected. */
export function preflight(c: AppContext): Response {
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
      "access-control-allow-headers": c.req.header("access-control-request-headers") ??
        "authorization, content-type",
      "access-control-max-age": "86400",
      vary: "access-control-request-headers",
    },
  });
}

function pathHeaders({ req }: AppContext): Readonly<AnswerHeaders> {
  if (isUnder("/v1", req.path)) return v1Headers(req.raw.headers);
  return isUnder("/api", req.path) ? privateHeaders : {};
}

function isUnder(folder: string, path: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function v1Headers(sent: Headers): Readonly<AnswerHeaders> {
  return sent.has("origin") ? { ...API_VERSION, ...openToAllSites } : API_VERSION;
}
