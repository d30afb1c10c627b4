/** Every route of the gateway, on one screen. */

import { Hono } from "hono";
import { ColinkError } from "./base/error.ts";
import { consoleWhenAsked } from "./http/console/when_asked.ts";
import { anthropic, type ErrorFormat, isAnthropicSdk, openAi } from "./http/error_format.ts";
import { dialectOf, endpoints } from "./http/endpoints.ts";
import type { AppContext, AppEnv } from "./http/env.ts";
import { apiAnswers, commonHeaders, privateAnswers } from "./http/headers.ts";
import { livez, metrics, readyz } from "./http/health.ts";
import { inference } from "./http/inference.ts";
import { listModels, oneModel } from "./http/models.ts";
import { nearPathHint } from "./http/near_path.ts";
import type { AppParts } from "./http/parts.ts";
import { peerUpgrade } from "./http/peer_upgrade.ts";
import { refused } from "./http/reply.ts";
import { upgrade } from "./http/upgrade.ts";

/** The calls: what a listening server hands to these paths never sees the app. */
export function callRoutes(parts: AppParts) {
  return Object.fromEntries(
    endpoints.map((endpoint) => [endpoint.path, { POST: inference(endpoint, parts) }]),
  );
}

/** Everything else. */
export function createApp(parts: AppParts): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.use(commonHeaders);
  const refuse = (error: unknown, c: AppContext) => {
    const recipient = { dialect: dialectFor(c), requestId: c.get("requestId") };
    return refused(error, c.req, recipient, parts.log);
  };
  app.onError(refuse);
  app.notFound((c) => refuse(noSuchPath(c), c));

  app.get("/livez", livez);
  app.get("/readyz", readyz(parts));
  app.get("/metrics", metrics(parts));
  app.get("/ws", upgrade(parts));
  app.get("/cluster", peerUpgrade(parts));

  app.use("/v1/*", apiAnswers);
  app.get("/v1/models", listModels(parts));
  app.get("/v1/models/*", oneModel(parts));
  for (const path of ["/v1/models", "/v1/models/*"]) app.all(path, only("GET"));
  for (const { path } of endpoints) app.all(path, only("POST"));
  app.on(["GET", "DELETE"], "/v1/responses/*", notKept);
  app.all("/v1/*", notFound);

  app.use("/api/*", privateAnswers);
  app.all("/api/*", consoleWhenAsked(parts, notFound));

  if (parts.console) app.get("*", parts.console);
  return app;
}

function notFound(c: AppContext): never {
  throw noSuchPath(c);
}

function noSuchPath(c: AppContext): ColinkError {
  const hint = nearPathHint(c.req.path);
  return new ColinkError("not_found", `Cannot ${c.req.method} ${c.req.path}: no such path${hint}`);
}

function notKept(c: AppContext): never {
  throw new ColinkError(
    "not_found",
    `Cannot ${c.req.method} ${c.req.path}: stored responses cannot be fetched here; ` +
      "go on from one with previous_response_id",
  );
}

function only(method: "GET" | "POST") {
  return (c: AppContext): never => {
    c.get("headers").allow = method;
    throw new ColinkError(
      "method_not_supported",
      `Cannot ${c.req.method} ${c.req.path}: use ${method}`,
    );
  };
}

/** The endpoint's own; elsewhere it depends on who asks. */
function dialectFor({ req }: AppContext): ErrorFormat {
  return dialectOf(req.path) ?? (isAnthropicSdk(req.raw.headers) ? anthropic : openAi);
}
