/** Every route of the gateway, on one screen. */

import { Hono } from "hono";
import { ColinkError, type ErrorCode } from "./error.ts";
import { consoleApi } from "./http/console_api.ts";
import { endpoints } from "./http/endpoints.ts";
import type { AppContext, AppEnv } from "./http/env.ts";
import { commonHeaders, openToAllSites, privateAnswers } from "./http/headers.ts";
import { livez, metrics, readyz } from "./http/health.ts";
import { inference } from "./http/inference.ts";
import { listModels, oneModel } from "./http/models.ts";
import type { AppParts } from "./http/parts.ts";
import { errorResponse } from "./http/reply.ts";
import { upgrade } from "./http/upgrade.ts";
import type { Log } from "./log.ts";

export function createApp(parts: AppParts): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.use(commonHeaders);
  app.onError((error, c) => refused(error, c, parts.log));
  app.notFound((c) => refused(noSuchPath(c), c, parts.log));

  app.get("/livez", livez);
  app.get("/readyz", readyz(parts));
  app.get("/metrics", metrics(parts));
  app.get("/ws", upgrade(parts));

  app.use("/v1/*", openToAllSites);
  for (const endpoint of endpoints) app.post(endpoint.path, inference(endpoint, parts));
  app.get("/v1/models", listModels(parts));
  app.get("/v1/models/*", oneModel(parts));
  for (const { path } of endpoints) app.all(path, methodNotAllowed);
  app.all("/v1/*", notFound);

  app.use("/api/*", privateAnswers);
  app.route("/api", consoleApi(parts));
  app.all("/api/*", notFound);

  if (parts.console) app.get("*", parts.console);
  return app;
}

function notFound(c: AppContext): never {
  throw noSuchPath(c);
}

function noSuchPath(c: AppContext): ColinkError {
  return new ColinkError("not_found", `Cannot ${c.req.method} ${c.req.path}: no such path`);
}

function methodNotAllowed(c: AppContext): never {
  throw new ColinkError("method_not_allowed", `Cannot ${c.req.method} ${c.req.path}: use POST`);
}

/** The one place where errors become answers. Unexpected ones are logged whole, and shown as their id. */
function refused(error: unknown, c: AppContext, log: Log): Response {
  const requestId = c.get("requestId");
  const where = { request: requestId, method: c.req.method, path: c.req.path };
  if (error instanceof ColinkError && error.code !== "internal") {
    const { status } = error.kind;
    log.info({ ...where, status, cause: error.code }, "refused");
    return errorResponse(error);
  }
  const malformed = badRequest(error);
  if (malformed) return errorResponse(malformed);
  log.error({ ...where, err: error }, "unexpected error");
  return errorResponse(
    new ColinkError("internal", `Cannot answer: an unexpected error; report it as ${requestId}`),
  );
}

/** Hono's own complaints about a body, by status. */
const complaints: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  400: ["invalid_json", "Cannot read the body: it is not valid JSON"],
  415: [
    "unsupported_media_type",
    "Cannot read the body: it must be JSON; send the header content-type: application/json",
  ],
};

function badRequest(error: unknown): ColinkError | null {
  const complaint = complaints[Number((error as { status?: unknown }).status)];
  return complaint === undefined ? null : new ColinkError(...complaint);
}
