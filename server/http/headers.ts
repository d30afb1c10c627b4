/** The headers that go on every answer: the request's id, and what browsers on other sites may do. */

import type { MiddlewareHandler } from "hono";
import { RELAYED_HEADERS } from "../../protocol/mod.ts";
import type { ErrorFormat } from "./error_format.ts";
import type { AnswerHeaders, AppContext, AppEnv } from "./env.ts";

const API_VERSION: Readonly<AnswerHeaders> = Object.freeze({ "openai-version": "2020-10-01" });

/** `/v1` may be called from any site, with a key and never with cookies. Said to browsers only: it is long. */
const openToAllSites: Readonly<AnswerHeaders> = Object.freeze({
  "access-control-allow-origin": "*",
  "access-control-expose-headers": [
    "x-request-id",
    "request-id",
    "x-colink-node",
    ...new Set(RELAYED_HEADERS.values()),
  ].join(", "),
});

/**
 * Unguessable: 62 random bits behind the time. Ids that follow each other lie beside each other in the
 * ledger, where wholly random ones would make the database write a page for each call.
 */
export function newRequestId(): string {
  return `req-${Bun.randomUUIDv7("buffer").toString("hex")}`;
}

/** What every answer under `/v1` has, given what was asked with. */
function apiHeaders(asked: Headers): Readonly<AnswerHeaders> {
  return asked.has("origin") ? { ...API_VERSION, ...openToAllSites } : API_VERSION;
}

/** What every answer to a call begins with. */
export function callHeaders(
  requestId: string,
  { requestIdHeader }: ErrorFormat,
  asked: Headers,
): AnswerHeaders {
  const headers: AnswerHeaders = { "x-request-id": requestId, ...apiHeaders(asked) };
  if (requestIdHeader !== null) headers[requestIdHeader] = requestId;
  return headers;
}

/**
 * Gives each request its id and puts the gathered headers on whatever answer comes. They are set in
 * place: making a new Response of one that has a body would cost its body.
 */
export const commonHeaders: MiddlewareHandler<AppEnv> = async (c, next) => {
  const requestId = newRequestId();
  const headers = { "x-request-id": requestId };
  c.set("requestId", requestId);
  c.set("headers", headers);
  await next();
  for (const [name, value] of Object.entries(headers)) c.res.headers.set(name, value);
};

/** For whatever under `/v1` is no call. */
export const apiAnswers: MiddlewareHandler<AppEnv> = async (c, next) => {
  Object.assign(c.get("headers"), apiHeaders(c.req.raw.headers));
  if (c.req.method === "OPTIONS") return preflight(c);
  await next();
};

/** Answered without a key: browsers send none here. `*` would not cover `authorization`, so the list is reflected. */
function preflight(c: AppContext): Response {
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

/** Nothing under `/api` is for caches or for guessing content types. */
export const privateAnswers: MiddlewareHandler<AppEnv> = async (c, next) => {
  Object.assign(c.get("headers"), {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  await next();
};
