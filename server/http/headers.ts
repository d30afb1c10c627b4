/** The headers that go on every answer: the request's id, and what browsers on other sites may do. */

import type { MiddlewareHandler } from "hono";
import type { AppContext, AppEnv } from "./env.ts";

const EXPOSED = [
  "x-request-id",
  "x-colink-node",
  "retry-after",
  "retry-after-ms",
  "x-should-retry",
  "x-ratelimit-limit-requests",
  "x-ratelimit-remaining-requests",
  "x-ratelimit-reset-requests",
  "openai-processing-ms",
].join(", ");

/**
 * Gives each request its id and puts the gathered headers on whatever answer comes. They are set in
 * place: making a new Response of a streaming one would lose Bun's direct stream.
 */
export const commonHeaders: MiddlewareHandler<AppEnv> = async (c, next) => {
  const requestId = `req-${crypto.randomUUID().replaceAll("-", "")}`;
  const headers = new Headers({ "x-request-id": requestId });
  c.set("requestId", requestId);
  c.set("headers", headers);
  await next();
  // Answers of calls are made with them.
  if (c.res.headers.has("x-request-id")) return;
  headers.forEach((value, name) => c.res.headers.set(name, value));
};

/** `/v1` may be called from any site, with a key and never with cookies. */
export const openToAllSites: MiddlewareHandler<AppEnv> = async (c, next) => {
  const headers = c.get("headers");
  headers.set("access-control-allow-origin", "*");
  headers.set("access-control-expose-headers", EXPOSED);
  headers.set("openai-version", "2020-10-01");
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
  const headers = c.get("headers");
  headers.set("cache-control", "no-store");
  headers.set("x-content-type-options", "nosniff");
  await next();
};
